//! When what was committed is on disk, and what is told of it before.

use std::process::Command;
use std::sync::atomic::Ordering;

use pgbelay_agent::database;
use pgbelay_core::command::{FailureKind, Outcome};
use pgbelay_core::time::Span;
use pgbelay_tests::postgres::Cluster;
use pgbelay_tests::wait;
use tokio::task::JoinHandle;

use crate::world::{LONG, Sample, World, failed, ran, sample, table, versions};

/// The process that brings to disk what no COMMIT waits for, some tenths of a second later.
pub(crate) struct WalWriter {
    pid: i32,
    killed: bool,
}

impl WalWriter {
    /// Stops it: from now on, only a COMMIT that waits brings anything to disk.
    pub(crate) async fn stopped(world: &World) -> anyhow::Result<Self> {
        let sql = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'";
        let stopped = Self { pid: world.client().await?.query_one(sql, &[]).await?.get(0), killed: false };
        stopped.signal("-STOP")?;
        Ok(stopped)
    }

    /// Takes the server with it, as any process that is killed does.
    pub(crate) async fn kill(mut self, world: &World) -> anyhow::Result<()> {
        let client = world.client().await?;
        self.signal("-KILL")?;
        self.killed = true;
        wait::until("the server to go down", LONG, async || {
            Ok(client.simple_query("SELECT 1").await.is_err().then_some(()))
        })
        .await?;
        wait::until("the server to be back", LONG, async || Ok(world.client().await.ok().map(drop))).await
    }

    fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let sent = Command::new("kill").args([signal, &self.pid.to_string()]).status()?;
        anyhow::ensure!(sent.success(), "kill {signal}");
        Ok(())
    }
}

impl Drop for WalWriter {
    fn drop(&mut self) {
        // A stopped process does not hear that the server stops.
        if !self.killed {
            let _ = self.signal("-CONT");
        }
    }
}

async fn until_recorded(world: &World, count: usize) -> anyhow::Result<()> {
    wait::until("a migration to be recorded", LONG, async || {
        Ok((world.applied().await.is_ok_and(|applied| applied.len() == count)).then_some(()))
    })
    .await
}

/// A slow migration after another one, and after a first one, which raises the fence and therefore waits for the disk.
fn slow_after(second: Sample) -> [Sample; 3] {
    let slow = sample("003", "CREATE TABLE c (id int); SELECT pg_sleep(60);", "");
    [table("001", "a"), second, slow]
}

#[tokio::test]
async fn what_a_server_that_crashed_had_not_on_disk_is_neither_done_nor_recorded() -> anyhow::Result<()> {
    let world = World::new().await?;
    let order = world.up(&slow_after(table("002", "b"))).await?;
    let writer = WalWriter::stopped(&world).await?;
    let run = world.start(order);
    world.until_running("pg_sleep").await?;
    assert_eq!(world.applied().await?, ["001", "002"]);
    writer.kill(&world).await?;
    let (done, failure) = failed(run.await?);
    assert_eq!((done.as_slice(), failure.kind), (["001".to_owned()].as_slice(), FailureKind::Connection));
    let words =
        "has no record of 002, which this run had committed: the server went down before that was on disk";
    assert!(failure.message.contains(words), "{}", failure.message);
    assert_eq!(world.applied().await?, ["001"]);
    assert!(world.has_table("a").await? && !world.has_table("b").await? && !world.has_table("c").await?);
    assert_eq!(world.number("SELECT epoch FROM pgbelay.fence").await?, 1, "a fence is never lower again");

    // Nothing is in the way of running them again.
    let mut again = world.up(&[table("002", "b"), table("003", "c")]).await?;
    again.command.id = "c8".parse()?;
    let (done, _) = ran(world.run(&again).await);
    assert_eq!((done.len(), world.applied().await?.len()), (2, 3));
    Ok(())
}

#[tokio::test]
async fn what_ran_to_its_end_survives_a_crash() -> anyhow::Result<()> {
    // Also where the last one says of itself that it does not wait.
    let off = "SET synchronous_commit = off; CREATE TABLE d ();";
    for last in ["CREATE TABLE d ();", off, "CREATE TABLE d (); CREATE INDEX CONCURRENTLY ON a (id);"] {
        let world = World::new().await?;
        let tables = ["a", "b", "c"].map(|name| table(name, name));
        let order = world.up(&[tables.as_slice(), &[sample("d", last, "")]].concat()).await?;
        let writer = WalWriter::stopped(&world).await?;
        ran(world.run(&order).await);
        writer.kill(&world).await?;
        assert_eq!(world.applied().await?, ["a", "b", "c", "d"]);
        assert!(world.has_table("a").await? && world.has_table("d").await?);
    }
    Ok(())
}

