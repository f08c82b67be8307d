//! Migrations that do not run in one transaction: cut off at each point, and gone on with.

use pgbelay_core::command::{FailureKind, Outcome, RefusedBecause, Resolution};
use pgbelay_core::plan::Direction;
use pgbelay_core::time::Span;
use pgbelay_tests::postgres::Cluster;

use crate::world::{APP, Order, World, failed, ran, sample, table, versions};

/// Three pieces: a table and its rows, an index, another table.
const MIXED: &str = "CREATE TABLE a (id int, n text);\nINSERT INTO a SELECT i, i FROM generate_series(1, 1000) i;\n\
    CREATE INDEX CONCURRENTLY a_n ON a (n);\nCREATE TABLE b (id int);";

/// A command for what is missing, as a controller would issue it after the one before.
fn again(order: &Order) -> Order {
    let mut order = order.clone();
    order.command.attempt += 1;
    order.command.fence += 1;
    order
}

async fn journal(world: &World) -> anyhow::Result<Vec<String>> {
    let sql = "SELECT piece || ' ' || state || CASE WHEN closed_at IS NULL THEN '' ELSE ' closed' END \
               FROM pgbelay.migration_pieces ORDER BY id";
    let rows = world.client().await?.query(sql, &[]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn valid(world: &World, index: &str) -> anyhow::Result<Option<bool>> {
    let sql = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)";
    Ok(world.client().await?.query_opt(sql, &[&index]).await?.map(|row| row.get(0)))
}

#[tokio::test]
async fn a_mixed_file_runs_piece_by_piece_and_is_recorded_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    let down = "DROP TABLE b; DROP INDEX CONCURRENTLY a_n; DROP TABLE a;";
    let samples = [sample("001", MIXED, down), table("002", "c")];
    let (done, seen) = ran(world.run(&world.up(&samples).await?).await);
    assert_eq!(versions(&done), ["001", "002"]);
    assert!(seen.unfinished.is_empty());
    assert_eq!(journal(&world).await?, ["1 done closed", "2 done closed", "3 done closed"]);
    assert_eq!(valid(&world, "a_n").await?, Some(true));
    let observed = done[0].observed.as_deref().expect("it was observed");
    assert_eq!(observed.statements.len(), 4);
    assert_eq!((observed.statements[1].rows, observed.statements[1].line), (1000, 2));
    let kept = "SELECT count(*) FROM pgbelay.migration_records WHERE version = '001' \
                AND jsonb_array_length(metadata #> '{observed,statements}') = 4 \
                AND (metadata #>> '{observed,wal_bytes}')::bigint > 0";
    assert_eq!(world.number(kept).await?, 1);

    let mut back = world.order(&samples[..1], Direction::Down).await?;
    back.command.id = "c8".parse()?;
    back.command.fence = 2;
    let (done, _) = ran(world.run(&back).await);
    assert_eq!(versions(&done), ["001"]);
    assert!(!world.has_table("a").await? && world.applied().await? == ["002"]);
    Ok(())
}

#[tokio::test]
async fn settings_of_earlier_pieces_hold_in_later_ones() -> anyhow::Result<()> {
    let world = World::new().await?;
    let sql = "CREATE SCHEMA s; CREATE TABLE s.t (id int); SET search_path = s; SET lock_timeout = 0; \
               CREATE INDEX CONCURRENTLY i ON t (id); CREATE TABLE u (id int);";
    ran(world.run(&world.up(&[sample("001", sql, "")]).await?).await);
    assert_eq!(valid(&world, "s.i").await?, Some(true));
    assert!(world.has_table("s.u").await?);
    Ok(())
}

#[tokio::test]
async fn an_enum_value_may_be_used_in_the_file_that_adds_it() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE p (m mood)").await?;
    let sql = "ALTER TYPE mood ADD VALUE 'glad'; INSERT INTO p VALUES ('glad');";
    ran(world.run(&world.up(&[sample("001", sql, "")]).await?).await);
    assert_eq!(world.number("SELECT count(*) FROM p WHERE m = 'glad'").await?, 1);
    Ok(())
}

