//! What another tool has applied is recorded; nothing else is changed.

use std::sync::atomic::Ordering;

use pgbelay_agent::database::{self, Control, history, recover};
use pgbelay_core::command::{FailureKind, Outcome, RefusedBecause};
use pgbelay_core::digest::Digest;
use pgbelay_core::history::{How, Tool};
use pgbelay_core::plan::{Direction, Expectation, HistoryMark, Recorded};
use pgbelay_core::time::Timestamp;
use pgbelay_proto::convert::{WireAdopt, WireAdopted, WireCommand, WireKind};
use pgbelay_tests::postgres::Cluster;

use crate::durability::WalWriter;
use crate::world::{World, failed, ran, steps, table, versions};

const TABLE: &str = "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); \
                     INSERT INTO schema_migrations VALUES (2, false)";

/// A command that records 001 and 002, from golang-migrate's table as it is.
async fn order(world: &World) -> anyhow::Result<(WireCommand, WireAdopt)> {
    let (steps, _) = steps(&[table("001", "a"), table("002", "b")], Direction::Up);
    let recorded = |at: i64| Recorded {
        applied_at: (at > 1).then_some(Timestamp(1_500)),
        how: How::Assumed,
        tool_checksum: None,
    };
    let steps =
        steps.into_iter().zip(1..).map(|(step, at)| WireAdopted { step, recorded: recorded(at) }).collect();
    let found = history(&world.target).await?;
    let mark = |table: &pgbelay_core::history::Table| HistoryMark {
        tool: Tool::GolangMigrate,
        schema: table.schema.clone(),
        table: table.name.clone(),
        digest: table.digest(),
    };
    let expect = Expectation::from(&world.seen().await?);
    let adopt = WireAdopt { steps, expect, history: found.first().map(mark) };
    let mut command = world.up(&[]).await?.command;
    command.kind = WireKind::Adopt(adopt.clone());
    Ok((command, adopt))
}

async fn run(world: &World, (command, adopt): &(WireCommand, WireAdopt)) -> Outcome {
    let lease = || world.leased.load(Ordering::SeqCst);
    let control = Control { progress: &world.progress, cancel: &world.cancel, lease: &lease, may_end: &[] };
    database::adopt(&world.target, command, adopt, &control).await
}

#[track_caller]
fn moved(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused { reason: RefusedBecause::Moved { what } } => what,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_applied_is_recorded_with_its_time() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute(TABLE).await?;
    let order = order(&world).await?;
    let (done, seen) = ran(run(&world, &order).await);
    assert_eq!(versions(&done), ["001", "002"]);
    assert_eq!(seen, world.seen().await?);
    assert!(seen.records.iter().all(|record| record.adopted));
    assert_eq!(seen.records[1].applied_at, Timestamp(1_500));
    assert!(seen.records[0].applied_at.0 > 1_500_000_000_000, "nobody knows when: now");
    assert_eq!(seen.records[0].checksum, Digest::of(&table("001", "a").up));
    assert_eq!(seen.fingerprint, order.1.expect.fingerprint, "nothing of the schema is changed");
    assert!(!world.has_table("a").await?, "nothing is run");
    let told = "SELECT count(*) FROM pgbelay.migration_records WHERE metadata ->> 'adopted' = 'assumed' \
                AND metadata ->> 'adopted_from' = 'golang-migrate' AND success AND rolled_back_at IS NULL";
    assert_eq!(world.number(told).await?, 2);
    assert_eq!(world.number("SELECT count(*) FROM pgbelay.migration_attempts").await?, 2);
    assert_eq!(world.number("SELECT epoch FROM pgbelay.fence").await?, 1);
    let theirs = "SELECT count(*) FROM schema_migrations WHERE version = 2 AND NOT dirty";
    assert_eq!(world.number(theirs).await?, 1, "the other tool's table is left alone");
    Ok(())
}

