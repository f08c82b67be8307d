//! Locks: who is in the way, trying again, one migrator at a time.

use std::time::Duration;

use pgbelay_core::command::FailureKind;
use pgbelay_core::time::Span;
use pgbelay_tests::wait;

use crate::world::{LONG, World, failed, ran, sample, table, versions};

const ALTER: &str = "CREATE TABLE other (id int);\nALTER TABLE busy ADD n int;";

#[tokio::test]
async fn a_lock_that_is_not_to_be_had_changes_nothing_and_names_who_holds_it() -> anyhow::Result<()> {
    let world = World::new().await?;
    let blocker = world.client().await?;
    blocker.batch_execute("CREATE TABLE busy (id int)").await?;
    blocker.batch_execute("SET application_name = 'forgotten psql'; BEGIN; SELECT * FROM busy").await?;
    let pid: i32 = blocker.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
    let mut progress = world.progress.subscribe();
    let order = world.up(&[table("001", "a"), sample("002", ALTER, "")]).await?;
    let told = async {
        let told = progress.wait_for(|progress| progress.doing.contains("forgotten psql"));
        anyhow::Ok(tokio::time::timeout(LONG, told).await??.doing.clone())
    };
    let (outcome, doing) = tokio::join!(world.run(&order), told);
    let doing = doing?;
    assert!(doing.starts_with("002 sample_002: waiting for a lock held by pid"), "{doing}");
    let (done, failure) = failed(outcome);
    assert_eq!(done, ["001"]);
    assert_eq!((failure.kind, failure.sqlstate.as_deref()), (FailureKind::LockTimeout, Some("55P03")));
    let [held] = failure.blockers.as_slice() else { panic!("{failure:?}") };
    let expected = format!("pid {pid} (forgotten psql, user belay, idle in transaction for ");
    assert!(held.starts_with(&expected), "{held}");
    assert!(failure.message.contains("tries in"), "{}", failure.message);
    assert!(!world.has_table("other").await?);
    Ok(())
}

#[tokio::test]
async fn a_blocker_that_leaves_is_waited_for() -> anyhow::Result<()> {
    let world = World::new().await?;
    let blocker = world.client().await?;
    blocker.batch_execute("CREATE TABLE busy (id int)").await?;
    blocker.batch_execute("BEGIN; SELECT * FROM busy").await?;
    let mut progress = world.progress.subscribe();
    let mut order = world.up(&[sample("001", ALTER, "")]).await?;
    order.run.settings.lock_budget = Span::seconds(60);
    let leave = async {
        // The value is let go of at once: it keeps the sender waiting.
        drop(
            tokio::time::timeout(LONG, progress.wait_for(|p| p.doing.contains("was not to be had")))
                .await??,
        );
        blocker.batch_execute("COMMIT").await?;
        anyhow::Ok(())
    };
    let (outcome, left) = tokio::join!(world.run(&order), leave);
    left?;
    let (done, _) = ran(outcome);
    assert!(done[0].retries >= 1, "{done:?}");
    assert_eq!(world.applied().await?, ["001"]);
    Ok(())
}

#[tokio::test]
async fn a_deadlock_is_tried_again() -> anyhow::Result<()> {
    let world = World::new().await?;
    let other = world.client().await?;
    other.batch_execute("CREATE TABLE x (id int); CREATE TABLE y (id int)").await?;
    let sql = "LOCK TABLE x; SELECT pg_sleep(0.3); LOCK TABLE y;";
    let mut order = world.up(&[sample("001", sql, "")]).await?;
    order.run.settings.lock_timeout = Span::seconds(20);
    order.run.settings.lock_budget = Span::seconds(60);
    other.batch_execute("BEGIN; LOCK TABLE y").await?;
    // Whichever of the two the server ends, both come through: the run because it tries again.
    let clash = async {
        world.until_running("pg_sleep").await?;
        let _ = other.batch_execute("LOCK TABLE x").await;
        other.batch_execute("ROLLBACK").await?;
        anyhow::Ok(())
    };
    let (outcome, clashed) = tokio::join!(world.run(&order), clash);
    clashed?;
    assert_eq!(versions(&ran(outcome).0), ["001"]);
    Ok(())
}