#[tokio::test]
async fn where_no_commit_waits_what_is_told_survives_a_crash_all_the_same() -> anyhow::Result<()> {
    let world = World::on(Cluster::builder().setting("synchronous_commit", "off").start().await?).await?;
    // It raises the fence, which waits in any case.
    ran(world.run(&world.up(&[table("000", "z")]).await?).await);
    let mut order = world.up(&[table("001", "a")]).await?;
    order.command.id = "c8".parse()?;
    let writer = WalWriter::stopped(&world).await?;
    ran(world.run(&order).await);
    writer.kill(&world).await?;
    assert_eq!(world.applied().await?, ["000", "001"]);
    Ok(())
}

#[tokio::test]
async fn a_fence_is_never_lower_again_where_no_commit_waits() -> anyhow::Result<()> {
    let world = World::on(Cluster::builder().setting("synchronous_commit", "off").start().await?).await?;
    let order = world.up(&slow_after(table("002", "b"))).await?;
    let writer = WalWriter::stopped(&world).await?;
    let run = world.start(order);
    world.until_running("pg_sleep").await?;
    writer.kill(&world).await?;
    let (done, _) = failed(run.await?);
    assert_eq!(
        (done.as_slice(), world.applied().await?),
        (["001".to_owned()].as_slice(), vec!["001".to_owned()])
    );
    assert_eq!(world.number("SELECT epoch FROM pgbelay.fence").await?, 1);
    Ok(())
}

