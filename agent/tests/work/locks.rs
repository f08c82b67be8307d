//! Locks: who is in the way, trying again, one migrator at a time.

use std::time::Duration;

use pgbelay_core::command::FailureKind;
use pgbelay_core::time::Span;
use pgbelay_tests::wait;

use crate::world::{LONG, Order, World, failed, ran, sample, table, versions};

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

/// A step that locks table `a` as a plan knows it.
fn strong(order: &mut Order) {
    order.run.locks = vec![pgbelay_core::command::StrongLock {
        version: "001".parse().unwrap(),
        relation: "public.a".to_owned(),
        mode: pgbelay_analysis::LockMode::AccessExclusiveLock,
    }];
}

/// A session that has held a lock on table `a` for long enough to be waited for.
async fn holder(world: &World, role: &str) -> anyhow::Result<tokio_postgres::Client> {
    let client = world.client().await?;
    client.batch_execute(&format!("SET ROLE {role}")).await?;
    client.batch_execute("BEGIN; INSERT INTO a VALUES (4711)").await?;
    let look = world.client().await?;
    let sql = "SELECT FROM pg_stat_activity WHERE state = 'idle in transaction' AND xact_start < now() - interval '1.2 s'";
    wait::until("a long transaction", LONG, async || Ok(look.query_opt(sql, &[]).await?.is_some())).await?;
    Ok(client)
}

#[tokio::test]
async fn a_long_transaction_is_waited_for_outside_of_the_queue() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute("CREATE TABLE a (id int)").await?;
    let client = holder(&world, "belay").await?;
    let mut order = world.up(&[sample("001", "ALTER TABLE a ADD n int;", "")]).await?;
    strong(&mut order);
    order.run.settings.lock_budget = Span::seconds(60);
    let mut progress = world.progress.subscribe();
    let others = async {
        let told = progress
            .wait_for(|told| told.doing.contains("before the lock is asked for"))
            .await?
            .doing
            .clone();
        assert!(told.contains("INSERT INTO a VALUES (?)"), "{told}");
        // Nobody queues: who comes meanwhile is served at once.
        let sql = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        assert_eq!(world.number(sql).await?, 0);
        world.client().await?.batch_execute("SET lock_timeout = '1ms'; INSERT INTO a VALUES (1)").await?;
        client.batch_execute("COMMIT").await?;
        anyhow::Ok(())
    };
    let (outcome, others) = tokio::join!(world.run(&order), others);
    others?;
    let (done, _) = ran(outcome);
    let seen = done[0].observed.as_deref().expect("it was observed");
    assert!(seen.lock_wait.0 > 0 && seen.waited_for.len() == 1 && seen.ended.is_empty(), "{seen:?}");
    assert_eq!(seen.rewrites, Vec::<String>::new());
    Ok(())
}

/// Steps of definitions that follow each other open their transactions with the COMMIT of the one before.
#[tokio::test]
async fn no_transaction_is_open_while_a_step_waits_outside_of_the_queue() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute("CREATE TABLE a (id int)").await?;
    let client = holder(&world, "belay").await?;
    let before = ["000", "0005"].map(|version| table(version, &format!("t{version}")));
    let steps = [before.as_slice(), &[sample("001", "ALTER TABLE a ADD n int;", "")]].concat();
    let mut order = world.up(&steps).await?;
    strong(&mut order);
    order.run.settings.lock_budget = Span::seconds(60);
    let mut progress = world.progress.subscribe();
    let others = async {
        let waiting = progress.wait_for(|told| told.doing.contains("before the lock is asked for"));
        tokio::time::timeout(LONG, waiting).await??;
        let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgbelay-agent%' \
                    AND state LIKE 'idle in transaction%'";
        assert_eq!(world.number(open).await?, 0);
        client.batch_execute("COMMIT").await?;
        anyhow::Ok(())
    };
    let (outcome, others) = tokio::join!(world.run(&order), others);
    others?;
    let (done, _) = ran(outcome);
    assert_eq!(done.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_step_whose_transaction_could_not_be_opened_beforehand_is_tried_again() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.slow_tables("0.8", "CREATE TABLE b%").await?;
    let client = world.client().await?;
    let mut order = world.up(&["a", "b", "c"].map(|name| table(name, name))).await?;
    order.run.settings.lock_timeout = Span(200);
    let mut progress = world.progress.subscribe();
    let others = async {
        world.until_running("CREATE TABLE b").await?;
        // It queues for the fence, and has it when b is committed, before c does.
        client.batch_execute("BEGIN; LOCK TABLE pgbelay.fence IN EXCLUSIVE MODE").await?;
        let again = progress.wait_for(|told| told.doing.contains("the lock was not to be had"));
        tokio::time::timeout(LONG, again).await??;
        assert_eq!(world.applied().await?, ["a", "b"]);
        client.batch_execute("COMMIT").await?;
        anyhow::Ok(())
    };
    let (outcome, others) = tokio::join!(world.run(&order), others);
    others?;
    let (done, _) = ran(outcome);
    assert_eq!(versions(&done), ["a", "b", "c"]);
    assert!(done[1].retries == 0 && done[2].retries > 0, "{done:?}");
    Ok(())
}

