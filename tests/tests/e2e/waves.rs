//! Waves over a fleet of two environments: a canary that fails, what is tried again, a person's word between waves, and
//! a promotion in which some may fail.

use anyhow::{Context as _, ensure};
use pgbelay_tests::world::World;
use serde_json::Value;

const POLICY: &str = "
environments:
  - name: staging
    waves:
      - count: 1
        pause: true
  - name: production
    backup: \"off\"
    max_failures: 1
    waves:
      - count: 1
        bake: 1s
      - percent: 50
        max_parallel: 2
";

const FLEET: [(&str, &str); 12] = [
    ("s1", "staging"),
    ("s2", "staging"),
    ("s3", "staging"),
    ("s4", "staging"),
    ("p1", "production"),
    ("p2", "production"),
    ("p3", "production"),
    ("p4", "production"),
    ("p5", "production"),
    ("p6", "production"),
    ("p7", "production"),
    ("p8", "production"),
];

const UNIQUE: (&str, &str) = ("001_unique.sql", "CREATE UNIQUE INDEX customers_mail ON customers (mail);");
const BACK: (&str, &str) = ("rollback/001_rollback.sql", "DROP INDEX customers_mail;");

const MIGRATE: [&str; 4] = ["migrate", "--env", "staging", "--force"];
const PROMOTE: [&str; 4] = ["promote", "staging", "production", "--force"];

#[tokio::test]
async fn a_canary_a_word_and_a_promotion() -> anyhow::Result<()> {
    let world = World::builder().databases(&FLEET).policy(POLICY).start().await?;
    for (name, _) in FLEET {
        world.connect(name).await?.batch_execute("CREATE TABLE customers (mail text)").await?;
    }
    world.write_migrations(&[UNIQUE, BACK])?;

    double(&world, "s1").await?;
    let plan = world.json(&["plan", "--env", "staging"]).await?;
    ensure!(names(&plan["waves"][0]) == ["s1"] && names(&plan["waves"][1]).len() == 3, "{plan:#}");
    world.cli(&MIGRATE).await?.ended(1, &["failed on s1", "pgbelay rollout retry r1"]);
    let halted = world.json(&["rollout", "show", "r1"]).await?;
    ensure!(has(&halted, "paused", "budget: 1 failed"), "{halted:#}");
    applied_on(&world, &["s1", "s2", "s3", "s4"], &[]).await?;
    world.cli(&["rollout", "resume", "r1"]).await?.ended(3, &["budget: 1 failed", "rollout skip"]);

    mend(&world, "s1").await?;
    world.json(&["rollout", "retry", "r1"]).await?;
    world.rollout_until("r1", "the word of a person", |view| has(view, "paused", "wave")).await?;
    applied_on(&world, &["s1"], &["001"]).await?;
    applied_on(&world, &["s2", "s3", "s4"], &[]).await?;
    world.cli(&["rollout", "resume", "r1"]).await?.ended(3, &["pgbelay rollout advance r1"]);
    world.json(&["rollout", "advance", "r1"]).await?;
    world.rollout_until("r1", "the end", |view| view["state"] == "succeeded").await?;
    applied_on(&world, &["s1", "s2", "s3", "s4"], &["001"]).await?;

    double(&world, "p3").await?;
    double(&world, "p6").await?;
    world.cli(&PROMOTE).await?.ended(1, &["p3", "p6"]);
    let halted = world.json(&["rollout", "show", "r2"]).await?;
    ensure!(has(&halted, "paused", "budget: 2 failed, and policy allows 1"), "{halted:#}");
    let waves = halted["waves"].as_array().context("no waves")?;
    ensure!(waves.len() == 3 && names(&waves[1]) == ["p2", "p3", "p4", "p5"], "{halted:#}");
    ensure!(waves[0]["state"] == "passed" && waves[2]["state"] == "working", "{halted:#}");
    applied_on(&world, &["p1", "p2", "p4", "p5"], &["001"]).await?;
    applied_on(&world, &["p3", "p6"], &[]).await?;

    world.json(&["rollout", "skip", "p6", "--reason", "its data is being put right"]).await?;
    let over = world.rollout_until("r2", "the end", |view| view["state"] == "failed").await?;
    let skipped = over["targets"].as_array().into_iter().flatten().find(|t| t["state"] == "skipped");
    ensure!(skipped.is_some_and(|target| target["database"] == "p6"), "{over:#}");
    applied_on(&world, &["p7", "p8"], &["001"]).await?;
    world.cli(&["rollout", "retry", "r2"]).await?.ended(3, &["rollout r2 is over"]);

    mend(&world, "p3").await?;
    mend(&world, "p6").await?;
    world.cli(&PROMOTE).await?.ended(0, &[]);
    applied_on(&world, &["p3", "p6"], &["001"]).await
}

/// A unique index cannot be made while this is there.
async fn double(world: &World, name: &str) -> anyhow::Result<()> {
    let rows = "INSERT INTO customers VALUES ('ada'), ('ada')";
    Ok(world.connect(name).await?.batch_execute(rows).await?)
}

async fn mend(world: &World, name: &str) -> anyhow::Result<()> {
    Ok(world.connect(name).await?.batch_execute("DELETE FROM customers").await?)
}

async fn applied_on(world: &World, databases: &[&str], versions: &[&str]) -> anyhow::Result<()> {
    for name in databases {
        let applied = world.applied(name).await?;
        ensure!(applied == versions, "{name} has {applied:?}");
    }
    Ok(())
}

fn has(view: &Value, state: &str, reason: &str) -> bool {
    view["state"] == state && view["reason"].as_str().is_some_and(|all| all.starts_with(reason))
}

fn names(wave: &Value) -> Vec<&str> {
    wave["databases"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
