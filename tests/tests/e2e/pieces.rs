//! Migrations that do not run in one transaction, through the whole fleet: a mixed file, a statement that only a person
//! can settle, and a run that is cancelled on one database.

use anyhow::ensure;
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::{PATIENCE, World};

const POLICY: &str = "environments:\n  - name: staging\n    backup: \"off\"\n";

const MIGRATE: [&str; 4] = ["migrate", "--env", "staging", "--force"];

const MIXED: (&str, &str) = (
    "001_mixed.sql",
    "CREATE TABLE notes (id int, body text);
     CREATE INDEX CONCURRENTLY notes_body ON notes (body);
     CREATE TYPE mood AS ENUM ('sad');
     VACUUM notes;
     ALTER TYPE mood ADD VALUE 'glad';
     CREATE TABLE moods (m mood DEFAULT 'glad');",
);

const BACK: (&str, &str) = (
    "rollback/001_rollback.sql",
    "DROP TABLE moods; DROP TYPE mood; DROP INDEX CONCURRENTLY notes_body; DROP TABLE notes;",
);

#[tokio::test]
async fn a_mixed_file_runs_and_is_taken_back() -> anyhow::Result<()> {
    let world = World::builder().databases(&[("notes-1", "staging")]).policy(POLICY).start().await?;
    world.write_migrations(&[MIXED, BACK])?;
    let plan = world.json(&["plan", "--env", "staging"]).await?;
    let reasons = plan["groups"][0]["steps"][0]["reasons"].to_string();
    ensure!(reasons.contains("runs outside of a transaction"), "{reasons}");
    let rollout = world.json(&MIGRATE).await?;
    assert_eq!(rollout["state"], "succeeded");
    let shown = world.json(&["rollout", "show", rollout["id"].as_str().unwrap_or_default()]).await?;
    let observed = &shown["targets"][0]["steps"][0]["observed"]["statements"];
    assert_eq!(observed.as_array().map(Vec::len), Some(6), "{shown:#}");
    let back = world.json(&["rollback", "--env", "staging", "--target", "base", "--force"]).await?;
    assert_eq!(back["state"], "succeeded");
    assert!(world.applied("notes-1").await?.is_empty());
    assert_eq!(world.status_of("notes-1").await?["health"], "ok");
    let tried =
        world.cli(&["migrate", "--env", "staging", "--dry-run"]).await?.ended(1, &["the dry run failed"]);
    assert!(tried.stdout.contains("were not tried"), "{}", tried.stdout);
    Ok(())
}

