//! Connections that are lost: what was committed is told as done, and nothing else.

use pgbelay_agent::database::Target;
use pgbelay_core::command::{FailureKind, Outcome};

use crate::proxy::{Fate, Proxy};
use crate::world::{World, failed, ran, sample, table, versions};

const THREE: [(&str, &str); 3] = [("001", "a"), ("002", "b"), ("003", "c")];

async fn through(world: &World, fate: Fate) -> anyhow::Result<(Outcome, Proxy)> {
    let proxy = Proxy::start(world.cluster.port(), fate).await?;
    let order = world.up(&THREE.map(|(version, name)| table(version, name))).await?;
    let target = Target { port: proxy.port, ..world.target.clone() };
    Ok((world.run_at(&target, &order).await, proxy))
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_done() -> anyhow::Result<()> {
    for commit in 1..=3 {
        let world = World::new().await?;
        let (outcome, _proxy) = through(&world, Fate::CutAfterCommit(commit)).await?;
        let (done, _) = ran(outcome);
        assert_eq!(versions(&done), ["001", "002", "003"]);
        assert_eq!(world.applied().await?, ["001", "002", "003"]);
        assert_eq!(world.number("SELECT count(*) FROM pgbelay.migration_records").await?, 3);
    }
    Ok(())
}

#[tokio::test]
async fn a_commit_that_did_not_arrive_is_not_done_and_the_step_is_tried_again() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (outcome, _proxy) = through(&world, Fate::CutBeforeCommit(2)).await?;
    let (done, _) = ran(outcome);
    let retries: Vec<_> = done.iter().map(|step| step.retries).collect();
    assert_eq!((versions(&done), retries), (world.applied().await?, vec![0, 1, 0]));
    assert_eq!(world.number("SELECT count(*) FROM pgbelay.migration_attempts").await?, 3);
    Ok(())
}

#[tokio::test]
async fn a_network_that_fails_each_time_ends_the_run() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (outcome, _proxy) = through(&world, Fate::CutBeforeCommitsFrom(2)).await?;
    let (done, failure) = failed(outcome);
    assert_eq!(done, ["001"]);
    assert_eq!((failure.kind, failure.version), (FailureKind::Connection, Some("002".parse()?)));
    assert!(failure.message.starts_with("the connection was lost 4 times, before"), "{}", failure.message);
    assert_eq!(world.applied().await?, ["001"]);
    assert!(!world.has_table("b").await?);
    Ok(())
}

#[tokio::test]
async fn a_connection_cut_with_the_commit_under_way_is_settled_by_the_records() -> anyhow::Result<()> {
    for _ in 0..5 {
        let world = World::new().await?;
        let (outcome, _proxy) = through(&world, Fate::CutWithCommit(2)).await?;
        let (done, _) = ran(outcome);
        assert_eq!((versions(&done), 3), (world.applied().await?, done.len()));
        assert_eq!(world.number("SELECT count(*) FROM pgbelay.migration_attempts").await?, 3);
    }
    Ok(())
}

#[tokio::test]
async fn a_session_that_is_ended_in_the_middle_of_a_statement_changed_nothing() -> anyhow::Result<()> {
    let world = World::new().await?;
    let slow = sample("002", "CREATE TABLE b (id int); SELECT pg_sleep(60);", "");
    let order = world.up(&[table("001", "a"), slow]).await?;
    let end = async {
        let pid = world.until_running("pg_sleep").await?;
        world.client().await?.execute("SELECT pg_terminate_backend($1)", &[&pid]).await?;
        anyhow::Ok(())
    };
    let (outcome, ended) = tokio::join!(world.run(&order), end);
    ended?;
    let Outcome::Failed { observation: Some(seen), .. } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(*seen, world.seen().await?);
    let (done, failure) = failed(outcome);
    assert_eq!((done.as_slice(), failure.kind), (["001".to_owned()].as_slice(), FailureKind::Connection));
    assert!(failure.message.contains("terminating connection"), "{}", failure.message);
    assert!(failure.message.ends_with("somebody ended the session"), "{}", failure.message);
    assert!(!world.has_table("b").await?);
    Ok(())
}

