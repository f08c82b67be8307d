//! Two environments of twelve databases: a canary that does not answer as it should and is rolled back by itself, a retry
//! after a fix, and a promotion that has to wait for its time and for somebody's approval.

use anyhow::{Context as _, ensure};
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::{PATIENCE, World};
use serde_json::Value;

const POLICY: &str = "
environments:
  - name: staging
    on_failure: rollback_all
    waves:
      - count: 1
        bake: 1s
    verify: &verify
      - name: no orphans
        query: SELECT count(*) FROM orders WHERE customer IS NULL
        expect: 0
      - {name: the new column is there, query: SELECT count(state) = count(*) FROM orders}
  - name: production
    backup: \"off\"
    soak: 20s
    approvals:
      - {count: 1, roles: [approver]}
    on_failure: rollback_wave
    waves:
      - count: 3
    verify: *verify
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

const STATE: (&str, &str) =
    ("001_state.sql", "ALTER TABLE orders ADD COLUMN state text NOT NULL DEFAULT 'new';");
const BACK: (&str, &str) = ("rollback/001_rollback.sql", "ALTER TABLE orders DROP COLUMN state;");

const MIGRATE: [&str; 4] = ["migrate", "--env", "staging", "--force"];
const PROMOTE: [&str; 4] = ["promote", "staging", "production", "--force"];

#[tokio::test]
async fn a_wrong_answer_a_way_back_and_a_promotion_in_its_time() -> anyhow::Result<()> {
    let world = World::builder().databases(&FLEET).policy(POLICY).start().await?;
    world.add_operator("alice", &["approver"]).await?;
    for (name, _) in FLEET {
        let setup = "CREATE TABLE orders (id int, customer int); INSERT INTO orders VALUES (1, 7)";
        world.connect(name).await?.batch_execute(setup).await?;
    }
    world.write_migrations(&[STATE, BACK])?;

    // The canary has a row that nobody should have, and is rolled back by itself. Nobody else was reached.
    sql(&world, "s1", "INSERT INTO orders VALUES (2, NULL)").await?;
    world.cli(&MIGRATE).await?.ended(1, &["s1", "verification \"no orphans\" gave \"1\", not \"0\""]);
    let undone = world.rollout_until("r2", "the way back", |view| view["state"] == "succeeded").await?;
    ensure!(undone["direction"] == "down" && undone["started_by"] == "admin", "{undone:#}");
    let failed = world.json(&["rollout", "show", "r1"]).await?;
    ensure!(failed["state"] == "failed" && failed["undo"] == "rolled back by itself: r2", "{failed:#}");
    ensure!(state_of(&failed, "s1") == "failed" && state_of(&failed, "s2") == "not-reached", "{failed:#}");
    applied_on(&world, &["s1", "s2", "s3", "s4"], &[]).await?;
    let columns: i64 = world
        .connect("s1")
        .await?
        .query_one("SELECT count(*) FROM information_schema.columns WHERE table_name = 'orders'", &[])
        .await?
        .get(0);
    ensure!(columns == 2, "the column is still there");
    world.cli(&PROMOTE).await?.ended(3, &["staging"]);

    // Mended, and run again: every database is asked, and the canary once more after its bake.
    sql(&world, "s1", "DELETE FROM orders WHERE customer IS NULL").await?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    applied_on(&world, &["s1", "s2", "s3", "s4"], &["001"]).await?;
    // Not yet: it has to live there for a while. Then somebody has to approve.
    world.cli(&PROMOTE).await?.ended(4, &["healthy on all of staging", "of the 20s", "0 of 1"]);
    wait::until("the time in staging is over", PATIENCE, async || {
        let plan = world.json(&["plan", "--env", "production"]).await?;
        let requires = gate(&plan, "requires").clone();
        Ok(if requires["state"] == "open" { Look::Done(()) } else { Look::not_yet(&requires) })
    })
    .await?;
    let plan = world.json(&["plan", "--env", "production"]).await?;
    ensure!(gate(&plan, "approvals")["state"] == "needs", "{plan:#}");
    let id = plan["id"].as_str().context("no id")?;
    world.cli(&PROMOTE).await?.ended(4, &["0 of 1 by approver"]);
    world.cli_as("alice", &["approve", id]).await?.ended(0, &[]);

    // One of the second wave is not well: what that wave did is rolled back, and what the first did stays.
    sql(&world, "p5", "INSERT INTO orders VALUES (2, NULL)").await?;
    world.cli(&PROMOTE).await?.ended(1, &["p5", "no orphans"]);
    let undone = world.rollout_until("r5", "the way back", |view| view["state"] == "succeeded").await?;
    ensure!(undone["direction"] == "down", "{undone:#}");
    applied_on(&world, &["p1", "p2", "p3"], &["001"]).await?;
    applied_on(&world, &["p4", "p5", "p6", "p7", "p8"], &[]).await?;

    // Mended: what is missing is run, what is there is asked again.
    sql(&world, "p5", "DELETE FROM orders WHERE customer IS NULL").await?;
    let plan = world.json(&["plan", "--env", "production"]).await?;
    world.cli_as("alice", &["approve", plan["id"].as_str().context("no id")?]).await?.ended(0, &[]);
    world.cli(&PROMOTE).await?.ended(0, &[]);
    applied_on(&world, &["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"], &["001"]).await
}

