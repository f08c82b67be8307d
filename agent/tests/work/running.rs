//! Forward and back, and what is refused.

use pgbelay_core::command::{FailureKind, Outcome, RefusedBecause};
use pgbelay_core::digest::Digest;
use pgbelay_core::plan::Direction;
use pgbelay_core::time::{Span, Timestamp};
use std::sync::atomic::Ordering;

use crate::world::{World, failed, ran, sample, table, versions};

#[tokio::test]
async fn a_repeatable_migration_that_changes_runs_again_and_keeps_its_place() -> anyhow::Result<()> {
    let world = World::new().await?;
    let old = sample("R__views", "CREATE VIEW v AS SELECT 1 AS a;", "");
    let mut order = world.up(&[old.clone(), table("001", "a")]).await?;
    order.run.steps[0].repeatable = true;
    let (_, before) = ran(world.run(&order).await);
    assert_eq!(before.records.iter().map(|r| r.repeatable).collect::<Vec<_>>(), [true, false]);

    let new = sample("R__views", "CREATE OR REPLACE VIEW v AS SELECT 1 AS a, 2 AS b;", "");
    let mut order = world.order(std::slice::from_ref(&new), Direction::Up).await?;
    (order.command.fence, order.command.id) = (2, "c8".parse()?);
    (order.run.steps[0].repeatable, order.run.steps[0].replaces) = (true, Some(Digest::of(&old.up)));
    let (done, after) = ran(world.run(&order).await);
    assert_eq!(versions(&done), ["R__views"]);
    assert_eq!(after, world.seen().await?);
    assert_eq!(world.applied().await?, ["R__views", "001"], "its row stays where it is");
    assert_eq!(after.records[0].checksum, Digest::of(&new.up));
    assert!(after.records[0].applied_at >= before.records[0].applied_at && after.records[0].repeatable);
    let row = format!(
        "SELECT count(*) FROM pgbelay.migration_records WHERE metadata ->> 'checksum_before' = '{}' \
         AND metadata ->> 'command_id' = 'c8'",
        Digest::of(&old.up)
    );
    assert_eq!(world.number(&row).await?, 1);
    let attempts = "SELECT count(*) FROM pgbelay.migration_attempts WHERE version = 'R__views'";
    assert_eq!(world.number(attempts).await?, 2, "every run is kept");
    Ok(())
}

#[tokio::test]
async fn what_is_not_repeatable_is_never_recorded_twice() -> anyhow::Result<()> {
    let world = World::new().await?;
    ran(world.run(&world.up(&[table("001", "a")]).await?).await);
    let mut order = world.order(&[table("001", "b")], Direction::Up).await?;
    (order.command.fence, order.command.id) = (2, "c8".parse()?);
    let (_, failure) = failed(world.run(&order).await);
    assert_eq!(failure.sqlstate.as_deref(), Some("23505"), "{failure:?}");
    assert!(!world.has_table("b").await?);
    Ok(())
}

