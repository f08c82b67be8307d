//! Migrations are tried on a copy first: forward, back, and forward again. The database itself stays as it is.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use pgbelay_agent::backup::{RehearsalRequest, drop_copies, rehearse};
use pgbelay_agent::database::Control;
use pgbelay_core::command::{Failure, FailureKind, Outcome, RefusedBecause, Rehearsed};
use pgbelay_core::digest::Digest;
use pgbelay_core::plan::{Direction, Expectation};
use pgbelay_proto::convert::{WireKind, WireRehearse};
use pgbelay_tests::wait;

use crate::world::{APP, LONG, Sample, World, ran, sample, settings, steps, table};

/// Everything, and what takes all of it back.
async fn try_out(world: &World, samples: &[Sample], with_rows: bool) -> anyhow::Result<Outcome> {
    let back: Vec<_> = samples.iter().rev().cloned().collect();
    try_with(world, samples, &back, with_rows).await
}

async fn try_with(world: &World, up: &[Sample], back: &[Sample], with_rows: bool) -> anyhow::Result<Outcome> {
    let (up, mut sql) = steps(up, Direction::Up);
    let (back, of_back): (_, BTreeMap<Digest, String>) = steps(back, Direction::Down);
    sql.extend(of_back);
    let expect = Expectation::from(&world.seen().await?);
    asked(world, WireRehearse { with_rows, up, back, expect, settings: settings() }, &sql).await
}

async fn asked(
    world: &World,
    asked: WireRehearse,
    sql: &BTreeMap<Digest, String>,
) -> anyhow::Result<Outcome> {
    let mut command = world.up(&[]).await?.command;
    command.kind = WireKind::Rehearse(asked.clone());
    let lease = || world.leased.load(Ordering::SeqCst);
    let control = Control { progress: &world.progress, cancel: &world.cancel, lease: &lease, may_end: &[] };
    let request = RehearsalRequest {
        command: &command,
        rehearse: &asked,
        sql,
        programs: Some(world.cluster.programs()),
    };
    Ok(rehearse(&world.target, &request, &control).await)
}