#[tokio::test]
async fn what_is_more_than_definitions_is_on_disk_before_the_next_one_begins() -> anyhow::Result<()> {
    let rows = "CREATE TABLE b (id int); INSERT INTO b VALUES (1);";
    for more in [rows, "CREATE EXTENSION IF NOT EXISTS plpgsql", "CREATE ROLE more"] {
        let world = World::new().await?;
        let order = world.up(&slow_after(sample("002", more, ""))).await?;
        let writer = WalWriter::stopped(&world).await?;
        let run = world.start(order);
        world.until_running("pg_sleep").await?;
        writer.kill(&world).await?;
        let (done, _) = failed(run.await?);
        assert_eq!(
            (done, world.applied().await?),
            (vec!["001".to_owned(), "002".to_owned()], vec!["001".to_owned(), "002".to_owned()]),
            "{more}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_a_failed_run_tells_as_done_survives_a_crash() -> anyhow::Result<()> {
    let world = World::new().await?;
    let order = world.up(&[table("001", "a"), table("002", "b"), sample("003", "SELECT 1 / 0;", "")]).await?;
    let writer = WalWriter::stopped(&world).await?;
    let (done, _) = failed(world.run(&order).await);
    assert_eq!(done, ["001", "002"]);
    writer.kill(&world).await?;
    assert_eq!(world.applied().await?, ["001", "002"]);
    Ok(())
}

#[tokio::test]
async fn what_is_found_done_after_the_agent_has_died_survives_a_crash() -> anyhow::Result<()> {
    let world = World::new().await?;
    let order = world.up(&slow_after(table("002", "b"))).await?;
    let writer = WalWriter::stopped(&world).await?;
    let run = world.start(order.clone());
    world.until_running("pg_sleep").await?;
    run.abort();
    let outcome = database::recover(&world.target, &order.command).await?;
    let Outcome::Interrupted { done, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(versions(&done), ["001", "002"]);
    writer.kill(&world).await?;
    assert_eq!(world.applied().await?, ["001", "002"]);
    Ok(())
}

#[tokio::test]
async fn pieces_that_a_failed_run_tells_as_done_survive_a_crash() -> anyhow::Result<()> {
    let world = World::on(Cluster::builder().setting("synchronous_commit", "off").start().await?).await?;
    ran(world.run(&world.up(&[table("000", "z")]).await?).await);
    let pieces = "CREATE TABLE a (id int); CREATE INDEX CONCURRENTLY ON a (id); SELECT 1 / 0;";
    let mut order = world.up(&[sample("001", pieces, "")]).await?;
    order.command.id = "c8".parse()?;
    let writer = WalWriter::stopped(&world).await?;
    let (done, failure) = failed(world.run(&order).await);
    assert!(done.is_empty() && failure.message.contains("pieces 1 to 2 are done and stay"), "{failure:?}");
    writer.kill(&world).await?;
    assert_eq!(world.number("SELECT count(*) FROM pgbelay.migration_pieces WHERE state = 'done'").await?, 2);
    assert_eq!(
        world.number("SELECT count(*) FROM pg_index WHERE indrelid = 'a'::regclass AND indisvalid").await?,
        1
    );
    Ok(())
}

#[tokio::test]
async fn after_a_second_without_a_wait_the_next_one_waits() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.slow_tables("0.4", "CREATE TABLE%").await?;
    let tables = ["a", "b", "c", "d", "e"].map(|name| table(name, name));
    let order = world.up(&[tables.as_slice(), &[sample("f", "SELECT pg_sleep(60)", "")]].concat()).await?;
    let writer = WalWriter::stopped(&world).await?;
    let run = world.start(order);
    world.until_running("pg_sleep(60)").await?;
    writer.kill(&world).await?;
    let (done, _) = failed(run.await?);
    assert_eq!((done.len(), world.applied().await?.len()), (5, 5), "{done:?}");
    Ok(())
}

/// A run of two migrations that is interrupted after the first, and waits until that is on a standby, which is away.
async fn waiting_for_a_standby(world: &World) -> anyhow::Result<JoinHandle<Outcome>> {
    let client = world.client().await?;
    client.batch_execute("CREATE TABLE held ()").await?;
    ran(world.run(&world.up(&[table("000", "z")]).await?).await);
    // The fence is raised by now.
    let mut order = world.up(&[table("001", "a"), sample("002", "ALTER TABLE held ADD c int;", "")]).await?;
    order.command.id = "c8".parse()?;
    order.run.settings.lock_budget = Span::seconds(60);
    standby(world, "nobody").await?;
    client.batch_execute("BEGIN; LOCK TABLE held").await?;
    let run = world.start(order);
    // The first one does not wait for it.
    until_recorded(world, 2).await?;
    world.leased.store(false, Ordering::SeqCst);
    until_waiting(world, 0).await?;
    assert!(!run.is_finished());
    Ok(run)
}

/// Sets which standbys COMMIT waits for.
async fn standby(world: &World, names: &str) -> anyhow::Result<()> {
    let client = world.client().await?;
    client.batch_execute(&format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'")).await?;
    client.batch_execute("SELECT pg_reload_conf()").await?;
    let set = "SELECT current_setting('synchronous_standby_names')";
    wait::until("the server to read its configuration", LONG, async || {
        Ok((client.query_one(set, &[]).await?.get::<_, String>(0) == names).then_some(()))
    })
    .await
}

/// Waits until a session other than this one waits for a standby; its process.
async fn until_waiting(world: &World, not: i64) -> anyhow::Result<i64> {
    let waits = "SELECT coalesce(max(pid), 0)::int8 FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    wait::until("the run to wait for the standby", LONG, async || {
        Ok(Some(world.number(waits).await?).filter(|pid| ![0, not].contains(pid)))
    })
    .await
}

/// The run still waits, and tells the first migration as done once no standby is waited for.
async fn comes_to_its_end(world: &World, run: JoinHandle<Outcome>) -> anyhow::Result<()> {
    assert!(!run.is_finished());
    standby(world, "").await?;
    let outcome = run.await?;
    let Outcome::Interrupted { done, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(versions(&done), ["001"]);
    Ok(())
}

#[tokio::test]
async fn a_run_that_ends_early_waits_for_the_standbys_before_it_tells() -> anyhow::Result<()> {
    let world = World::new().await?;
    let run = waiting_for_a_standby(&world).await?;
    comes_to_its_end(&world, run).await
}

#[tokio::test]
async fn a_wait_for_the_standbys_that_somebody_cancels_is_waited_again() -> anyhow::Result<()> {
    let world = World::new().await?;
    // Also where the server would not say that it was.
    world.client().await?.batch_execute("ALTER DATABASE app SET client_min_messages = error").await?;
    let run = waiting_for_a_standby(&world).await?;
    let pid = until_waiting(&world, 0).await?;
    let began = format!(
        "SELECT extract(epoch FROM query_start)::text FROM pg_stat_activity WHERE pid = {pid} \
        AND wait_event = 'SyncRep'"
    );
    let client = world.client().await?;
    let began = async || anyhow::Ok(client.query_opt(&began, &[]).await?.map(|row| row.get::<_, String>(0)));
    let first = began().await?;
    client.batch_execute(&format!("SELECT pg_cancel_backend({pid})")).await?;
    wait::until("another wait", LONG, async || {
        Ok(began().await?.filter(|next| Some(next) != first.as_ref()))
    })
    .await?;
    comes_to_its_end(&world, run).await
}

#[tokio::test]
async fn a_session_that_is_ended_while_it_waits_for_the_standbys_is_followed_by_one_that_waits()
-> anyhow::Result<()> {
    let world = World::new().await?;
    let run = waiting_for_a_standby(&world).await?;
    let pid = until_waiting(&world, 0).await?;
    world.client().await?.batch_execute(&format!("SELECT pg_terminate_backend({pid})")).await?;
    until_waiting(&world, pid).await?;
    comes_to_its_end(&world, run).await
}
