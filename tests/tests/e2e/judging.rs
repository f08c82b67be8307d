//! A plan knows the live schema: hazards, locks, sizes, who is in the way; dangers are acknowledged by name.

use pgbelay_tests::wait;
use pgbelay_tests::world::{PATIENCE, World};
use serde_json::{Value, json};

const POLICY: &str = "environments:
  - name: staging
    acknowledge: [drop-column]
";

const FIRST: (&str, &str) = (
    "001_notes.sql",
    "CREATE TABLE notes (id int PRIMARY KEY, body text, old text);
     INSERT INTO notes SELECT n, repeat('x', 100), 'y' FROM generate_series(1, 20000) n;",
);

const SECOND: (&str, &str) = (
    "002_lean.sql",
    "ALTER TABLE notes ALTER COLUMN body SET NOT NULL;\nALTER TABLE notes DROP COLUMN old;\n",
);

const PLAN: [&str; 3] = ["plan", "--env", "staging"];
const MIGRATE: [&str; 4] = ["migrate", "--env", "staging", "--force"];

/// One element of a list, by one of its fields.
fn of<'a>(list: &'a Value, field: &str, value: &str) -> &'a Value {
    let found = list.as_array().into_iter().flatten().find(|item| item[field] == value);
    found.unwrap_or(&Value::Null)
}

#[tokio::test]
async fn a_plan_knows_the_live_schema_and_dangers_are_acknowledged() -> anyhow::Result<()> {
    let world = World::builder().databases(&[("notes-1", "staging")]).policy(POLICY).start().await?;
    world.write_migrations(&[FIRST])?;
    assert_eq!(world.json(&MIGRATE).await?["state"], "succeeded");
    world.write_migrations(&[FIRST, SECOND])?;
    let reader = world.connect("notes-1").await?;
    reader.batch_execute("SET application_name = 'report'; BEGIN; SELECT 1 FROM notes LIMIT 1").await?;

    let plan = wait::until("the reader is in the way", PATIENCE, async || {
        let plan = world.json(&PLAN).await?;
        Ok(plan["groups"][0]["impacts"][0]["waits_for"][0].is_string().then_some(plan))
    })
    .await?;
    let step = &plan["groups"][0]["steps"][0];
    assert_eq!((&step["judged_on"], &step["unknown"]), (&json!("notes-1"), &json!([])), "{step}");
    assert_eq!(of(&step["hazards"], "id", "drop-column")["relation"], "public.notes.old", "{step}");
    assert_eq!(of(&step["hazards"], "id", "set-not-null")["relation"], "public.notes", "{step}");
    assert_eq!(of(&step["locks"], "relation", "public.notes")["mode"], "AccessExclusiveLock");
    assert_eq!(of(&step["work"], "relation", "public.notes")["kind"], "scan");
    assert_eq!(plan["acknowledge"], json!(["drop-column:public.notes.old"]));
    let impact = of(&plan["groups"][0]["impacts"], "relation", "public.notes");
    assert!(impact["bytes"].as_u64() > Some(2_000_000) && impact["high_ms"].as_u64() > Some(100), "{impact}");
    assert_eq!(impact["waits"], "reads and writes");
    assert!(impact["waits_for"][0].as_str().is_some_and(|who| who.contains("report")), "{impact}");
    reader.batch_execute("ROLLBACK").await?;

    world
        .cli(&MIGRATE)
        .await?
        .ended(3, &["must be acknowledged", "--acknowledge drop-column:public.notes.old"]);
    let words = ["--acknowledge", "drop-column:notes.old", "--acknowledge", "drop-column:notes.oll"];
    let wrong = [&MIGRATE[..], &words].concat();
    world.cli(&wrong).await?.ended(2, &["did you mean drop-column:public.notes.old"]);
    let right = [&MIGRATE[..], &["--acknowledge", "drop-column:notes.old"]].concat();
    let rollout = world.json(&right).await?;
    assert_eq!((&rollout["state"], &rollout["acknowledged"]), (&json!("succeeded"), &plan["acknowledge"]));
    let history = world.json(&["history"]).await?;
    assert_eq!(of(&history["entries"], "version", "002")["acknowledged"], plan["acknowledge"], "{history}");
    Ok(())
}

#[tokio::test]
async fn a_schema_is_written_down_and_judged_against_elsewhere() -> anyhow::Result<()> {
    let world = World::start(&[("notes-1", "staging")]).await?;
    world.write_migrations(&[FIRST])?;
    assert_eq!(world.json(&MIGRATE).await?["state"], "succeeded");
    let file = world.path().join("notes.json").to_string_lossy().into_owned();
    world.cli(&["catalog", "notes-1", "--output-file", &file]).await?.ended(0, &["notes.json"]);
    world.write_migrations(&[SECOND])?;
    let lint = ["lint", "migrations", "--catalog", &file, "--output", "json"];
    let report = world.cli(&lint).await?.json()?;
    let statement = &report["files"][0]["statements"][0];
    assert_eq!((&statement["unknown"], &statement["work"][0]["kind"]), (&json!([]), &json!("scan")));
    world.cli(&["catalog", "nobody"]).await?.ended(2, &["nobody"]);
    Ok(())
}