#[track_caller]
fn rehearsed(outcome: Outcome) -> Rehearsed {
    match outcome {
        Outcome::Rehearsed { rehearsed } => rehearsed,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn failed(outcome: Outcome) -> Failure {
    match outcome {
        Outcome::Failed { failure, done, .. } if done.is_empty() => failure,
        other => panic!("{other:?}"),
    }
}

/// Databases that pgbelay made.
async fn copies(world: &World) -> anyhow::Result<i64> {
    let sql = "SELECT count(*) FROM pg_database WHERE datname LIKE 'pgbelay%'";
    Ok(world.client().await?.query_one(sql, &[]).await?.get(0))
}

#[tokio::test]
async fn it_goes_there_and_back_on_a_copy() -> anyhow::Result<()> {
    let world = World::new().await?;
    let setup = "CREATE SCHEMA \"Other\"; CREATE TABLE \"Other\".orders (id int PRIMARY KEY, total int);
        INSERT INTO \"Other\".orders SELECT g, g FROM generate_series(1, 500) g;
        ALTER DATABASE app SET search_path = \"Other\", public";
    world.client().await?.batch_execute(setup).await?;
    // What is applied already stands in pgbelay's own tables, and in those of the copy.
    ran(world.run(&world.up(&[table("001", "before")]).await?).await);
    let before = world.seen().await?;
    let samples = [
        sample("002", "ALTER TABLE orders ADD COLUMN note text;", "ALTER TABLE orders DROP COLUMN note;"),
        sample(
            "003",
            "CREATE INDEX CONCURRENTLY orders_total ON orders (total);",
            "DROP INDEX CONCURRENTLY orders_total;",
        ),
    ];
    for with_rows in [false, true] {
        let seen = rehearsed(try_out(&world, &samples, with_rows).await?);
        let versions = |steps: &[pgbelay_core::command::StepDone]| -> Vec<String> {
            steps.iter().map(|step| step.version.to_string()).collect()
        };
        assert_eq!(versions(&seen.up), ["002", "003"]);
        assert_eq!(versions(&seen.back), ["003", "002"]);
        assert!(seen.up[0].observed.is_some(), "what was seen of it is told");
    }
    assert_eq!(world.seen().await?, before, "the database is as it was");
    assert_eq!(copies(&world).await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_does_not_work_or_does_not_come_back_is_told() -> anyhow::Result<()> {
    let world = World::new().await?;
    let setup = "CREATE TABLE customers (mail text); INSERT INTO customers VALUES ('ada'), ('ada')";
    world.client().await?.batch_execute(setup).await?;
    let unique = sample(
        "001",
        "CREATE UNIQUE INDEX customers_mail ON customers (mail);",
        "DROP INDEX customers_mail;",
    );
    for (with_rows, sample, expected) in [
        (
            false,
            sample("001", "SELECT 1; ALTER TABLE nothing ADD x int;", "SELECT 1"),
            &["migration 001 failed on a copy: ", "nothing"][..],
        ),
        (
            false,
            sample("001", "ALTER TABLE customers ADD x int;", "ALTER TABLE customers DROP y;"),
            &["migration 001 failed on a copy on its way back: "],
        ),
        (
            false,
            sample("001", "ALTER TABLE customers ADD x int, ADD y int;", "ALTER TABLE customers DROP x;"),
            &["the rollback SQL leaves another schema than there was before", "customers.y"],
        ),
        (
            false,
            sample(
                "001",
                "CREATE TABLE IF NOT EXISTS t (id int); ALTER TABLE t ADD COLUMN IF NOT EXISTS n int;",
                "ALTER TABLE customers ADD COLUMN IF NOT EXISTS left_over int; DROP TABLE t;",
            ),
            &["the rollback SQL leaves another schema", "left_over"],
        ),
        // Only the rows show it.
        (true, unique.clone(), &["migration 001 failed on a copy: ", "could not create unique index"]),
    ] {
        let failure = failed(try_out(&world, std::slice::from_ref(&sample), with_rows).await?);
        assert_eq!(failure.kind, FailureKind::Rehearsal);
        for text in expected {
            assert!(failure.message.contains(text), "{}: {}", sample.up, failure.message);
        }
        assert_eq!(copies(&world).await?, 0, "{}", sample.up);
    }
    rehearsed(try_out(&world, &[unique], false).await?);
    Ok(())
}

#[tokio::test]
async fn what_has_no_way_back_is_tried_forward_only() -> anyhow::Result<()> {
    let world = World::new().await?;
    let samples = [table("001", "a"), sample("002", "CREATE TABLE b (id int);", ""), table("003", "c")];
    let seen = rehearsed(try_with(&world, &samples, &samples[2..], false).await?);
    assert_eq!((seen.up.len(), seen.back.len()), (3, 1));
    let seen = rehearsed(try_with(&world, &samples[..2], &[], false).await?);
    assert_eq!((seen.up.len(), seen.back.len()), (2, 0));
    Ok(())
}

#[tokio::test]
async fn a_database_that_has_moved_is_not_copied() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (up, sql) = steps(&[table("001", "a")], Direction::Up);
    let expect = Expectation::from(&world.seen().await?);
    world.client().await?.batch_execute("CREATE TABLE somebody_elses (id int)").await?;
    let asked = WireRehearse { with_rows: false, up, back: Vec::new(), expect, settings: settings() };
    let command = world.up(&[]).await?.command;
    let lease = || true;
    let control = Control { progress: &world.progress, cancel: &world.cancel, lease: &lease, may_end: &[] };
    let programs = Some(world.cluster.programs());
    let request = RehearsalRequest { command: &command, rehearse: &asked, sql: &sql, programs };
    let outcome = rehearse(&world.target, &request, &control).await;
    assert!(matches!(outcome, Outcome::Refused { reason: RefusedBecause::Moved { .. } }), "{outcome:?}");
    Ok(())
}

#[tokio::test]
async fn one_that_is_cancelled_leaves_nothing() -> anyhow::Result<()> {
    let world = World::new().await?;
    let slow = sample("001", "SELECT pg_sleep(500);", "SELECT 1;");
    let watcher = world.client().await?;
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(500)%' \
                    AND datname LIKE 'pgbelay_rehearsal%' AND state = 'active'";
    let cancel = async {
        wait::until("it runs on the copy", LONG, async || {
            Ok(watcher.query_one(sleeping, &[]).await?.get::<_, i64>(0) == 1)
        })
        .await?;
        world.cancel.cancel();
        anyhow::Ok(())
    };
    let slow = [slow];
    let (outcome, cancelled) = tokio::join!(try_out(&world, &slow, false), cancel);
    cancelled?;
    assert!(matches!(outcome?, Outcome::Cancelled { .. }));
    assert_eq!(copies(&world).await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_an_earlier_life_left_is_dropped_and_nothing_else() -> anyhow::Result<()> {
    let world = World::new().await?;
    let slow = [sample("001", "SELECT pg_sleep(500);", "SELECT 1;")];
    let client = world.client().await?;
    client.batch_execute("CREATE DATABASE pgbelay_rehearsal_ffffffff_c1").await?;
    let is_there = "SELECT count(*) FROM pg_database WHERE datname LIKE 'pgbelay_rehearsal%'";
    // The agent is gone in the middle of it.
    let died = async {
        wait::until("the copy is there", LONG, async || {
            Ok(client.query_one(is_there, &[]).await?.get::<_, i64>(0) == 2)
        })
        .await
    };
    tokio::select! {
        outcome = try_out(&world, &slow, false) => anyhow::bail!("it has ended: {outcome:?}"),
        made = died => made?,
    }
    drop_copies(&world.target, &APP.parse()?).await.map_err(anyhow::Error::msg)?;
    let left: String = client
        .query_one("SELECT datname::text FROM pg_database WHERE datname LIKE 'pgbelay_rehearsal%'", &[])
        .await?
        .get(0);
    assert_eq!(left, "pgbelay_rehearsal_ffffffff_c1", "somebody else's");
    Ok(())
}

#[tokio::test]
async fn what_is_repeatable_comes_last_and_stays_in_the_way_of_what_goes_back() -> anyhow::Result<()> {
    let world = World::new().await?;
    let try_with_repeated = async |repeated: &str| -> anyhow::Result<Outcome> {
        let (mut up, mut sql) = steps(&[table("001", "a"), sample("R__v", repeated, "")], Direction::Up);
        up[1].repeatable = true;
        let (back, of_back) = steps(&[table("001", "a")], Direction::Down);
        sql.extend(of_back);
        asked(
            &world,
            WireRehearse {
                with_rows: false,
                up,
                back,
                expect: Expectation::from(&world.seen().await?),
                settings: settings(),
            },
            &sql,
        )
        .await
    };
    let seen = rehearsed(try_with_repeated("CREATE OR REPLACE VIEW v AS SELECT 1 AS one;").await?);
    assert_eq!((seen.up.len(), seen.back.len()), (2, 1));
    assert!(seen.up[1].version.to_string().contains('v'), "{seen:?}");
    let failure = failed(try_with_repeated("CREATE OR REPLACE VIEW v AS SELECT * FROM a;").await?);
    assert!(failure.message.contains("migration 001 failed on a copy on its way back"), "{failure:?}");
    assert!(failure.message.contains("depend"), "{failure:?}");
    assert_eq!(copies(&world).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_copy_does_not_reach_the_servers_that_the_database_works_with() -> anyhow::Result<()> {
    let world = World::new().await?;
    let client = world.client().await?;
    let port = world.target.port;
    client
        .batch_execute(&format!(
            "CREATE TABLE real (id int); CREATE EXTENSION postgres_fdw;
             CREATE SERVER \"Near\" FOREIGN DATA WRAPPER postgres_fdw
                 OPTIONS (host '{}', port '{port}', dbname '{APP}');
             CREATE USER MAPPING FOR PUBLIC SERVER \"Near\" OPTIONS (user '{}', password '{}');
             CREATE FOREIGN TABLE afar (id int) SERVER \"Near\" OPTIONS (table_name 'real')",
            world.target.host,
            world.target.user,
            world.target.password.as_ref().map_or("", |password| password.expose()),
        ))
        .await?;
    client.batch_execute("INSERT INTO afar VALUES (1)").await?;
    let writes = sample("001", "INSERT INTO afar VALUES (2);", "DELETE FROM afar WHERE id = 2;");
    let failure = failed(try_out(&world, &[writes], true).await?);
    assert!(failure.message.contains("user mapping not found"), "{failure:?}");
    assert_eq!(world.number("SELECT count(*) FROM real").await?, 1, "it was written from the copy");
    Ok(())
}

#[tokio::test]
async fn a_copy_that_belongs_to_a_role_whose_rights_are_not_inherited_is_dropped() -> anyhow::Result<()> {
    let mut world = World::new().await?;
    world
        .client()
        .await?
        .batch_execute(&format!(
            "CREATE ROLE boss; CREATE ROLE limited LOGIN CREATEDB NOINHERIT IN ROLE boss PASSWORD '{}';
             ALTER DATABASE {APP} OWNER TO boss; GRANT CREATE ON DATABASE {APP} TO limited;
             CREATE SCHEMA mine AUTHORIZATION limited",
            world.target.password.as_ref().map_or("", |password| password.expose())
        ))
        .await?;
    world.target.user = "limited".to_owned();
    rehearsed(
        try_out(&world, &[sample("001", "CREATE TABLE mine.a (id int);", "DROP TABLE mine.a;")], false)
            .await?,
    );
    assert_eq!(copies(&world).await?, 0);
    Ok(())
}