/// Sends the statement of the second piece by hand, so that the state is as after a crash at one point.
async fn cut_off(world: &World, at: &str) -> anyhow::Result<Order> {
    let order = world.up(&[sample("001", MIXED, "")]).await?;
    // A second command with another text for the last piece fails there, after the first two pieces.
    let broken = MIXED.replace("CREATE TABLE b (id int)", "CREATE TABLE b (id nix)");
    let first = world.up(&[sample("001", &broken, "")]).await?;
    let (done, failure) = failed(world.run(&first).await);
    assert!(done.is_empty());
    assert!(failure.message.contains("pieces 1 to 2 are done and stay"), "{}", failure.message);
    let client = world.client().await?;
    let states = match at {
        "after the second piece" => "SELECT 1",
        "during the second piece" => {
            "UPDATE pgbelay.migration_pieces SET state = 'intended', fingerprint = NULL WHERE piece = 2; \
             UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'a_n'::regclass"
        }
        "before the second piece" => {
            "UPDATE pgbelay.migration_pieces SET state = 'intended', fingerprint = NULL WHERE piece = 2; DROP INDEX a_n"
        }
        "after its effect" => "UPDATE pgbelay.migration_pieces SET state = 'intended' WHERE piece = 2",
        other => panic!("no such point: {other}"),
    };
    client.batch_execute(states).await?;
    Ok(again(&order))
}