#[tokio::test]
async fn one_that_turns_out_to_be_long_is_not_waited_for_in_the_queue() -> anyhow::Result<()> {
    let world = World::new().await?;
    let client = world.client().await?;
    client.batch_execute("CREATE TABLE a (id int)").await?;
    let mut order = world.up(&[sample("001", "ALTER TABLE a ADD n int;", "")]).await?;
    strong(&mut order);
    // Whoever stood in the queue for that long would be found out by the deadline of the test.
    (order.run.settings.lock_timeout, order.run.settings.lock_budget) = (Span::hours(1), Span::hours(2));
    let mut progress = world.progress.subscribe();
    client.batch_execute("BEGIN; INSERT INTO a VALUES (4711)").await?;
    let others = async {
        let outside = progress.wait_for(|told| told.doing.contains("before the lock is asked for"));
        drop(tokio::time::timeout(LONG, outside).await??);
        client.batch_execute("COMMIT").await?;
        anyhow::Ok(())
    };
    let (outcome, others) = tokio::join!(world.run(&order), others);
    others?;
    assert_eq!(ran(outcome).0.len(), 1);
    Ok(())
}

#[tokio::test]
async fn who_has_worked_for_long_waits_for_as_long() -> anyhow::Result<()> {
    let world = World::new().await?;
    let client = world.client().await?;
    client.batch_execute("CREATE TABLE a (id int)").await?;
    let sql = "SELECT pg_sleep(1.2);\nCREATE TABLE seen AS SELECT current_setting('lock_timeout')::interval AS wait;\n\
               SET LOCAL lock_timeout = '7ms';\nSELECT pg_sleep(1.2);\n\
               CREATE TABLE own AS SELECT current_setting('lock_timeout')::interval AS wait;\n";
    let mut order = world.up(&[sample("001", sql, "")]).await?;
    strong(&mut order);
    (order.run.settings.lock_timeout, order.run.settings.lock_budget) = (Span::seconds(5), Span::seconds(60));
    ran(world.run(&order).await);
    let sql = "SELECT (wait >= interval '1.2 s' AND wait < interval '5 s')::int::bigint FROM seen";
    assert_eq!(world.number(sql).await?, 1);
    assert_eq!(world.number("SELECT (wait = interval '7 ms')::int::bigint FROM own").await?, 1);
    Ok(())
}

#[tokio::test]
async fn one_that_does_not_end_is_given_up_and_nothing_was_asked_for() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute("CREATE TABLE a (id int)").await?;
    let _client = holder(&world, "belay").await?;
    let mut order = world.up(&[sample("001", "ALTER TABLE a ADD n int;", "")]).await?;
    strong(&mut order);
    order.run.settings.blockers.queries = pgbelay_core::policy::QueryText::None;
    let (_, failure) = failed(world.run(&order).await);
    assert_eq!(failure.kind, FailureKind::LockTimeout);
    assert!(failure.message.contains("the lock was not asked for"), "{}", failure.message);
    assert!(failure.blockers.len() == 1 && !failure.blockers[0].contains("INSERT"), "{:?}", failure.blockers);
    Ok(())
}

#[tokio::test]
async fn only_sessions_of_listed_roles_are_ended() -> anyhow::Result<()> {
    for listed in [false, true] {
        let mut world = World::new().await?;
        let setup = "CREATE TABLE a (id int); CREATE ROLE app LOGIN PASSWORD 'x'; GRANT ALL ON a TO app";
        world.client().await?.batch_execute(setup).await?;
        world.may_end = if listed { vec![world.cluster.user().to_owned()] } else { vec!["app".to_owned()] };
        let client = holder(&world, "belay").await?;
        let mut order = world.up(&[sample("001", "ALTER TABLE a ADD n int;", "")]).await?;
        strong(&mut order);
        order.run.settings.blockers.cancel_after = Some(Span(300));
        let outcome = world.run(&order).await;
        if listed {
            let (done, _) = ran(outcome);
            let seen = done[0].observed.as_deref().expect("it was observed");
            assert!(seen.ended.len() == 1 && seen.ended[0].contains("INSERT INTO a"), "{seen:?}");
            assert!(client.batch_execute("COMMIT").await.is_err(), "its session was ended");
        } else {
            assert_eq!(failed(outcome).1.kind, FailureKind::LockTimeout);
            client.batch_execute("COMMIT").await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_written_anew_and_locked_is_observed() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute("CREATE TABLE a (id int); INSERT INTO a VALUES (1)").await?;
    let sql = "ALTER TABLE a ALTER id TYPE text;\nUPDATE a SET id = 2;";
    let (done, _) = ran(world.run(&world.up(&[sample("001", sql, "")]).await?).await);
    let seen = done[0].observed.as_deref().expect("it was observed");
    assert_eq!(seen.rewrites, ["public.a"]);
    assert!(
        seen.locks.iter().any(|l| l.relation == "public.a" && l.mode == "AccessExclusiveLock"),
        "{seen:?}"
    );
    let lines: Vec<_> = seen.statements.iter().map(|one| (one.line, one.what.as_str(), one.rows)).collect();
    assert_eq!(lines, [(1, "ALTER TABLE", 0), (2, "UPDATE", 1)]);
    assert!(seen.wal_bytes > 0);
    Ok(())
}

#[tokio::test]
async fn a_kind_of_statement_may_have_a_time_of_its_own() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut order = world
        .up(&[sample("001", "SELECT pg_sleep(1);\nDO $$ BEGIN PERFORM pg_sleep(30); END $$;", "")])
        .await?;
    order.run.settings.statement_timeout = Span(300);
    order.run.settings.statement_timeouts.insert("select".to_owned(), Span::seconds(30));
    let (_, failure) = failed(world.run(&order).await);
    assert_eq!((failure.kind, failure.line), (FailureKind::StatementTimeout, Some(2)), "{failure:?}");
    Ok(())
}
