//! Dry runs: everything is tried, and nothing is left of it.

use pgbelay_agent::database::{Target, dry_run};
use pgbelay_core::command::FailureKind;
use pgbelay_core::plan::Direction;
use pgbelay_tests::wait;

use crate::proxy::{Fate, Proxy};
use crate::world::{LONG, Sample, World, ran, sample, settings, steps, table, versions};

async fn check(world: &World, samples: &[Sample]) -> (Vec<String>, Option<pgbelay_core::command::Failure>) {
    let (steps, sql) = steps(samples, Direction::Up);
    let (done, failure) = dry_run(&world.target, &steps, &settings(), &sql).await;
    (versions(&done), failure)
}

#[tokio::test]
async fn a_trial_leaves_nothing() -> anyhow::Result<()> {
    let world = World::new().await?;
    let before = world.seen().await?;
    let good = [table("001", "a"), sample("002", "INSERT INTO a VALUES (1); ALTER TABLE a ADD b int;", "")];
    let (done, failure) = check(&world, &good).await;
    assert_eq!((done, failure), (vec!["001".to_owned(), "002".to_owned()], None));
    let bad = [table("001", "a"), sample("002", "SELECT 1;\nSELECT nix;", "")];
    let (done, failure) = check(&world, &bad).await;
    let failure = failure.unwrap();
    assert_eq!((done.as_slice(), failure.line), (["001".to_owned()].as_slice(), Some(2)), "{failure:?}");
    let (_, failure) = check(&world, &[sample("001", "VACUUM;", "")]).await;
    assert_eq!(failure.unwrap().kind, FailureKind::NotTransactional);
    assert_eq!(world.seen().await?, before);
    assert!(!world.has_table("pgbelay.fence").await?);
    Ok(())
}

/// The server sees the end of a session a moment after the agent has closed it.
#[tokio::test]
async fn one_trial_after_the_other_finds_nobody_at_work() -> anyhow::Result<()> {
    let world = World::new().await?;
    let proxy = Proxy::start(world.cluster.port(), Fate::HoldEnd).await?;
    let through = Target { port: proxy.port, ..world.target.clone() };
    let (steps, sql) = steps(&[table("001", "a")], Direction::Up);
    let settings = settings();
    let (done, failure) = dry_run(&through, &steps, &settings, &sql).await;
    assert_eq!((done.len(), failure), (1, None));
    proxy.holds().await?;
    let first_ends = async {
        // The second one has found the lock taken, and asked by whom.
        let asks = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbelay-agent dry run' \
                    AND query LIKE 'SELECT l.pid, a.application_name%'";
        wait::until("the second trial to wait", LONG, async || Ok(world.number(asks).await? == 1)).await?;
        proxy.let_go();
        anyhow::Ok(())
    };
    let ((done, failure), ended) = tokio::join!(dry_run(&world.target, &steps, &settings, &sql), first_ends);
    ended?;
    assert_eq!((done.len(), failure), (1, None));
    Ok(())
}

#[tokio::test]
async fn deferred_constraints_are_checked_between_steps() -> anyhow::Result<()> {
    let world = World::new().await?;
    let tables = "CREATE TABLE p (id int PRIMARY KEY); \
                  CREATE TABLE c (p int REFERENCES p DEFERRABLE INITIALLY DEFERRED);";
    let good = [
        sample("001", tables, ""),
        sample("002", "INSERT INTO c VALUES (1); INSERT INTO p VALUES (1);", ""),
        sample("003", "ALTER TABLE c ADD n int;", ""),
    ];
    let (done, failure) = check(&world, &good).await;
    assert_eq!((done.len(), failure), (3, None));
    let bad = [sample("001", tables, ""), sample("002", "INSERT INTO c VALUES (1);", "")];
    let (done, failure) = check(&world, &bad).await;
    let failure = failure.unwrap();
    assert_eq!((done.len(), failure.sqlstate.as_deref()), (1, Some("23503")), "{failure:?}");
    assert_eq!(failure.version, Some("002".parse()?));
    Ok(())
}

#[tokio::test]
async fn a_trial_does_not_wait_for_long() -> anyhow::Result<()> {
    let world = World::new().await?;
    let blocker = world.client().await?;
    blocker.batch_execute("CREATE TABLE busy (id int)").await?;
    blocker.batch_execute("BEGIN; SELECT * FROM busy").await?;
    let (_, failure) = check(&world, &[sample("001", "ALTER TABLE busy ADD n int;", "")]).await;
    let failure = failure.unwrap();
    assert_eq!((failure.kind, failure.blockers.len()), (FailureKind::LockTimeout, 1), "{failure:?}");
    Ok(())
}

#[tokio::test]
async fn the_whole_trial_takes_no_longer_than_one_statement_may() -> anyhow::Result<()> {
    let world = World::new().await?;
    let sleep = "SELECT pg_sleep(0.4);";
    let (steps, sql) =
        steps(&[sample("001", sleep, ""), sample("002", sleep, ""), sample("003", sleep, "")], Direction::Up);
    let mut settings = settings();
    settings.statement_timeout = pgbelay_core::time::Span(600);
    let (done, failure) = dry_run(&world.target, &steps, &settings, &sql).await;
    assert_eq!((done.len(), failure.unwrap().kind), (1, FailureKind::StatementTimeout));
    Ok(())
}

#[tokio::test]
async fn nothing_is_tried_beside_another_migrator() -> anyhow::Result<()> {
    let world = World::new().await?;
    let order = world.up(&[sample("001", "CREATE TABLE a (id int); SELECT pg_sleep(4);", "")]).await?;
    let trial = async {
        world.until_running("pg_sleep").await?;
        anyhow::Ok(check(&world, &[table("002", "b")]).await)
    };
    let (outcome, trial) = tokio::join!(world.run(&order), trial);
    ran(outcome);
    let busy = trial?.1.unwrap();
    assert_eq!(busy.kind, FailureKind::Busy);
    assert!(busy.message.contains("pgbelay-agent") && busy.blockers.len() == 1, "{busy:?}");
    Ok(())
}