#[tokio::test]
async fn forward_and_back_are_recorded() -> anyhow::Result<()> {
    let world = World::new().await?;
    let samples = [
        table("001", "a"),
        table("002", "b"),
        sample(
            "003",
            "ALTER TABLE a ADD n text; INSERT INTO a VALUES (1, 'it''s \\');",
            "ALTER TABLE a DROP n;",
        ),
    ];
    let before = world.seen().await?;
    assert!(before.records.is_empty() && !world.has_table("pgbelay.fence").await?, "looking makes nothing");
    let mut order = world.up(&samples).await?;
    order.run.backup = Some(pgbelay_core::command::Backup {
        path: "/b/x.dump".into(),
        copies: Vec::new(),
        sha256: Digest::of("x"),
        bytes: 1,
        took: Span(1),
        method: Default::default(),
        reason: None,
        outside: None,
        sealed_key: None,
    });
    let (done, after) = ran(world.run(&order).await);
    assert_eq!(versions(&done), ["001", "002", "003"]);
    assert_eq!(world.applied().await?, ["001", "002", "003"]);
    assert_eq!(after, world.seen().await?);
    assert_ne!(after.fingerprint, before.fingerprint);
    assert_eq!(after.records[0].checksum, Digest::of(&samples[0].up));
    let row = "SELECT count(*) FROM pgbelay.migration_records WHERE success AND backup_path = '/b/x.dump' \
               AND duration_ms >= 0 AND metadata ->> 'command_id' = 'c7' AND metadata ->> 'attempt' = '1' \
               AND metadata ->> 'rollout' = 'r3' AND (metadata ->> 'xid')::bigint > 0";
    assert_eq!(world.number(row).await?, 3);

    let back = [samples[2].clone(), samples[1].clone()];
    let mut order = world.order(&back, Direction::Down).await?;
    (order.command.fence, order.command.id) = (2, "c8".parse()?);
    let (done, _) = ran(world.run(&order).await);
    assert_eq!(versions(&done), ["003", "002"]);
    assert_eq!(world.applied().await?, ["001"]);
    assert!(!world.has_table("b").await?);
    assert_eq!(
        world
            .number("SELECT count(*) FROM pgbelay.migration_records WHERE rolled_back_at IS NOT NULL")
            .await?,
        2
    );
    assert_eq!(
        world.number("SELECT count(*) FROM pgbelay.migration_attempts WHERE outcome = 'done'").await?,
        5
    );
    assert_eq!(world.number("SELECT epoch FROM pgbelay.fence").await?, 2);
    Ok(())
}

