//! A rollout watched through a pipe, over a controller that is killed; and what `status` and `history` are asked for.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, ensure};
use pgbelay_tests::world::{PATIENCE, World};
use serde_json::Value;

const POLICY: &str = "
environments:
  - name: staging
    max_failures: 1
    backup: \"off\"
  - name: production
";

const FLEET: [(&str, &str); 5] =
    [("d1", "staging"), ("d2", "staging"), ("d3", "staging"), ("d4", "staging"), ("p1", "production")];

const UNIQUE: (&str, &str) = ("001_unique.sql", "CREATE UNIQUE INDEX customers_mail ON customers (mail);");
const BACK: (&str, &str) = ("rollback/001_rollback.sql", "DROP INDEX customers_mail;");

#[tokio::test]
async fn a_watch_goes_on_over_a_controller_that_is_killed() -> anyhow::Result<()> {
    let mut world = World::builder().databases(&FLEET).policy(POLICY).start().await?;
    for (name, _) in FLEET {
        world.connect(name).await?.batch_execute("CREATE TABLE customers (mail text)").await?;
    }
    world.write_migrations(&[UNIQUE, BACK])?;
    world.connect("d3").await?.batch_execute("INSERT INTO customers VALUES ('ada'), ('ada')").await?;
    let holder = world.connect("d4").await?;
    holder.batch_execute("BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE").await?;

    world.json(&["migrate", "--env", "staging", "--force", "--detach"]).await?;
    let mut watch = world.spawn_cli(&["rollout", "watch", "r1"], "watch")?;
    watch.wait_for_log("d3: failed", PATIENCE).await?;
    watch.wait_for_log("d4: running", PATIENCE).await?;
    world.kill_controller()?;
    watch.wait_for_log("the rollout goes on, reconnecting", PATIENCE).await?;
    world.start_controller().await?;
    watch.wait_for_log("connected to the controller again", PATIENCE).await?;
    holder.batch_execute("ROLLBACK").await?;
    let ended = watch.wait(PATIENCE).await?;
    let log = fs::read_to_string(watch.log_file())?;
    ensure!(ended.code() == Some(1), "{ended}: {log}");
    said_once(&log)?;

    let over = world.cli(&["rollout", "watch", "r1"]).await?.ended(1, &["rollout r1 failed on d3"]);
    ensure!(!over.stdout.contains("d3: running"), "what is over is not followed: {over:?}");
    world.cli(&["rollout", "watch", "r99"]).await?.ended(2, &["r99"]);
    asked(&mut world).await
}

/// Every change has one line, and nothing steers a terminal.
fn said_once(log: &str) -> anyhow::Result<()> {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    // Until the summary, whose rows may be alike.
    let followed = log.split("\n\n").next().unwrap_or_default();
    followed.lines().for_each(|line| *lines.entry(line).or_default() += 1);
    ensure!(lines.values().all(|times| *times == 1), "something is said twice: {log}");
    ensure!(!log.contains('\u{1b}') && !log.contains('\r'), "{log}");
    for line in
        ["d1: done", "d2: done", "d3: failed: ", "d4: running", "d4: done", "rollout r1 on staging: failed"]
    {
        ensure!(lines.keys().filter(|said| said.starts_with(line)).count() == 1, "{line}: {log}");
    }
    Ok(())
}

async fn asked(world: &mut World) -> anyhow::Result<()> {
    world.all_connected().await?;
    ensure!(names(world, &["--env", "staging", "--pending"]).await? == ["d3"]);
    ensure!(names(world, &["--health", "failed"]).await? == ["d3"]);
    ensure!(names(world, &["--env", "staging", "--health", "ok,failed"]).await?.len() == 4);
    world.cli(&["status", "--select", "region=mars"]).await?.ended(2, &["region=mars"]);
    world.cli(&["status", "--env", "mars"]).await?.ended(2, &["mars"]);
    let none = world.cli(&["status", "--health", "quarantined"]).await?.ended(0, &[]);
    let words = "None of 5 databases is as asked for: --health quarantined";
    ensure!(none.stdout.contains(words), "{none:?}");

    // The test's own table was seen as drift everywhere; the migration that was applied since ends that.
    ensure!(!names(world, &["--drift"]).await?.contains(&"d1".to_owned()));
    world.connect("d1").await?.batch_execute("ALTER TABLE customers ADD COLUMN note text").await?;
    // An agent looks when it connects, for a plan and after a run.
    world.kill_agent("d1")?;
    world.start_agent("d1")?;
    world.status_until("d1", "the drift", |row| !row["drift_since"].is_null()).await?;
    ensure!(names(world, &["--drift"]).await?.contains(&"d1".to_owned()));

    let failed = world.json(&["history", "--result", "failed", "--since", "1d"]).await?;
    let entries = failed["entries"].as_array().context("no entries")?;
    ensure!(entries.len() == 1 && entries[0]["database"] == "d3", "{failed:#}");
    let before = world.json(&["history", "--until", "2020-01-01"]).await?;
    ensure!(before["entries"] == Value::Array(Vec::new()), "{before:#}");
    world.cli(&["history", "nobody"]).await?.ended(2, &["nobody"]);
    Ok(())
}

async fn names(world: &World, filters: &[&str]) -> anyhow::Result<Vec<String>> {
    let status = world.json(&[&["status"], filters].concat()).await?;
    let rows = status["databases"].as_array().context("no list")?;
    Ok(rows.iter().filter_map(|row| row["name"].as_str().map(str::to_owned)).collect())
}