/// A run through a proxy, and what happens meanwhile.
async fn meanwhile(
    world: &World,
    fate: Fate,
    what: impl AsyncFnOnce(&Proxy) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    let proxy = Proxy::start(world.cluster.port(), fate).await?;
    let order = world.up(&THREE.map(|(version, name)| table(version, name))).await?;
    let target = Target { port: proxy.port, ..world.target.clone() };
    let (outcome, went) = tokio::join!(world.run_at(&target, &order), what(&proxy));
    went?;
    Ok(outcome)
}

#[tokio::test]
async fn a_commit_whose_answer_is_late_is_waited_for() -> anyhow::Result<()> {
    let world = World::new().await?;
    let late = async |proxy: &Proxy| {
        proxy.holds().await?;
        assert_eq!(world.applied().await?, ["001", "002"]);
        proxy.let_go();
        Ok(())
    };
    let (done, _) = ran(meanwhile(&world, Fate::HoldAnswer(2), late).await?);
    assert_eq!(done.iter().map(|step| step.retries).collect::<Vec<_>>(), [0, 0, 0]);
    assert_eq!(versions(&done), world.applied().await?);
    Ok(())
}

#[tokio::test]
async fn a_cancel_that_comes_after_commit_has_won_is_told_as_it_is() -> anyhow::Result<()> {
    let world = World::new().await?;
    let late = async |proxy: &Proxy| {
        proxy.holds().await?;
        world.cancel.cancel();
        proxy.let_go();
        Ok(())
    };
    let outcome = meanwhile(&world, Fate::HoldAnswer(2), late).await?;
    let Outcome::Cancelled { done, observation: Some(seen) } = outcome else { panic!("{outcome:?}") };
    assert_eq!((versions(&done), seen.records.len()), (world.applied().await?, 2));
    Ok(())
}

/// Takes twenty seconds: as long as a cancelled statement may take.
#[tokio::test]
async fn a_commit_that_is_late_itself_finds_its_session_ended() -> anyhow::Result<()> {
    let world = World::new().await?;
    let proxy = Proxy::start(world.cluster.port(), Fate::HoldCommit(2)).await?;
    let order = world.up(&THREE.map(|(version, name)| table(version, name))).await?;
    let target = Target { port: proxy.port, ..world.target.clone() };
    let cancel = async {
        proxy.holds().await?;
        world.cancel.cancel();
        anyhow::Ok(())
    };
    let (outcome, cancelled) = tokio::join!(world.run_at(&target, &order), cancel);
    cancelled?;
    let Outcome::Cancelled { done, observation: Some(seen) } = outcome else { panic!("{outcome:?}") };
    proxy.let_go();
    assert_eq!((versions(&done), world.applied().await?), (vec!["001".to_owned()], vec!["001".to_owned()]));
    assert_eq!(seen, world.seen().await?);
    Ok(())
}

/// The machine of an agent was cloned: both have the command in their hands.
#[tokio::test]
async fn two_agents_with_one_command_run_each_migration_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mixed = "CREATE TABLE m (id int); CREATE INDEX CONCURRENTLY m_id ON m (id); CREATE TABLE n (id int);";
    let order = world.up(&[table("001", "a"), sample("002", mixed, ""), table("003", "c")]).await?;
    let (one, other) = tokio::join!(world.run(&order), world.run(&order));
    let all = ["001", "002", "003"];
    for outcome in [one, other] {
        match outcome {
            // Who came second tells what is recorded.
            Outcome::Ran { done, .. } | Outcome::Interrupted { done, .. } => assert_eq!(versions(&done), all),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.applied().await?, all);
    assert_eq!(world.number("SELECT count(*) FROM pgbelay.migration_attempts").await?, 3);
    Ok(())
}

