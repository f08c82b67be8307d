//! Backups that go, and backups that are looked at.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use pgbelay_controller::keeper::KeeperTiming;
use pgbelay_controller::server::Options;
use pgbelay_proto::wire;
use pgbelay_proto::wire::controller_message::Message::Probe;
use pgbelay_proto::wire::create_plan_request::Goal;

use super::world::{Stream, World, refusal, until};

/// Whoever waits for what never comes in a test.
const NEVER: Duration = Duration::from_secs(3_600);

const SOON: Duration = Duration::from_millis(50);

/// Windows are closed as soon as they are open.
const KEEP_ONE: &str = "environments:\n- name: staging\n  rollback_window: 0s\n  backup_retention: {keep: 1}\n- name: production\n";

async fn world(keeper: KeeperTiming, policy: &str) -> anyhow::Result<World> {
    let world = World::with_options(Options { keeper, ..Options::default() }).await?;
    world.admin().await?.apply_policy(wire::ApplyPolicyRequest { yaml: policy.to_owned() }).await?;
    Ok(world)
}

/// Runs releases of one migration more each, so many in all.
async fn run(world: &World, agent: &mut Stream, upto: usize) -> anyhow::Result<()> {
    for count in agent.agent.records.len() + 1..=upto {
        let release = world.push(&["001", "002", "003"][..count]).await?;
        let rollout = agent.start_rollout(world, "staging", &release).await?;
        agent.obey().await?;
        agent.obey().await?;
        agent
            .during(until("it has run", async || Ok(world.state_of(&rollout).await? == "succeeded")))
            .await??;
    }
    Ok(())
}

async fn backups(world: &World) -> anyhow::Result<Vec<wire::BackupEntry>> {
    Ok(world.admin().await?.list_backups(wire::ListBackupsRequest::default()).await?.into_inner().backups)
}

fn of(events: &[String], kind: &str) -> usize {
    events.iter().filter(|event| event.ends_with(kind)).count()
}

#[tokio::test]
async fn what_policy_lets_go_is_given_up_and_deleted() -> anyhow::Result<()> {
    let mut world = world(KeeperTiming { judge: SOON, look: NEVER, retry: SOON }, KEEP_ONE).await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    run(&world, &mut agent, 3).await?;
    let one_left = until("one is left", async || Ok(backups(&world).await?.len() == 1));
    agent.during(one_left).await??;
    let left = backups(&world).await?.remove(0);

    // Before each that goes, the one was looked at that stays.
    let asked = agent.asked.lock().unwrap().clone();
    let deleted: Vec<_> = asked.iter().filter(|asked| asked.starts_with("delete ")).collect();
    assert_eq!(deleted.len(), 2, "{asked:?}");
    for (at, what) in asked.iter().enumerate().filter(|(_, asked)| asked.starts_with("delete ")) {
        assert!(asked[at - 1].starts_with("look ") && !what.ends_with(&left.location), "{asked:?}");
    }
    let story = world.story().await?;
    assert_eq!((of(&story, "controller backup-condemned"), of(&story, "controller backup-removed")), (2, 2));
    let entries = world.ledger()?;
    let condemned = entries.iter().find(|entry| entry.kind == "backup-condemned").unwrap();
    assert!(condemned.body.contains("\"keep\":1") && condemned.body.contains("newer"), "{}", condemned.body);
    Ok(())
}

#[tokio::test]
async fn an_agent_that_is_away_is_asked_when_it_is_back() -> anyhow::Result<()> {
    let mut world = world(KeeperTiming { judge: SOON, look: NEVER, retry: SOON }, KEEP_ONE).await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    run(&world, &mut agent, 1).await?;
    agent.agent.refuses_to_delete = true;
    run(&world, &mut agent, 2).await?;
    let asked = Arc::clone(&agent.asked);
    let tried = async || Ok(asked.lock().unwrap().iter().any(|asked| asked.starts_with("delete ")));
    agent.during(until("it is asked", tried)).await??;
    let gone = agent.agent.clone();
    drop(agent);
    until("it is away", async || Ok(!world.connected("orders").await?)).await?;
    let given_up = backups(&world).await?;
    assert_eq!(given_up.iter().filter(|entry| entry.deleting).count(), 1, "{given_up:?}");

    // The controller remembers over a restart.
    world.stop().await?;
    world.run().await?;
    let mut agent = gone.restarted().connect(&world).await?;
    agent.agent.refuses_to_delete = false;
    agent.during(until("one is left", async || Ok(backups(&world).await?.len() == 1))).await??;
    Ok(())
}

