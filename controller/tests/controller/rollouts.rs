//! From a plan to a database that has it, and what is seen of it on the way.

use std::time::Duration;

use pgbelay_proto::wire;
use pgbelay_proto::wire::create_plan_request::Goal;
use pgbelay_proto::wire::outcome::Outcome;
use tokio::time::timeout;

use super::world::{PATIENCE, World, until};

fn on(rollout: &str) -> wire::RolloutRequest {
    wire::RolloutRequest { rollout: rollout.to_owned() }
}

#[tokio::test]
async fn a_rollout_goes_from_its_plan_to_success_and_is_all_in_the_ledger() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let release = world.push(&["001", "002"]).await?;
    let rollout = agent.start_rollout(&world, "staging", &release).await?;
    let mut admin = world.admin().await?;
    let mut watch = admin.watch_rollout(on(&rollout)).await?.into_inner();

    let backup = agent.obey().await?;
    let run = agent.obey().await?;
    assert!(matches!(backup.kind, Some(wire::command::Kind::Backup(_))), "{backup:?}");
    let Some(wire::command::Kind::Run(steps)) = run.kind else { anyhow::bail!("{run:?}") };
    assert_eq!(steps.steps.iter().map(|s| s.version.as_str()).collect::<Vec<_>>(), ["001", "002"]);
    assert!(steps.backup.is_some() && run.fence > backup.fence && run.plan == backup.plan);

    let mut states = Vec::new();
    while let Some(view) = timeout(PATIENCE, watch.message()).await?? {
        states.push(format!("{} {}", view.state, view.targets[0].state));
    }
    assert_eq!(states.last().map(String::as_str), Some("succeeded done"), "{states:?}");

    let view = admin.get_rollout(on(&rollout)).await?.into_inner();
    let steps: Vec<_> = view.targets[0].steps.iter().map(|s| format!("{} {}", s.version, s.state)).collect();
    assert_eq!(steps, ["001 done", "002 done"]);
    assert_eq!(view.targets[0].backup.as_ref().map(|b| b.bytes), Some(4));
    let status = world.status("orders").await?;
    assert_eq!((status.version.as_str(), status.applied, status.pending), ("002", 2, 0));
    assert_eq!(status.window.map(|window| window.state).as_deref(), Some("open"));
    let lines = admin.history(wire::HistoryRequest::default()).await?.into_inner().entries;
    let lines: Vec<_> =
        lines.iter().map(|l| format!("{} {} {} {}", l.version, l.direction, l.state, l.by)).collect();
    assert_eq!(lines, ["002 up done root", "001 up done root"]);

    let story = world.story().await?;
    assert_eq!(
        story,
        [
            "operator/root token-created",
            "controller agent-enrolled",
            "agent/orders database-observed",
            "operator/root release-recorded",
            "operator/root plan-created",
            "operator/root rollout-started",
            "controller command-issued",
            "agent/orders command-accepted",
            "agent/orders command-finished",
            "controller command-issued",
            "agent/orders command-accepted",
            "agent/orders command-finished",
            "controller rollout-finished",
        ]
    );
    Ok(())
}

/// What was proven in staging is promoted, and taken back there.
#[tokio::test]
async fn a_release_is_promoted_and_rolled_back() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut staging = world.agent("s", "staging").await?.connect(&world).await?;
    let mut production = world.agent("p", "production").await?.connect(&world).await?;
    let release = world.push(&["001", "002"]).await?;
    let mut admin = world.admin().await?;

    let early = production.plan(&world, "production", &release).await?;
    assert!(early.blocked_by.iter().any(|why| why.contains("staging")), "{:?}", early.blocked_by);
    staging.start_rollout(&world, "staging", &release).await?;
    staging.obey().await?;
    staging.obey().await?;
    let from_staging = Some(Goal::PromoteFrom("staging".into()));
    let request = wire::CreatePlanRequest { environment: "production".into(), goal: from_staging };
    let plan = production.during(admin.create_plan(request)).await??.into_inner();
    assert_eq!((plan.release.as_str(), plan.blocked_by.len()), (release.as_str(), 0));
    let start = |plan: &str| wire::StartRolloutRequest {
        plan: plan.into(),
        confirmation: "typed".into(),
        acknowledge: Vec::new(),
    };
    production.during(admin.start_rollout(start(&plan.id))).await??;
    production.obey().await?;
    production.obey().await?;

    let back = wire::CreatePlanRequest {
        environment: "production".into(),
        goal: Some(Goal::RollbackTo("001".into())),
    };
    let plan = production.during(admin.create_plan(back)).await??.into_inner();
    let losses: Vec<_> = plan.groups[0].losses.iter().map(|l| format!("{} {}", l.object, l.error)).collect();
    assert_eq!((plan.direction.as_str(), losses), ("down", vec!["t002 not counted".to_owned()]));
    // Counting is for who decides: a viewer makes no database read its tables.
    for (role, place, sees) in [
        ("viewer", "production", "t002 counted for operators and approvers only"),
        ("approver", "production", "t002 not counted"),
    ] {
        let reader = world.add_operator(role, role, &[place]).await?;
        let mut reader = world.operators(&reader).await?;
        let looking = reader.get_plan(wire::GetPlanRequest { plan: plan.id.clone() });
        let seen = match role {
            "viewer" => production.silent_during(looking).await??,
            _ => production.during(looking).await??,
        };
        let losses = &seen.into_inner().groups[0].losses;
        let losses: Vec<_> = losses.iter().map(|l| format!("{} {}", l.object, l.error)).collect();
        assert_eq!(losses, [sees], "{role}");
    }
    let rollout = production.during(admin.start_rollout(start(&plan.id))).await??.into_inner().id;
    production.obey().await?;
    production.obey().await?;
    until("it is back", async || Ok(world.state_of(&rollout).await? == "succeeded")).await?;
    assert_eq!(world.status("p").await?.version, "001");
    let lines = admin.history(wire::HistoryRequest { database: "p".into(), ..Default::default() }).await?;
    let lines: Vec<_> =
        lines.into_inner().entries.iter().map(|l| format!("{} {}", l.version, l.direction)).collect();
    assert_eq!(lines, ["002 down", "002 up", "001 up"]);
    let one =
        admin.history(wire::HistoryRequest { limit: 1, ..Default::default() }).await?.into_inner().entries;
    assert_eq!(one.len(), 1);
    Ok(())
}