/// A run that sleeps in its second migration, and what is done to the server meanwhile.
async fn while_it_sleeps(
    world: &mut World,
    meanwhile: impl AsyncFnOnce(&mut World, i32) -> anyhow::Result<()>,
) -> anyhow::Result<Outcome> {
    let slow = sample("002", "CREATE TABLE b (id int); SELECT pg_sleep(60);", "");
    let order = world.up(&[table("001", "a"), slow]).await?;
    let run = world.start(order);
    let pid = world.until_running("pg_sleep").await?;
    // Whoever commits after the first migration brings it to disk as well.
    world.client().await?.batch_execute("CREATE TABLE of_others ()").await?;
    meanwhile(world, pid).await?;
    Ok(run.await?)
}

/// What is not tried again by itself: the migration may have been what brought the server down.
async fn failed_with_the_server(world: &World, outcome: Outcome) -> anyhow::Result<()> {
    let (done, failure) = failed(outcome);
    assert_eq!((done.as_slice(), failure.kind), (["001".to_owned()].as_slice(), FailureKind::Connection));
    assert!(failure.message.ends_with("restarted, or crashed, meanwhile"), "{}", failure.message);
    assert_eq!(world.applied().await?, ["001"]);
    let client = world.client().await?;
    let sql = "SELECT version || ' ' || outcome FROM pgbelay.migration_attempts ORDER BY id";
    let kept: Vec<String> = client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect();
    assert_eq!(kept, ["001 done", "002 failed"], "what was attempted is kept for ever");
    Ok(())
}

#[tokio::test]
async fn a_server_that_crashes_and_comes_back_is_asked_what_is_recorded() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let crash = async |world: &mut World, _| {
        world.cluster.kill9_postmaster()?;
        world.cluster.start_again().await
    };
    let outcome = while_it_sleeps(&mut world, crash).await?;
    failed_with_the_server(&world, outcome).await
}

/// As when the system is out of memory: the postmaster stays, and starts everything else anew.
#[tokio::test]
async fn a_session_that_is_killed_takes_the_server_with_it_and_is_not_tried_again() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let crash = async |_: &mut World, pid: i32| {
        let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status()?;
        anyhow::ensure!(killed.success());
        Ok(())
    };
    let outcome = while_it_sleeps(&mut world, crash).await?;
    failed_with_the_server(&world, outcome).await
}

#[tokio::test]
async fn a_database_that_has_lost_what_was_committed_is_told_as_it_is() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    // As after a standby has taken over that had not heard of the first migration.
    let forget = async |world: &mut World, pid: i32| {
        let sql = "ALTER TABLE pgbelay.migration_attempts DISABLE TRIGGER USER; \
                   DELETE FROM pgbelay.migration_attempts; DELETE FROM pgbelay.migration_records; DROP TABLE a";
        let client = world.client().await?;
        client.batch_execute(sql).await?;
        client.execute("SELECT pg_terminate_backend($1)", &[&pid]).await?;
        Ok(())
    };
    let outcome = while_it_sleeps(&mut world, forget).await?;
    let Outcome::Failed { observation: Some(seen), .. } = &outcome else { panic!("{outcome:?}") };
    assert!(seen.records.is_empty());
    let (done, failure) = failed(outcome);
    assert_eq!((done.len(), failure.kind), (0, FailureKind::Connection));
    assert!(
        failure.message.contains("no record of 001, which this run had committed"),
        "{}",
        failure.message
    );
    Ok(())
}

/// Takes a minute and more: it waits for the deadline of settling.
#[tokio::test]
async fn a_server_that_does_not_come_back_leaves_it_unknown() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let order = world.up(&[sample("001", "CREATE TABLE b (id int); SELECT pg_sleep(60);", "")]).await?;
    let run = world.start(order);
    world.until_running("pg_sleep").await?;
    world.cluster.stop_immediate()?;
    let outcome = run.await?;
    assert!(matches!(&outcome, Outcome::Unknown { why } if why.contains("could not be read")), "{outcome:?}");
    Ok(())
}