#[tokio::test]
async fn a_statement_that_nothing_shows_waits_for_a_person() -> anyhow::Result<()> {
    let mut world = World::builder().databases(&[("notes-1", "staging")]).policy(POLICY).start().await?;
    let client = world.connect("notes-1").await?;
    client
        .batch_execute(
            "CREATE TABLE gate (id int PRIMARY KEY); CREATE TABLE seen (id int); \
             CREATE PROCEDURE batches() LANGUAGE plpgsql AS \
             $$ BEGIN INSERT INTO seen VALUES (1); COMMIT; INSERT INTO gate VALUES (1); END $$",
        )
        .await?;
    let file =
        "-- pgbelay:no-transaction\nCREATE TABLE a (id int);\nCALL batches();\nCREATE TABLE b (id int);\n";
    world.write_migrations(&[("001_batches.sql", file)])?;
    // The procedure commits its first half, and then waits.
    client.batch_execute("BEGIN; INSERT INTO gate VALUES (1)").await?;
    let detached = [&MIGRATE[..], &["--detach"]].concat();
    let rollout = world.json(&detached).await?["id"].as_str().unwrap_or_default().to_owned();
    let look = world.connect("notes-1").await?;
    wait::until("the procedure to wait", PATIENCE, async || {
        let waits = "SELECT FROM pg_stat_activity WHERE query LIKE 'CALL%' AND wait_event_type = 'Lock'";
        Ok(look.query_opt(waits, &[]).await?.is_some())
    })
    .await?;
    world.kill_agent("notes-1")?;
    world.start_agent("notes-1")?;

    let view = world
        .rollout_until(&rollout, "a pause", |view| {
            view["state"] == "paused" && view["targets"][0]["error"]["kind"] == "unsettled"
        })
        .await?;
    let error = &view["targets"][0]["error"];
    assert_eq!((&error["version"], &error["line"]), (&"001".into(), &3.into()), "{view:#}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("pgbelay resolve notes-1 001 --done")));
    client.batch_execute("ROLLBACK").await?;
    let status = world.status_of("notes-1").await?;
    assert_eq!((&status["health"], &status["unfinished"][0]["open"]), (&"unknown".into(), &true.into()));
    world.cli(&["rollout", "resume", &rollout]).await?.ended(3, &["pgbelay resolve notes-1"]);
    world.cli(&["resolve", "notes-1", "001", "--done"]).await?.ended(2, &["--reason"]);
    let wrong = ["resolve", "notes-1", "002", "--done", "--reason", "x"];
    world.cli(&wrong).await?.ended(3, &["migration 001 has one"]);
    let both = ["resolve", "notes-1", "001", "--done", "--not-done", "--reason", "x"];
    world.cli(&both).await?.ended(2, &["cannot be used with"]);

    let word = ["resolve", "notes-1", "001", "--not-done", "--reason", "there is no row in gate"];
    let resolved = world.json(&word).await?;
    assert_eq!((&resolved["rollout"], &resolved["done"]), (&rollout.clone().into(), &false.into()));
    world.rollout_until(&rollout, "the end", |view| view["state"] == "succeeded").await?;
    let rows: i64 = look.query_one("SELECT count(*) FROM seen", &[]).await?.get(0);
    assert_eq!(rows, 2, "the person's word was that it runs again");
    world.cli(&word).await?.ended(3, &["no statement of migration 001"]);
    Ok(())
}

#[tokio::test]
async fn a_run_is_cancelled_on_one_database_and_the_others_go_on() -> anyhow::Result<()> {
    let databases = [("notes-1", "staging"), ("notes-2", "staging")];
    let policy = format!("{POLICY}    max_parallel: 1\n");
    let world = World::builder().databases(&databases).policy(&policy).start().await?;
    let client = world.connect("notes-1").await?;
    for name in ["notes-1", "notes-2"] {
        world.connect(name).await?.batch_execute("CREATE TABLE gate (id int PRIMARY KEY)").await?;
    }
    client.batch_execute("BEGIN; INSERT INTO gate VALUES (1)").await?;
    world.write_migrations(&[("001_a.sql", "CREATE TABLE a (id int); INSERT INTO gate VALUES (1);")])?;
    world.cli(&["rollout", "cancel", "notes-1"]).await?.ended(3, &["no rollout is at work on notes-1"]);
    let detached = [&MIGRATE[..], &["--detach"]].concat();
    let rollout = world.json(&detached).await?["id"].as_str().unwrap_or_default().to_owned();
    world
        .rollout_until(&rollout, "a statement that waits", |view| {
            view["targets"][0]["doing"].as_str().is_some_and(|doing| doing.contains("waiting for a lock"))
        })
        .await?;
    world.cli(&["rollout", "cancel", "nowhere"]).await?.ended(2, &["there is no database called nowhere"]);
    world.json(&["rollout", "cancel", "notes-1"]).await?;
    let view = wait::until("the end of the rollout", PATIENCE, async || {
        let view = world.json(&["rollout", "show", &rollout]).await?;
        Ok(if view["state"] == "failed" { Look::Done(view) } else { Look::not_yet(view) })
    })
    .await?;
    let states: Vec<_> = (0..2).map(|at| view["targets"][at]["state"].as_str().unwrap_or_default()).collect();
    assert_eq!(states, ["cancelled", "done"], "{view:#}");
    client.batch_execute("ROLLBACK").await?;
    assert!(world.applied("notes-1").await?.is_empty());
    assert_eq!(world.applied("notes-2").await?, ["001"]);
    assert_eq!(world.json(&MIGRATE).await?["state"], "succeeded");
    Ok(())
}