#[tokio::test]
async fn the_records_have_exactly_their_columns() -> anyhow::Result<()> {
    let world = World::new().await?;
    ran(world.run(&world.up(&[table("001", "a")]).await?).await);
    let client = world.client().await?;
    let sql = "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) \
               FROM pg_attribute WHERE attrelid = 'pgbelay.migration_records'::regclass AND attnum > 0";
    let columns: String = client.query_one(sql, &[]).await?.get(0);
    assert_eq!(
        columns,
        "id bigint, version text, name text, checksum text, applied_at timestamp with time zone, \
         rolled_back_at timestamp with time zone, success boolean, error_msg text, duration_ms bigint, \
         backup_path text, metadata jsonb"
    );
    for change in [
        "UPDATE pgbelay.migration_attempts SET name = 'x'",
        "DELETE FROM pgbelay.migration_attempts",
        "TRUNCATE pgbelay.migration_attempts",
    ] {
        let refused = client.batch_execute(change).await.unwrap_err();
        assert!(
            refused.as_db_error().is_some_and(|e| e.message().contains("append-only")),
            "{change}: {refused:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_failure_in_the_middle_leaves_nothing_of_its_migration() -> anyhow::Result<()> {
    let world = World::new().await?;
    let bad = sample(
        "002",
        "CREATE TABLE b (id int);\nINSERT INTO b VALUES (1);\n\nALTER TABLE b\n  ADD x nix;",
        "",
    );
    let order = world.up(&[table("001", "a"), bad, table("003", "c")]).await?;
    let outcome = world.run(&order).await;
    let Outcome::Failed { observation: Some(observation), .. } = &outcome else { panic!("{outcome:?}") };
    assert_eq!(*observation, world.seen().await?);
    let (done, failure) = failed(outcome);
    assert_eq!(done, ["001"]);
    assert_eq!((failure.kind, failure.line), (FailureKind::Sql, Some(5)), "{failure:?}");
    assert_eq!((failure.sqlstate.as_deref(), failure.version), (Some("42704"), Some("002".parse()?)));
    assert!(failure.message.contains("nix") && failure.hint.is_some(), "{}", failure.message);
    assert!(!world.has_table("b").await? && !world.has_table("c").await?);
    assert_eq!(world.applied().await?, ["001"]);
    let kept = "SELECT count(*) FROM pgbelay.migration_attempts WHERE version = '002' AND outcome = 'failed' \
                AND sqlstate = '42704' AND error_msg LIKE '%nix%'";
    assert_eq!(world.number(kept).await?, 1);
    Ok(())
}

#[tokio::test]
async fn rows_stay_out_of_what_is_told() -> anyhow::Result<()> {
    let world = World::new().await?;
    let sql = "CREATE TABLE p (name text PRIMARY KEY); INSERT INTO p VALUES ('secret person'); INSERT INTO p VALUES ('secret person');";
    let (_, failure) = failed(world.run(&world.up(&[sample("001", sql, "")]).await?).await);
    assert_eq!(failure.sqlstate.as_deref(), Some("23505"));
    assert!(!format!("{failure:?}").contains("secret person"), "{failure:?}");
    Ok(())
}

#[tokio::test]
async fn a_deferred_constraint_fails_the_migration_and_not_its_record() -> anyhow::Result<()> {
    let world = World::new().await?;
    let sql = "CREATE TABLE p (id int PRIMARY KEY); \
               CREATE TABLE c (p int REFERENCES p DEFERRABLE INITIALLY DEFERRED); INSERT INTO c VALUES (1);";
    let (done, failure) = failed(world.run(&world.up(&[sample("001", sql, "")]).await?).await);
    assert!(done.is_empty());
    assert_eq!(failure.sqlstate.as_deref(), Some("23503"), "{failure:?}");
    assert!(!world.has_table("c").await? && world.applied().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_one_migration_sets_does_not_reach_the_next() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute("CREATE ROLE other; GRANT CREATE ON SCHEMA public TO other").await?;
    let messy = "SET lock_timeout = 0; SET statement_timeout = 0; SET standard_conforming_strings = off; \
        SET client_encoding = 'LATIN1'; CREATE TEMP TABLE scratch (id int); CREATE SCHEMA s; SET search_path = s; \
        PREPARE q AS SELECT 1; SET SESSION AUTHORIZATION other; SET ROLE other;";
    let clean = "CREATE TABLE here (id int); \
        DO $$ BEGIN \
        ASSERT current_user = session_user AND current_user = 'belay'; \
        ASSERT to_regclass('pg_temp.scratch') IS NULL; \
        ASSERT current_setting('lock_timeout') = '400ms', current_setting('lock_timeout'); \
        ASSERT current_setting('statement_timeout') = '1min', current_setting('statement_timeout'); \
        ASSERT NOT EXISTS (SELECT FROM pg_prepared_statements); END $$;";
    let capped = "SET lock_timeout = 0; SET statement_timeout = '10s'; \
        DO $$ BEGIN ASSERT current_setting('lock_timeout') = '400ms'; \
        ASSERT current_setting('statement_timeout') = '10s'; END $$;";
    let samples = [sample("001", messy, ""), sample("002", clean, ""), sample("003", capped, "")];
    let mut order = world.up(&samples).await?;
    order.run.steps[0].name = "ünïcode 'quoted\\'".to_owned();
    let (_, seen) = ran(world.run(&order).await);
    assert_eq!(seen.records[0].name, "ünïcode 'quoted\\'");
    assert!(world.has_table("public.here").await?);
    Ok(())
}

#[tokio::test]
async fn what_a_definition_calls_may_drop_and_make_prepared_statements() -> anyhow::Result<()> {
    let world = World::new().await?;
    let trigger = |what: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS \
             $$ BEGIN EXECUTE '{what}'; END $$"
        )
    };
    let client = world.client().await?;
    client.batch_execute(&trigger("DEALLOCATE ALL")).await?;
    client.batch_execute("CREATE EVENT TRIGGER meddles ON ddl_command_end EXECUTE FUNCTION meddle()").await?;
    let (done, _) = ran(world.run(&world.up(&[table("001", "a"), table("002", "b")]).await?).await);
    assert!(done.iter().all(|done| done.retries == 1), "{done:?}");

    client.batch_execute("DROP EVENT TRIGGER meddles").await?;
    client.batch_execute(&trigger("PREPARE q AS SELECT 1")).await?;
    client.batch_execute("CREATE EVENT TRIGGER meddles ON ddl_command_end EXECUTE FUNCTION meddle()").await?;
    let mut order = world.up(&[table("003", "c"), table("004", "d")]).await?;
    order.command.id = "c2".parse()?;
    let (done, _) = ran(world.run(&order).await);
    assert_eq!(versions(&done), ["003", "004"]);
    assert!(done.iter().all(|done| done.retries == 0), "each finds none of the other's: {done:?}");
    assert_eq!(world.applied().await?, ["001", "002", "003", "004"]);
    Ok(())
}

#[tokio::test]
async fn what_has_moved_is_refused_and_told() -> anyhow::Result<()> {
    let world = World::new().await?;
    let order = world.up(&[table("001", "a")]).await?;
    let check = async |spoil: fn(&mut crate::world::Order), told: &str| {
        let mut order = order.clone();
        spoil(&mut order);
        match world.run(&order).await {
            Outcome::Refused { reason: RefusedBecause::Moved { what } } => {
                assert!(what.contains(told), "{what}");
            }
            other => panic!("{other:?}"),
        }
    };
    check(|o| o.run.expect.system_identifier = "1/1".into(), "another database").await;
    check(|o| o.run.expect.records = Digest::of("x"), "none is applied").await;
    world.client().await?.batch_execute("CREATE TABLE by_hand (id int)").await?;
    check(|_| (), "schema was changed").await;
    assert!(!world.has_table("a").await? && !world.has_table("pgbelay.fence").await?);
    Ok(())
}

#[tokio::test]
async fn a_stale_fence_runs_nothing() -> anyhow::Result<()> {
    let world = World::new().await?;
    ran(world.run(&world.up(&[table("001", "a")]).await?).await);
    world.client().await?.batch_execute("UPDATE pgbelay.fence SET epoch = 9").await?;
    let mut order = world.up(&[table("002", "b")]).await?;
    (order.command.fence, order.command.id) = (8, "c8".parse()?);
    let outcome = world.run(&order).await;
    assert!(
        matches!(outcome, Outcome::Refused { reason: RefusedBecause::StaleFence { seen: 9 } }),
        "{outcome:?}"
    );
    assert!(!world.has_table("b").await?);
    Ok(())
}

#[tokio::test]
async fn a_fence_that_rises_during_a_run_stops_it() -> anyhow::Result<()> {
    let world = World::new().await?;
    ran(world.run(&world.up(&[]).await?).await);
    // The first step's record stands in for a newer controller.
    let newer = "CREATE FUNCTION public.newer() RETURNS trigger LANGUAGE plpgsql AS \
                 'BEGIN UPDATE pgbelay.fence SET epoch = 9; RETURN NEW; END'; \
                 CREATE TRIGGER newer BEFORE INSERT ON pgbelay.migration_attempts \
                 FOR EACH ROW EXECUTE FUNCTION public.newer()";
    ran(world.run(&world.up(&[table("000", "z")]).await?).await);
    world.client().await?.batch_execute(newer).await?;
    let mut order = world.up(&[table("001", "a"), table("002", "b")]).await?;
    order.command.id = "c8".parse()?;
    let outcome = world.run(&order).await;
    let Outcome::Interrupted { done, observation: Some(_) } = outcome else { panic!("{outcome:?}") };
    assert_eq!(versions(&done), ["001"]);
    assert!(!world.has_table("b").await?);
    Ok(())
}

#[tokio::test]
async fn a_step_whose_record_was_kept_away_is_not_told_as_done() -> anyhow::Result<()> {
    let world = World::new().await?;
    ran(world.run(&world.up(&[table("000", "z")]).await?).await);
    let nothing = "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
                   CREATE TRIGGER nothing BEFORE INSERT ON pgbelay.migration_records \
                   FOR EACH ROW WHEN (NEW.version = '002') EXECUTE FUNCTION nothing()";
    world.client().await?.batch_execute(nothing).await?;
    let mut order = world.up(&[table("001", "a"), table("002", "b"), table("003", "c")]).await?;
    order.command.id = "c8".parse()?;
    let (done, _) = failed(world.run(&order).await);
    assert_eq!(
        (done, world.applied().await?),
        (vec!["001".to_owned()], vec!["000".to_owned(), "001".to_owned()])
    );
    assert!(!world.has_table("c").await?);
    Ok(())
}

#[tokio::test]
async fn what_comes_too_late_or_without_a_lease_is_not_started() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut order = world.up(&[table("001", "a")]).await?;
    world.leased.store(false, Ordering::SeqCst);
    let outcome = world.run(&order).await;
    assert!(matches!(&outcome, Outcome::Interrupted { done, .. } if done.is_empty()), "{outcome:?}");
    order.command.not_after = Timestamp(1);
    let outcome = world.run(&order).await;
    assert!(matches!(outcome, Outcome::Refused { reason: RefusedBecause::TooLate }), "{outcome:?}");
    assert!(!world.has_table("a").await?);
    Ok(())
}

