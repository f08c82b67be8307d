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
async fn a_commit_that_did_not_arrive_is_not_done() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (outcome, _proxy) = through(&world, Fate::CutBeforeCommit(2)).await?;
    let (done, failure) = failed(outcome);
    assert_eq!(done, ["001"]);
    assert_eq!((failure.kind, failure.version), (FailureKind::Connection, Some("002".parse()?)));
    assert_eq!(world.applied().await?, ["001"]);
    assert!(!world.has_table("b").await?);
    Ok(())
}

#[tokio::test]
async fn a_connection_cut_with_the_commit_under_way_is_settled_by_the_records() -> anyhow::Result<()> {
    for _ in 0..5 {
        let world = World::new().await?;
        let (outcome, _proxy) = through(&world, Fate::CutWithCommit(2)).await?;
        let told = match outcome {
            Outcome::Ran { done, .. } | Outcome::Failed { done, .. } => versions(&done),
            other => panic!("{other:?}"),
        };
        assert_eq!(told, world.applied().await?);
        assert_eq!(world.has_table("b").await?, told.len() == 3);
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
    assert!(!world.has_table("b").await?);
    Ok(())
}

#[tokio::test]
async fn a_server_that_crashes_and_comes_back_is_asked_what_is_recorded() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let slow = sample("002", "CREATE TABLE b (id int); SELECT pg_sleep(60);", "");
    let order = world.up(&[table("001", "a"), slow]).await?;
    let target = world.target.clone();
    let (progress, cancel) = (world.progress.clone(), world.cancel.clone());
    let run = tokio::spawn(async move {
        let control = pgbelay_agent::database::Control {
            progress: &progress,
            cancel: &cancel,
            lease: &|| true,
            may_end: &[],
        };
        pgbelay_agent::database::run(&target, &order.command, &order.run, &order.sql, &control).await
    });
    world.until_running("pg_sleep").await?;
    world.cluster.kill9_postmaster()?;
    world.cluster.start_again().await?;
    let (done, failure) = failed(run.await?);
    assert_eq!((done.as_slice(), failure.kind), (["001".to_owned()].as_slice(), FailureKind::Connection));
    assert_eq!(world.applied().await?, ["001"]);
    let client = world.cluster.connect(&world.target.name).await?;
    let sql = "SELECT version || ' ' || outcome FROM pgbelay.migration_attempts ORDER BY id";
    let kept: Vec<String> = client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect();
    assert_eq!(kept, ["001 done", "002 failed"], "what was attempted is kept for ever");
    Ok(())
}

/// Takes a minute and more: it waits for the deadline of settling.
#[tokio::test]
async fn a_server_that_does_not_come_back_leaves_it_unknown() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    let order = world.up(&[sample("001", "CREATE TABLE b (id int); SELECT pg_sleep(60);", "")]).await?;
    let target = world.target.clone();
    let (progress, cancel) = (world.progress.clone(), world.cancel.clone());
    let run = tokio::spawn(async move {
        let control = pgbelay_agent::database::Control {
            progress: &progress,
            cancel: &cancel,
            lease: &|| true,
            may_end: &[],
        };
        pgbelay_agent::database::run(&target, &order.command, &order.run, &order.sql, &control).await
    });
    world.until_running("pg_sleep").await?;
    world.cluster.stop_immediate()?;
    let outcome = run.await?;
    assert!(matches!(&outcome, Outcome::Unknown { why } if why.contains("could not be read")), "{outcome:?}");
    Ok(())
}
