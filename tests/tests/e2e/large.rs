//! A database of pgbench's is dumped, verified and restored, and every table compared: a small one by default, one of 2 GiB
//! with `make test-large`, which prints how long each took. What else becomes of a backup on its way belongs between.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use pgbelay_tests::world::World;
use serde_json::Value;

/// pgbench's scale: 100,000 rows each. 150 make 2.2 GiB.
const SCALE: &str = "PGBELAY_LARGE_SCALE";

const MIGRATION: &str = "CREATE TABLE after (id int);\n";

#[tokio::test]
async fn large_databases_come_back_as_they_were() -> anyhow::Result<()> {
    let scale = scale();
    let world = World::start(&[("orders", "staging")]).await?;
    let name = world.member("orders").pg_name.clone();
    let mut pgbench = Command::new(world.cluster.programs().join("pgbench"));
    pgbench.args(["--initialize", "--quiet", "--foreign-keys", "--scale", &scale]);
    let made = pgbench.envs(world.cluster.environment(&name)).output().context("pgbench")?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let before = sums(&world, &name).await?;
    ensure!(before.len() >= 4 && before.values().any(|(rows, _)| *rows >= 100_000), "{before:?}");
    let size = "SELECT pg_database_size(current_database())";
    let bytes: i64 = world.connect("orders").await?.query_one(size, &[]).await?.get(0);

    let mut times = Vec::new();
    let dir = world.write_migrations(&[("001_after.sql", MIGRATION)])?;
    let args = ["migrate", "--env", "staging", "--migrations", &dir.to_string_lossy(), "--force"];
    let rollout = world.json(&args).await?;
    ensure!(rollout["state"] == "succeeded", "{rollout}");
    let entry = world.json(&["backup", "list"]).await?["backups"][0].clone();
    let backup = &rollout["targets"][0]["backup"];
    times.push(("dump", backup["took_ms"].as_f64().unwrap_or_default() / 1_000.0));
    let id = entry["id"].as_str().context("no id")?;

    let began = Instant::now();
    let verified = world.json(&["backup", "verify", id]).await?;
    ensure!(verified["complete"] == true && verified["verified_at"].is_string(), "{verified}");
    times.push(("verify", began.elapsed().as_secs_f64()));

    let began = Instant::now();
    let job = world.json(&["restore", "orders", "--backup", id, "--into", "back"]).await?;
    ensure!(job["state"] == "restored" && job["restored"]["notes"] == Value::Array(Vec::new()), "{job}");
    times.push(("restore", began.elapsed().as_secs_f64()));

    let mut after = sums(&world, "back").await?;
    // The records of what has run since were made after the backup's snapshot.
    after.retain(|table, _| before.contains_key(table));
    ensure!(after == before, "{before:#?}\n{after:#?}");
    tell(bytes, entry["bytes"].as_u64().unwrap_or_default(), &times);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "how large the database is, is up to whoever runs the test")]
fn scale() -> String {
    std::env::var(SCALE).unwrap_or_else(|_| "1".to_owned())
}

/// Rows and a checksum of each table, which does not depend on their order.
async fn sums(world: &World, database: &str) -> anyhow::Result<BTreeMap<String, (i64, String)>> {
    let client = world.cluster.connect(database).await?;
    let tables = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let mut sums = BTreeMap::new();
    for row in client.query(tables, &[]).await? {
        let table: String = row.get(0);
        let sql = format!(
            "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM {table} t"
        );
        let row = client.query_one(&sql, &[]).await?;
        sums.insert(table, (row.get(0), row.get(1)));
    }
    Ok(sums)
}

#[expect(clippy::print_stdout, reason = "these are the figures that somebody has asked for")]
fn tell(database: i64, backup: u64, times: &[(&str, f64)]) {
    let gib = |bytes: f64| bytes / 1_073_741_824.0;
    println!("a database of {:.2} GiB, a backup of {:.2} GiB", gib(database as f64), gib(backup as f64));
    for (what, seconds) in times {
        println!("  {what}: {seconds:.1} s");
    }
}