#[tokio::test]
async fn a_cancel_ends_the_wait_for_a_lock() -> anyhow::Result<()> {
    let world = World::new().await?;
    let blocker = world.client().await?;
    blocker.batch_execute("CREATE TABLE busy (id int)").await?;
    blocker.batch_execute("BEGIN; SELECT * FROM busy").await?;
    let mut order = world.up(&[sample("001", ALTER, "")]).await?;
    order.run.settings.lock_timeout = Span::seconds(600);
    order.run.settings.lock_budget = Span::seconds(600);
    let cancel = async {
        world.until_running("ALTER TABLE busy").await?;
        world.cancel.cancel();
        anyhow::Ok(())
    };
    let (outcome, cancelled) = tokio::join!(tokio::time::timeout(LONG, world.run(&order)), cancel);
    cancelled?;
    assert!(matches!(outcome?, pgbelay_core::command::Outcome::Cancelled { .. }));
    Ok(())
}

#[tokio::test]
async fn two_runs_at_once_come_one_after_the_other() -> anyhow::Result<()> {
    let world = World::new().await?;
    let first = world.up(&[sample("001", "CREATE TABLE a (id int); SELECT pg_sleep(0.5);", "")]).await?;
    let mut second = first.clone();
    second.command.id = "c8".parse()?;
    let late = async {
        world.until_running("pg_sleep").await?;
        anyhow::Ok(world.run(&second).await)
    };
    let (first, second) = tokio::join!(world.run(&first), late);
    ran(first);
    // It came when the first was done, and found another state than it expected.
    let second = second?;
    assert!(matches!(second, pgbelay_core::command::Outcome::Refused { .. }), "{second:?}");
    assert_eq!(world.applied().await?, ["001"]);
    Ok(())
}

#[tokio::test]
async fn another_migrator_that_stays_is_named() -> anyhow::Result<()> {
    let world = World::new().await?;
    let first = world.up(&[sample("001", "CREATE TABLE a (id int); SELECT pg_sleep(60);", "")]).await?;
    let mut second = first.clone();
    second.command.id = "c8".parse()?;
    let late = async {
        world.until_running("pg_sleep").await?;
        let outcome = world.run(&second).await;
        world.cancel.cancel();
        anyhow::Ok(outcome)
    };
    let (_, second) = tokio::join!(world.run(&first), late);
    let (_, failure) = failed(second?);
    assert_eq!(failure.kind, FailureKind::Busy, "{failure:?}");
    assert!(failure.message.contains("pgbelay-agent c7/1"), "{}", failure.message);
    Ok(())
}

#[tokio::test]
async fn many_agents_may_make_the_tables_at_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    // Each with a lock of its own: nothing but the making of the tables keeps them apart.
    let orders = futures_util::future::join_all((1..=8).map(|n| {
        let world = &world;
        async move {
            let mut order = world.up(&[]).await?;
            order.command.id = format!("c{n}").parse()?;
            let mut target = world.target.clone();
            target.schema = "pgbelay".to_owned();
            anyhow::Ok(world.run_at(&target, &order).await)
        }
    }));
    for outcome in orders.await {
        ran(outcome?);
    }
    wait::until("the sessions to end", Duration::from_secs(20), async || {
        Ok(world
            .number("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgbelay-agent%'")
            .await?
            == 0)
    })
    .await
}

#[tokio::test]
async fn what_an_earlier_pg_dump_left_is_not_waited_for() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute("CREATE TABLE busy (id int)").await?;
    let mut config = world.cluster.config(crate::world::APP);
    config.application_name("pgbelay-agent dump");
    let (left, connection) = config.connect(tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    left.batch_execute("BEGIN; SELECT * FROM busy").await?;
    ran(world.run(&world.up(&[sample("001", ALTER, "")]).await?).await);
    assert!(tokio::time::timeout(LONG, connection).await??.is_err(), "its session was ended");
    Ok(())
}

#[tokio::test]
async fn a_schema_that_cannot_be_read_for_a_lock_is_told() -> anyhow::Result<()> {
    let world = World::new().await?;
    let blocker = world.client().await?;
    blocker.batch_execute("CREATE TABLE busy (id int); CREATE VIEW v AS SELECT * FROM busy").await?;
    let order = world.up(&[table("001", "a")]).await?;
    blocker.batch_execute("BEGIN; LOCK TABLE busy").await?;
    let (_, failure) = failed(world.run(&order).await);
    assert_eq!(failure.kind, FailureKind::LockTimeout, "{failure:?}");
    assert!(!world.has_table("a").await?);
    Ok(())
}