#[tokio::test]
async fn nothing_is_deleted_when_what_stays_is_found_broken() -> anyhow::Result<()> {
    let mut world = world(KeeperTiming { judge: SOON, look: NEVER, retry: SOON }, KEEP_ONE).await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    run(&world, &mut agent, 1).await?;
    agent.agent.broken = vec!["its directory is missing".to_owned()];
    run(&world, &mut agent, 2).await?;
    let found = until("it is known", async || Ok(backups(&world).await?.iter().any(|entry| !entry.complete)));
    agent.during(found).await??;
    // It is back, and only then what was given up goes.
    let asked = agent.asked.lock().unwrap().clone();
    assert!(asked.iter().all(|asked| !asked.starts_with("delete ")), "{asked:?}");
    let id = backups(&world).await?.into_iter().find(|entry| !entry.complete).context("none is broken")?.id;
    agent.agent.broken.clear();
    let verify = wire::VerifyBackupRequest { id, ..Default::default() };
    let mut admin = world.admin().await?;
    agent.during(admin.verify_backup(verify)).await??;
    agent.during(until("one is left", async || Ok(backups(&world).await?.len() == 1))).await??;
    assert_eq!(of(&world.story().await?, "backup-checked"), 2);
    Ok(())
}

#[tokio::test]
async fn what_open_windows_rest_on_is_looked_at_now_and_then() -> anyhow::Result<()> {
    let mut world = world(
        KeeperTiming { judge: NEVER, look: SOON, retry: SOON },
        "environments:\n- name: staging\n- name: production\n",
    )
    .await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    run(&world, &mut agent, 1).await?;
    let state = async || anyhow::Ok(world.status("orders").await?.window.unwrap_or_default());
    assert_eq!(state().await?.state, "open");
    agent.agent.broken = vec!["dump/toc.dat is missing".to_owned()];
    agent.during(until("it is told", async || Ok(state().await?.state == "unusable"))).await??;
    assert!(state().await?.problem.ends_with(": dump/toc.dat is missing"), "{:?}", state().await?);
    let asked = Arc::clone(&agent.asked);
    let before = asked.lock().unwrap().len();
    let again = until("it is asked again", async || Ok(asked.lock().unwrap().len() >= before + 3));
    agent.during(again).await??;
    agent.agent.broken.clear();
    agent.during(until("it is open again", async || Ok(state().await?.state == "open"))).await??;
    // What does not change is not written down.
    assert_eq!(of(&world.story().await?, "controller backup-checked"), 2);
    Ok(())
}