/// A query that cannot be asked is no verdict: the rollout waits for a person.
#[tokio::test]
async fn a_query_that_cannot_be_asked_waits_for_a_person() -> anyhow::Result<()> {
    let policy = "
environments:
  - name: staging
    backup: \"off\"
    on_failure: rollback_all
    verify:
      - {name: audit, query: SELECT count(*) FROM audit.entries, expect: 0}
";
    let world = World::builder().databases(&[("one", "staging")]).policy(policy).start().await?;
    world.write_migrations(&[
        ("001_t.sql", "CREATE TABLE t (id int);"),
        ("rollback/001_rollback.sql", "DROP TABLE t;"),
    ])?;
    let mut watching = world.spawn_cli(&MIGRATE, "migrate")?;
    let paused = world.rollout_until("r1", "the pause", |view| view["state"] == "paused").await?;
    ensure!(paused["reason"].as_str().is_some_and(|why| why.starts_with("verification")), "{paused:#}");
    let target = &paused["targets"][0];
    ensure!(target["state"] == "unverified", "{target:#}");
    let message = target["error"]["message"].as_str().unwrap_or_default();
    ensure!(message.contains("audit.entries") && message.contains("does not exist"), "{message}");
    applied_on(&world, &["one"], &["001"]).await?;
    sql(&world, "one", "CREATE SCHEMA audit; CREATE TABLE audit.entries (id int)").await?;
    world.json(&["rollout", "resume", "r1"]).await?;
    world.rollout_until("r1", "the end", |view| view["state"] == "succeeded").await?;
    watching.wait(PATIENCE).await?;
    Ok(())
}

async fn sql(world: &World, name: &str, text: &str) -> anyhow::Result<()> {
    Ok(world.connect(name).await?.batch_execute(text).await?)
}

async fn applied_on(world: &World, databases: &[&str], versions: &[&str]) -> anyhow::Result<()> {
    for name in databases {
        let applied = world.applied(name).await?;
        ensure!(applied == versions, "{name} has {applied:?}");
    }
    Ok(())
}

fn state_of<'a>(view: &'a Value, name: &str) -> &'a str {
    let mut targets = view["targets"].as_array().into_iter().flatten();
    let target = targets.find(|target| target["database"] == name);
    target.and_then(|target| target["state"].as_str()).unwrap_or_default()
}

fn gate<'a>(plan: &'a Value, name: &str) -> &'a Value {
    let mut gates = plan["gates"].as_array().into_iter().flatten();
    gates.find(|gate| gate["name"] == name).unwrap_or(&Value::Null)
}