#[tokio::test]
async fn what_would_give_up_the_lock_is_refused_before_anything_runs() -> anyhow::Result<()> {
    let world = World::new().await?;
    let discards = sample("002", "SELECT 1;\nDISCARD ALL;", "");
    let (done, failure) = failed(world.run(&world.up(&[table("001", "a"), discards]).await?).await);
    assert!(done.is_empty() && !world.has_table("a").await?);
    assert_eq!((failure.kind, failure.line), (FailureKind::NotTransactional, Some(2)), "{failure:?}");
    Ok(())
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut order = world.up(&[sample("001", "CREATE TABLE a (id int);\nSELECT pg_sleep(60);", "")]).await?;
    order.run.settings.statement_timeout = Span(300);
    let (_, failure) = failed(world.run(&order).await);
    assert_eq!((failure.kind, failure.line), (FailureKind::StatementTimeout, Some(2)), "{failure:?}");
    assert!(failure.message.contains("300ms") && !world.has_table("a").await?);
    Ok(())
}

#[tokio::test]
async fn a_cancelled_run_is_rolled_back_and_told_exactly() -> anyhow::Result<()> {
    let world = World::new().await?;
    let slow = sample("002", "CREATE TABLE b (id int); SELECT pg_sleep(60);", "");
    let order = world.up(&[table("001", "a"), slow]).await?;
    let cancel = async {
        world.until_running("pg_sleep").await?;
        world.cancel.cancel();
        anyhow::Ok(())
    };
    let (outcome, cancelled) = tokio::join!(world.run(&order), cancel);
    cancelled?;
    let Outcome::Cancelled { done, observation: Some(seen) } = outcome else { panic!("{outcome:?}") };
    assert_eq!(versions(&done), ["001"]);
    assert_eq!(seen, world.seen().await?);
    assert!(!world.has_table("b").await?);
    assert_eq!(
        world.number("SELECT count(*) FROM pgbelay.migration_attempts WHERE outcome = 'cancelled'").await?,
        1
    );
    Ok(())
}

#[tokio::test]
async fn taking_back_what_is_not_applied_fails() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.client().await?.batch_execute("CREATE TABLE a (id int)").await?;
    let (_, failure) = failed(world.run(&world.order(&[table("001", "a")], Direction::Down).await?).await);
    assert!(failure.message.contains("no applied record"), "{failure:?}");
    assert!(world.has_table("a").await?);
    Ok(())
}