#[tokio::test]
async fn what_is_found_is_written_down_also_when_nobody_waits_for_it() -> anyhow::Result<()> {
    let idle = KeeperTiming { judge: NEVER, look: NEVER, retry: NEVER };
    let mut world = world(idle, "environments:\n- name: staging\n- name: production\n").await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    run(&world, &mut agent, 1).await?;
    let id = backups(&world).await?.remove(0).id;
    let mut admin = world.admin().await?;
    let mut asking = admin.clone();
    let verify = wire::VerifyBackupRequest { id, ..Default::default() };
    let asked = tokio::spawn(async move { asking.verify_backup(verify).await });
    let probe = loop {
        if let Probe(probe) = agent.next().await? {
            break probe;
        }
    };
    let Some(wire::probe::Kind::VerifyBackup(wanted)) = &probe.kind else { anyhow::bail!("{probe:?}") };
    // Four bytes take a second.
    assert_eq!((wanted.quick, wanted.deadline_ms), (false, 601_000));
    assert_eq!(wanted.copies, [format!("s3://b{}", wanted.path)]);
    asked.abort();
    assert!(asked.await.is_err_and(|error| error.is_cancelled()), "it was answered");
    // On the same connection: what is asked later is answered later, and by then the controller knows who has gone.
    admin.list_backups(wire::ListBackupsRequest::default()).await?;
    agent.answer(probe).await?;
    until("it is written down", async || Ok(backups(&world).await?[0].verified_at.is_some())).await?;
    assert_eq!(of(&world.story().await?, "root backup-checked"), 1);
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_some_copies_is_kept_and_the_window_stays_usable() -> anyhow::Result<()> {
    let idle = KeeperTiming { judge: NEVER, look: NEVER, retry: NEVER };
    let mut world = world(idle, "environments:\n- name: staging\n- name: production\n").await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    run(&world, &mut agent, 1).await?;
    let note = "s3://b/orders/x: dump/1.dat was changed: its digest is another one".to_owned();
    agent.agent.noted = vec![note.clone()];
    let verify = wire::VerifyBackupRequest { id: backups(&world).await?.remove(0).id, ..Default::default() };
    let mut admin = world.admin().await?;
    let entry = agent.during(admin.verify_backup(verify)).await??.into_inner();
    assert!(entry.complete && entry.verified_at.is_some() && entry.problems.is_empty(), "{entry:?}");
    assert_eq!(entry.notes, std::slice::from_ref(&note));
    assert_eq!(world.status("orders").await?.window.map(|window| window.state).as_deref(), Some("open"));
    let plan = agent.during(admin.create_plan(to_base())).await??.into_inner();
    assert!(plan.blocked_by.iter().all(|why| !why.contains("not usable")), "{:?}", plan.blocked_by);
    // It is in the ledger, and not only in memory.
    drop(agent);
    world.stop().await?;
    world.run().await?;
    assert_eq!(backups(&world).await?[0].notes, [note]);
    Ok(())
}

fn to_base() -> wire::CreatePlanRequest {
    wire::CreatePlanRequest { environment: "staging".into(), goal: Some(Goal::RollbackTo("base".into())) }
}

#[tokio::test]
async fn no_rollback_is_planned_or_started_on_a_backup_that_is_of_no_use() -> anyhow::Result<()> {
    let idle = KeeperTiming { judge: NEVER, look: NEVER, retry: NEVER };
    let world = world(idle, "environments:\n- name: staging\n- name: production\n").await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    run(&world, &mut agent, 1).await?;
    let mut admin = world.admin().await?;
    let plan = agent.during(admin.create_plan(to_base())).await??.into_inner().id;
    let start = || wire::StartRolloutRequest {
        plan: plan.clone(),
        confirmation: "typed".into(),
        ..Default::default()
    };

    agent.agent.blind = true;
    let status = refusal(agent.during(admin.start_rollout(start())).await?.map_err(Into::into))?;
    assert!(status.message().contains("could not be looked at: the disk is away"), "{status:?}");

    (agent.agent.blind, agent.agent.broken) = (false, vec!["its directory is missing".to_owned()]);
    let status = refusal(agent.during(admin.start_rollout(start())).await?.map_err(Into::into))?;
    assert!(status.message().contains("open, but not usable: backup "), "{status:?}");
    assert!(status.message().ends_with(": its directory is missing"), "{status:?}");
    assert_eq!(world.status("orders").await?.window.map(|window| window.state).as_deref(), Some("unusable"));
    let view = agent.during(admin.get_plan(wire::GetPlanRequest { plan: plan.clone() })).await??.into_inner();
    assert!(view.blocked_by.iter().any(|why| why.contains("not usable")), "{:?}", view.blocked_by);
    let status = refusal(agent.during(admin.create_plan(to_base())).await?.map_err(Into::into))?;
    assert!(status.message().contains("not usable"), "{status:?}");

    agent.agent.broken.clear();
    let id = backups(&world).await?.remove(0).id;
    let verify = wire::VerifyBackupRequest { id, ..Default::default() };
    agent.during(admin.verify_backup(verify)).await??;
    agent.during(admin.start_rollout(start())).await??;
    agent.obey().await?;
    agent.obey().await?;
    Ok(())
}

#[tokio::test]
async fn pruning_shows_first_and_takes_only_what_was_shown() -> anyhow::Result<()> {
    let idle = KeeperTiming { judge: NEVER, look: NEVER, retry: SOON };
    let world = world(idle, KEEP_ONE).await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    run(&world, &mut agent, 3).await?;
    let mut admin = world.admin().await?;
    let look = wire::PruneBackupsRequest { dry_run: true, ..Default::default() };
    let shown = admin.prune_backups(look.clone()).await?.into_inner();
    let fates: Vec<_> = shown.backups.iter().map(|backup| backup.fate.as_str()).collect();
    assert_eq!((shown.dry_run, fates), (true, vec!["stays", "goes", "goes"]));
    assert_eq!(backups(&world).await?.iter().filter(|entry| entry.deleting).count(), 0);

    let name = |at: usize| wire::BackupName { database: "orders".into(), id: shown.backups[at].id.clone() };
    let some = wire::PruneBackupsRequest { backups: vec![name(0), name(2)], ..Default::default() };
    let viewer = world.add_operator("vera", "viewer", &[]).await?;
    refusal(world.operators(&viewer).await?.prune_backups(some.clone()).await.map_err(Into::into))?;
    let elsewhere = world.add_operator("pete", "operator", &["production"]).await?;
    let mut elsewhere = world.operators(&elsewhere).await?;
    assert_eq!(elsewhere.prune_backups(some.clone()).await?.into_inner().backups, []);
    let of_staging = wire::PruneBackupsRequest { environment: "staging".into(), ..look };
    refusal(elsewhere.prune_backups(of_staging).await.map_err(Into::into))?;
    assert_eq!(backups(&world).await?.len(), 3);

    let pruned = agent.during(admin.prune_backups(some)).await??.into_inner();
    let mut became: Vec<_> =
        pruned.backups.iter().map(|backup| (backup.id.as_str(), backup.fate.as_str())).collect();
    became.sort_unstable();
    let mut expected =
        vec![(shown.backups[0].id.as_str(), "stays"), (shown.backups[2].id.as_str(), "deleted")];
    expected.sort_unstable();
    assert_eq!(became, expected);
    assert_eq!(backups(&world).await?.len(), 2);
    Ok(())
}