#[tokio::test]
async fn a_run_goes_on_where_it_was_cut_off() -> anyhow::Result<()> {
    for at in
        ["after the second piece", "during the second piece", "before the second piece", "after its effect"]
    {
        let world = World::new().await?;
        let order = cut_off(&world, at).await?;
        let seen = world.seen().await?;
        assert_eq!((seen.unfinished.len(), seen.unfinished[0].pieces), (1, 3), "{at}");
        assert_eq!(seen.unfinished[0].open.is_some(), at != "after the second piece", "{at}");
        let (done, seen) = ran(world.run(&order).await);
        assert_eq!(versions(&done), ["001"], "{at}");
        assert!(seen.unfinished.is_empty(), "{at}");
        assert_eq!(valid(&world, "a_n").await?, Some(true), "{at}");
        assert_eq!(world.number("SELECT count(*) FROM a").await?, 1000, "{at}: the first piece ran once");
        assert_eq!(
            world.number("SELECT count(*) FROM pg_index WHERE indrelid = 'a'::regclass").await?,
            1,
            "{at}"
        );
        assert!(world.has_table("b").await?, "{at}");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_sent_cannot_be_changed_and_what_was_not_can() -> anyhow::Result<()> {
    let world = World::new().await?;
    cut_off(&world, "after the second piece").await?;
    let other = MIXED.replace("a (n)", "a (id)");
    let (_, failure) = failed(world.run(&world.up(&[sample("001", &other, "")]).await?).await);
    assert!(failure.message.contains("begun with another text"), "{}", failure.message);
    let mended = MIXED.replace("CREATE TABLE b (id int)", "CREATE TABLE b (id bigint)");
    let mut order = world.up(&[sample("001", &mended, "")]).await?;
    order.command.plan = pgbelay_core::digest::Digest::of("another plan");
    ran(world.run(&order).await);
    assert!(world.has_table("b").await?);
    Ok(())
}

#[tokio::test]
async fn a_mended_file_that_fits_into_one_transaction_goes_on_all_the_same() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute("CREATE TABLE d (n int); INSERT INTO d VALUES (1), (1)").await?;
    let broken = "INSERT INTO d VALUES (7); CREATE UNIQUE INDEX CONCURRENTLY d_n ON d (n);";
    failed(world.run(&world.up(&[sample("001", broken, "")]).await?).await);
    for (mended, rows) in [
        ("INSERT INTO d VALUES (7); CREATE INDEX d_n ON d (n);", 3),
        (
            "INSERT INTO d VALUES (7); DELETE FROM d WHERE ctid = '(0,1)'; CREATE UNIQUE INDEX CONCURRENTLY d_n ON d (n);",
            2,
        ),
        ("INSERT INTO d VALUES (7);", 3),
    ] {
        let world = World::new().await?;
        world.client().await?.batch_execute("CREATE TABLE d (n int); INSERT INTO d VALUES (1), (1)").await?;
        let (_, failure) = failed(world.run(&world.up(&[sample("001", broken, "")]).await?).await);
        assert!(failure.message.contains("piece 1 is done and stays"), "{}", failure.message);
        let mut order = world.up(&[sample("001", mended, "")]).await?;
        order.command.plan = pgbelay_core::digest::Digest::of("another plan");
        let (_, seen) = ran(world.run(&order).await);
        assert_eq!(world.number("SELECT count(*) FROM d").await?, rows, "{mended}");
        assert!(seen.unfinished.is_empty() && seen.records.len() == 1, "{mended}");
    }
    Ok(())
}

#[tokio::test]
async fn what_commits_by_itself_and_fails_is_never_sent_again_unasked() -> anyhow::Result<()> {
    let world = World::new().await?;
    let setup = "CREATE TABLE d (n int CHECK (n < 3)); CREATE PROCEDURE p() LANGUAGE plpgsql AS \
                 $$ BEGIN INSERT INTO d VALUES (1); COMMIT; INSERT INTO d VALUES (9); END $$";
    world.client().await?.batch_execute(setup).await?;
    let mut order = world.up(&[sample("001", "CALL p();", "")]).await?;
    order.run.steps[0].autocommit = true;
    let outcome = world.run(&order).await;
    let Outcome::Unsettled { statement, .. } = &outcome else { panic!("{outcome:?}") };
    assert!(
        statement.what.starts_with("CALL in a file without a transaction: it failed (new row"),
        "{}",
        statement.what
    );
    assert_eq!(world.number("SELECT count(*) FROM d").await?, 1);
    // A word is about one intent: the second time that it fails, nobody has said anything.
    order.run.resolution = Some(Resolution {
        version: "001".parse()?,
        piece: 1,
        intent: statement.intent,
        done: false,
        reason: "looked".to_owned(),
        by: "ann".parse()?,
    });
    let mut order = again(&order);
    for _ in 0..2 {
        let outcome = world.run(&order).await;
        assert!(matches!(&outcome, Outcome::Unsettled { .. }), "{outcome:?}");
        assert_eq!(world.number("SELECT count(*) FROM d").await?, 2);
        order = again(&order);
    }
    Ok(())
}

#[tokio::test]
async fn what_must_not_be_cut_is_refused_before_anything_runs() -> anyhow::Result<()> {
    let world = World::new().await?;
    for sql in
        ["BEGIN;\nCREATE TABLE a (id int);\nVACUUM;\nCOMMIT;", "\nCREATE TEMP TABLE a (id int); VACUUM;"]
    {
        let (_, failure) = failed(world.run(&world.up(&[sample("001", sql, "")]).await?).await);
        assert_eq!(failure.kind, FailureKind::NotTransactional, "{failure:?}");
        assert!(failure.line.is_some() && !world.has_table("a").await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_role_of_the_migration_does_not_look_for_pgbelay() -> anyhow::Result<()> {
    let world = World::new().await?;
    let setup =
        "CREATE ROLE app; CREATE SCHEMA app AUTHORIZATION app; SET ROLE app; CREATE TABLE app.t (id int)";
    world.client().await?.batch_execute(setup).await?;
    let sql =
        "SET ROLE app; SET search_path = app; CREATE INDEX CONCURRENTLY i ON t (id); CREATE TABLE u ();";
    ran(world.run(&world.up(&[sample("001", sql, "")]).await?).await);
    assert_eq!(valid(&world, "app.i").await?, Some(true));
    assert_eq!(
        world
            .number("SELECT count(*) FROM pg_tables WHERE schemaname = 'app' AND tableowner = 'app'")
            .await?,
        2
    );
    Ok(())
}

#[tokio::test]
async fn somebody_elses_change_meanwhile_is_noticed() -> anyhow::Result<()> {
    let world = World::new().await?;
    let order = cut_off(&world, "after the second piece").await?;
    world.client().await?.batch_execute("CREATE TABLE somebodys (id int)").await?;
    let outcome = world.run(&order).await;
    let Outcome::Refused { reason: RefusedBecause::Moved { what } } = &outcome else { panic!("{outcome:?}") };
    assert!(what.contains("since the migration was cut off"), "{what}");
    // A new plan was made for the schema as it is.
    let mut order = world.up(&[sample("001", MIXED, "")]).await?;
    order.command.plan = pgbelay_core::digest::Digest::of("another plan");
    ran(world.run(&order).await);
    Ok(())
}

#[tokio::test]
async fn a_build_that_fails_leaves_no_invalid_index() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute("CREATE TABLE d (n int); INSERT INTO d VALUES (1), (1)").await?;
    let before = world.seen().await?;
    let sql = "CREATE UNIQUE INDEX CONCURRENTLY d_n ON d (n);";
    let (_, failure) = failed(world.run(&world.up(&[sample("001", sql, "")]).await?).await);
    assert_eq!((failure.kind, failure.sqlstate.as_deref()), (FailureKind::Sql, Some("23505")));
    assert!(!failure.message.contains("stay"), "{}", failure.message);
    assert_eq!(valid(&world, "d_n").await?, None);
    let after = world.seen().await?;
    assert_eq!((after.fingerprint, after.unfinished), (before.fingerprint, vec![]));
    assert_eq!(journal(&world).await?, ["1 undone closed"]);
    // Mended by hand, the same plan runs.
    world.client().await?.batch_execute("DELETE FROM d WHERE ctid = '(0,1)'").await?;
    ran(world.run(&world.up(&[sample("001", sql, "")]).await?).await);
    assert_eq!(valid(&world, "d_n").await?, Some(true));
    Ok(())
}

#[tokio::test]
async fn an_invalid_index_of_somebody_else_is_not_taken_for_the_one_that_is_wanted() -> anyhow::Result<()> {
    let world = World::new().await?;
    let setup = "CREATE TABLE d (n int); CREATE INDEX d_n ON d (n); \
                 UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'd_n'::regclass";
    world.client().await?.batch_execute(setup).await?;
    let sql = "CREATE INDEX CONCURRENTLY IF NOT EXISTS d_n ON d (n);";
    let (_, failure) = failed(world.run(&world.up(&[sample("001", sql, "")]).await?).await);
    assert!(failure.message.contains("\"public\".\"d_n\" is there and is not valid"), "{}", failure.message);
    assert!(failure.hint.is_some_and(|hint| hint.contains("DROP INDEX CONCURRENTLY")));
    Ok(())
}

#[tokio::test]
async fn a_cancelled_build_is_taken_away() -> anyhow::Result<()> {
    let world = World::new().await?;
    let client = world.client().await?;
    client.batch_execute("CREATE TABLE d (n int); INSERT INTO d VALUES (1)").await?;
    // An old transaction: the build waits for it.
    client.batch_execute("BEGIN; INSERT INTO d VALUES (2)").await?;
    let mut order = world.up(&[sample("001", "CREATE INDEX CONCURRENTLY d_n ON d (n);", "")]).await?;
    order.run.settings.lock_budget = Span::seconds(120);
    let cancel = async {
        world.until_running("CREATE INDEX CONCURRENTLY").await?;
        world.cancel.cancel();
        // The old transaction holds up what cleans up as well, and may end only when the build has.
        let looks = world.client().await?;
        let sql =
            "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'CREATE INDEX CONCURRENTLY%'";
        pgbelay_tests::wait::until("the end of the build", crate::world::LONG, async || {
            Ok(looks.query_opt(sql, &[]).await?.is_none())
        })
        .await?;
        client.batch_execute("COMMIT").await?;
        anyhow::Ok(())
    };
    let (outcome, cancelled) = tokio::join!(world.run(&order), cancel);
    cancelled?;
    assert!(matches!(&outcome, Outcome::Cancelled { .. }), "{outcome:?}");
    assert_eq!(valid(&world, "d_n").await?, None);
    assert!(world.seen().await?.unfinished.is_empty());
    Ok(())
}

/// A build that waits for an old transaction, whose connection is lost.
async fn lost_build(
    world: &World,
    lose: impl AsyncFnOnce(i32) -> anyhow::Result<()>,
) -> anyhow::Result<pgbelay_core::command::Failure> {
    let client = world.client().await?;
    client.batch_execute("CREATE TABLE d (n int); INSERT INTO d VALUES (1)").await?;
    client.batch_execute("BEGIN; INSERT INTO d VALUES (2)").await?;
    let mut order = world.up(&[sample("001", "CREATE INDEX CONCURRENTLY d_n ON d (n);", "")]).await?;
    order.run.settings.lock_budget = Span::seconds(120);
    let lose = async {
        let pid = world.until_running("CREATE INDEX CONCURRENTLY").await?;
        lose(pid).await?;
        // The old transaction holds up what cleans up as well. A server that went down has ended it already.
        pgbelay_tests::wait::until("the end of the build", crate::world::LONG, async || {
            let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
            Ok(world.number(&sql).await? == 0)
        })
        .await?;
        let _ = client.batch_execute("COMMIT").await;
        anyhow::Ok(())
    };
    let (outcome, lost) = tokio::join!(world.run(&order), lose);
    lost?;
    let (_, failure) = failed(outcome);
    assert_eq!(failure.kind, FailureKind::Connection);
    assert_eq!(
        (valid(world, "d_n").await?, journal(world).await?),
        (None, vec!["1 undone closed".to_owned()])
    );
    assert!(world.seen().await?.unfinished.is_empty());
    ran(world.run(&world.up(&[sample("001", "CREATE INDEX CONCURRENTLY d_n ON d (n);", "")]).await?).await);
    Ok(failure)
}

#[tokio::test]
async fn a_build_that_somebody_ends_is_taken_away_and_not_sent_again() -> anyhow::Result<()> {
    let world = World::new().await?;
    let end = async |pid: i32| {
        world.client().await?.execute("SELECT pg_terminate_backend($1)", &[&pid]).await?;
        Ok(())
    };
    let failure = lost_build(&world, end).await?;
    assert!(failure.message.ends_with("somebody ended the session"), "{}", failure.message);
    Ok(())
}

#[tokio::test]
async fn a_build_that_takes_the_server_with_it_is_taken_away_and_not_sent_again() -> anyhow::Result<()> {
    let world = World::new().await?;
    let kill = async |pid: i32| {
        let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status()?;
        anyhow::ensure!(killed.success());
        Ok(())
    };
    let failure = lost_build(&world, kill).await?;
    assert!(failure.message.ends_with("restarted, or crashed, meanwhile"), "{}", failure.message);
    Ok(())
}

/// The last piece is done when the server goes down, and only its record is missing.
#[tokio::test]
async fn a_build_that_is_done_when_the_server_goes_down_is_recorded() -> anyhow::Result<()> {
    let world = World::new().await?;
    ran(world.run(&world.up(&[]).await?).await);
    world.client().await?.batch_execute("CREATE TABLE d (n int); INSERT INTO d VALUES (1)").await?;
    let mut order = world.up(&[sample("001", "CREATE INDEX CONCURRENTLY d_n ON d (n);", "")]).await?;
    order.run.settings.lock_timeout = Span::seconds(30);
    order.run.settings.lock_budget = Span::seconds(60);
    // What is written with the record, and not with the intent.
    let holder = world.client().await?;
    let same = format!(
        "BEGIN; INSERT INTO pgbelay.migration_attempts \
         (version, name, direction, checksum, command_id, attempt, started_at, outcome) \
         VALUES ('001', 'other', 'up', '', '{}', {}, now(), 'done')",
        order.command.id, order.command.attempt
    );
    holder.batch_execute(&same).await?;
    let kill = async {
        let looks = world.client().await?;
        let pid = pgbelay_tests::wait::until("a session that waits", crate::world::LONG, async || {
            let sql = "SELECT pid FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'";
            Ok(looks.query_opt(sql, &[]).await?.map(|row| row.get::<_, i32>(0)))
        })
        .await?;
        let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status()?;
        anyhow::ensure!(killed.success());
        anyhow::Ok(())
    };
    let (outcome, killed) = tokio::join!(world.run(&order), kill);
    killed?;
    let (done, seen) = ran(outcome);
    assert_eq!((versions(&done), seen.records.len()), (vec!["001".to_owned()], 1));
    assert_eq!(journal(&world).await?, ["1 done closed"]);
    assert_eq!(valid(&world, "d_n").await?, Some(true));
    Ok(())
}

#[tokio::test]
async fn what_nothing_shows_waits_for_a_persons_word() -> anyhow::Result<()> {
    for done in [true, false] {
        let world = World::new().await?;
        // A second database is what the test can look at; to the agent, a subscription shows nowhere.
        let setup = "CREATE TABLE d (n int); CREATE SUBSCRIPTION s CONNECTION 'dbname=nowhere' PUBLICATION p \
                     WITH (connect = false)";
        world.client().await?.batch_execute(setup).await?;
        let detach = "ALTER SUBSCRIPTION s DISABLE; ALTER SUBSCRIPTION s SET (slot_name = NONE)";
        world.client().await?.batch_execute(detach).await?;
        let sql = "INSERT INTO d VALUES (1); DROP SUBSCRIPTION IF EXISTS s; INSERT INTO d VALUES (2);";
        let bad = sql.replace("(2)", "('x')");
        let (_, failure) = failed(world.run(&world.up(&[sample("001", &bad, "")]).await?).await);
        assert!(failure.message.contains("pieces 1 to 2 are done"), "{}", failure.message);
        world
            .client()
            .await?
            .batch_execute("UPDATE pgbelay.migration_pieces SET state = 'intended' WHERE piece = 2")
            .await?;
        let mut order = again(&world.up(&[sample("001", sql, "")]).await?);
        let outcome = world.run(&order).await;
        let Outcome::Unsettled { statement, observation: Some(_), .. } = &outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!((statement.piece, statement.pieces, statement.line), (2, 3, 1));
        assert_eq!(statement.what, "DROP SUBSCRIPTION: its answer never came");
        assert_eq!(world.number("SELECT count(*) FROM d").await?, 1);

        order.run.resolution = Some(Resolution {
            version: "001".parse()?,
            piece: 2,
            intent: statement.intent,
            done,
            reason: "looked".to_owned(),
            by: "ann".parse()?,
        });
        let order = again(&order);
        ran(world.run(&order).await);
        assert_eq!(world.number("SELECT count(*) FROM d").await?, 2);
        let said = "SELECT count(*) FROM pgbelay.migration_pieces \
                    WHERE metadata ->> 'resolved_by' = 'ann' AND metadata ->> 'reason' = 'looked'";
        assert_eq!(world.number(said).await?, 1);
    }
    Ok(())
}

#[tokio::test]
async fn all_kinds_of_statements_that_stand_alone_run() -> anyhow::Result<()> {
    let world = World::new().await?;
    let setup = "CREATE TABLE d (n int); CREATE INDEX d_n ON d (n); \
                 CREATE TABLE p (n int) PARTITION BY RANGE (n); \
                 CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (2);";
    world.client().await?.batch_execute(setup).await?;
    // Since 14 without stopping writes.
    let gentle =
        world.number("SELECT (current_setting('server_version_num')::int >= 140000)::int::bigint").await?
            == 1;
    let detach =
        format!("ALTER TABLE p DETACH PARTITION p1{}", if gentle { " CONCURRENTLY" } else { "; VACUUM d" });
    let sql = format!(
        "REINDEX INDEX CONCURRENTLY d_n;\nVACUUM (ANALYZE) d;\n{detach};\n\
         DROP INDEX CONCURRENTLY d_n;\nCREATE INDEX CONCURRENTLY ON d (n);"
    );
    ran(world.run(&world.up(&[sample("001", &sql, "")]).await?).await);
    assert_eq!(journal(&world).await?.len(), if gentle { 5 } else { 6 });
    assert_eq!(valid(&world, "d_n_idx").await?, Some(true));
    assert_eq!(world.number("SELECT count(*) FROM pg_inherits").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_journal_is_added_to_a_database_that_an_older_agent_has_migrated() -> anyhow::Result<()> {
    let world = World::on(Cluster::start().await?).await?;
    ran(world.run(&world.up(&[table("001", "a")]).await?).await);
    world.client().await?.batch_execute("DROP TABLE pgbelay.migration_pieces").await?;
    assert_eq!(world.applied().await?, ["001"]);
    let mut order = world.up(&[table("002", "b")]).await?;
    order.command.id = "c9".parse()?;
    ran(world.run(&order).await);
    assert!(world.has_table("pgbelay.migration_pieces").await?, "{APP}");
    Ok(())
}