/// Each way in which it may go wrong, as people see it.
#[tokio::test]
async fn what_goes_wrong_is_shown_with_its_reason() -> anyhow::Result<()> {
    let refused = wire::outcome::Refused {
        because: Some(wire::outcome::refused::Because::Moved("a column came".into())),
    };
    let failure = wire::Failure { kind: "backup".into(), message: "x".repeat(1 << 20), ..Default::default() };
    let failed = wire::outcome::Failed { failure: Some(failure), ..Default::default() };
    for (outcome, expected) in [
        (Outcome::Refused(refused), ["paused", "refused", "refused"]),
        (Outcome::Failed(failed), ["paused", "failed", ""]),
    ] {
        let world = World::start().await?;
        let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
        let (rollout, command) = agent.with_command(&world).await?;
        agent.report(&command, outcome).await?;
        agent.ack().await?;
        until("it is over", async || Ok(world.state_of(&rollout).await? == expected[0])).await?;
        let mut admin = world.admin().await?;
        let view = admin.get_rollout(on(&rollout)).await?.into_inner();
        assert_eq!(view.targets[0].state, expected[1]);
        let error = view.targets[0].error.as_ref().expect("no reason");
        assert!(!error.hint.is_empty() && error.message.len() <= 1_000, "{error:?}");
        let lines = admin.history(wire::HistoryRequest::default()).await?.into_inner().entries;
        assert_eq!(lines.first().map_or("", |line| &line.state), expected[2]);
        assert_eq!(world.status("orders").await?.health, "failed");
    }
    Ok(())
}

#[tokio::test]
async fn a_watch_costs_nothing_once_its_reader_has_left() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let (rollout, _) = agent.with_command(&world).await?;
    let mut admin = world.admin().await?;
    for _ in 0..40 {
        // More than an operator's connection has streams: each must have been given back.
        let watching = admin.watch_rollout(on(&rollout));
        let mut watch = timeout(PATIENCE, watching).await??.into_inner();
        timeout(PATIENCE, watch.message()).await??;
    }
    // A reader that is still there learns of the end.
    let mut watch = admin.watch_rollout(on(&rollout)).await?.into_inner();
    watch.message().await?;
    world.shutdown.cancel();
    let ended =
        timeout(Duration::from_secs(5), async { while let Ok(Some(_)) = watch.message().await {} }).await;
    assert!(ended.is_ok(), "the stream outlives the controller's end");
    world.stop().await
}

#[tokio::test]
async fn progress_is_seen_by_those_who_watch() -> anyhow::Result<()> {
    use pgbelay_proto::wire::agent_message::Message as Says;
    let world = World::start().await?;
    let mut agent = world.agent("orders", "staging").await?.connect(&world).await?;
    let (rollout, command) = agent.with_command(&world).await?;
    let mut watch = world.admin().await?.watch_rollout(on(&rollout)).await?.into_inner();
    let doing = "backup: 12.3 MB ".repeat(1_000);
    let progress = wire::Progress { command_id: command.id, doing, steps_done: 0, steps_total: 0 };
    agent.say(Says::Progress(progress)).await?;
    loop {
        let view = timeout(PATIENCE, watch.message()).await??.expect("it is not over");
        let doing = &view.targets[0].doing;
        if doing.starts_with("backup: 12.3 MB") {
            assert!(doing.len() <= 200, "{} bytes", doing.len());
            return Ok(());
        }
    }
}