#[tokio::test]
async fn what_is_told_as_adopted_survives_a_crash_where_no_commit_waits() -> anyhow::Result<()> {
    let world = World::on(Cluster::builder().setting("synchronous_commit", "off").start().await?).await?;
    world.client().await?.batch_execute(TABLE).await?;
    let order = order(&world).await?;
    let writer = WalWriter::stopped(&world).await?;
    ran(run(&world, &order).await);
    writer.kill(&world).await?;
    assert_eq!(world.applied().await?, ["001", "002"]);
    Ok(())
}

#[tokio::test]
async fn the_same_command_is_carried_out_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute(TABLE).await?;
    let order = order(&world).await?;
    ran(run(&world, &order).await);
    let again = run(&world, &order).await;
    assert!(matches!(&again, Outcome::Interrupted { done, .. } if done.len() == 2), "{again:?}");
    let recovered = recover(&world.target, &order.0).await?;
    assert!(matches!(&recovered, Outcome::Interrupted { done, .. } if done.len() == 2), "{recovered:?}");
    let mut another = order;
    another.0.id = "c8".parse()?;
    assert!(!moved(run(&world, &another).await).is_empty());
    assert_eq!(world.number("SELECT count(*) FROM pgbelay.migration_records").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_tool_that_was_at_work_since_is_noticed() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute(TABLE).await?;
    for (change, told) in [
        ("UPDATE schema_migrations SET version = 3", "golang-migrate has been at work since"),
        ("UPDATE schema_migrations SET dirty = true", "golang-migrate has been at work since"),
    ] {
        let order = order(&world).await?;
        world.client().await?.batch_execute(change).await?;
        let what = moved(run(&world, &order).await);
        assert!(what.contains(told), "{what}");
    }
    let (command, mut adopt) = order(&world).await?;
    adopt.history.as_mut().expect("a table").table = "gone".to_owned();
    let what = moved(run(&world, &(command, adopt)).await);
    assert!(what.contains("public.gone is gone"), "{what}");
    assert!(world.applied().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_baseline_needs_no_table() -> anyhow::Result<()> {
    let world = World::new().await?;
    let order = order(&world).await?;
    assert_eq!(order.1.history, None);
    ran(run(&world, &order).await);
    assert_eq!(world.applied().await?, ["001", "002"]);
    Ok(())
}

#[tokio::test]
async fn an_old_command_records_nothing() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut newer = world.up(&[table("003", "c")]).await?;
    (newer.command.fence, newer.command.id) = (5, "c3".parse()?);
    ran(world.run(&newer).await);
    let outcome = run(&world, &order(&world).await?).await;
    let stale = Outcome::Refused { reason: RefusedBecause::StaleFence { seen: 5 } };
    assert_eq!(outcome, stale);
    let (mut command, adopt) = order(&world).await?;
    command.fence = 6;
    world.cancel.cancel();
    let cancelled = run(&world, &(command, adopt)).await;
    assert!(matches!(cancelled, Outcome::Cancelled { .. }), "{cancelled:?}");
    assert_eq!(world.applied().await?, ["003"]);
    Ok(())
}

#[tokio::test]
async fn all_or_nothing_is_recorded() -> anyhow::Result<()> {
    let world = World::new().await?;
    ran(run(&world, &order(&world).await?).await);
    let client = world.client().await?;
    // One of them stands in the way.
    client
        .batch_execute("UPDATE pgbelay.migration_records SET rolled_back_at = now() WHERE version = '001'")
        .await?;
    let mut again = order(&world).await?;
    again.0.id = "c8".parse()?;
    let (done, failure) = failed(run(&world, &again).await);
    assert_eq!((done.len(), failure.kind), (0, FailureKind::Sql), "{failure:?}");
    assert!(failure.message.contains("could not be recorded"), "{failure:?}");
    assert_eq!(world.applied().await?, ["002"]);
    Ok(())
}
