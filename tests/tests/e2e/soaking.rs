//! A release that has to live in staging for a while, and everything there that is killed meanwhile.

use anyhow::{Context as _, ensure};
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::{PATIENCE, World};

const POLICY: &str = "
environments:
  - {name: staging, backup: \"off\", unreachable_after: 2s}
  - {name: production, backup: \"off\", soak: 1h}
";

const PROMOTE: [&str; 4] = ["promote", "staging", "production", "--force"];

#[tokio::test]
async fn what_is_killed_breaks_the_soak_and_is_told() -> anyhow::Result<()> {
    let mut world =
        World::builder().databases(&[("s1", "staging"), ("p1", "production")]).policy(POLICY).start().await?;
    world.write_migrations(&[("001_a.sql", "CREATE TABLE a (id int);")])?;
    world.cli(&["migrate", "--env", "staging", "--force"]).await?.ended(0, &[]);
    world.cli(&PROMOTE).await?.ended(3, &["healthy on all of staging for"]);

    // Its agent, and while it is away the controller, which still knows.
    world.kill_agent("s1")?;
    until_told(&world, "database-unreachable", 1).await?;
    world.kill_controller()?;
    world.start_controller().await?;
    until_well(&world, "p1").await?;
    world.cli(&PROMOTE).await?.ended(3, &["s1 has not been reachable since"]);
    world.start_agent("s1")?;
    until_told(&world, "database-reachable", 1).await?;
    world.cli(&PROMOTE).await?.ended(3, &["healthy on all of staging for"]);

    // PostgreSQL: the agent is there, and cannot reach it.
    world.cluster.stop_immediate()?;
    until_told(&world, "database-unreachable", 2).await?;
    world.cluster.start_again().await?;
    until_told(&world, "database-reachable", 2).await?;
    until_well(&world, "p1").await?;
    world.cli(&PROMOTE).await?.ended(3, &["healthy on all of staging for"]);
    world.cli(&["audit", "verify"]).await?.ended(0, &[]);
    let applied: i64 = world
        .connect("s1")
        .await?
        .query_one("SELECT count(*) FROM pgbelay.migration_records WHERE success", &[])
        .await?
        .get(0);
    ensure!(applied == 1, "{applied} records");
    Ok(())
}

/// Waits until the ledger has so many entries of a kind of the database in staging.
async fn until_told(world: &World, kind: &str, count: usize) -> anyhow::Result<()> {
    wait::until(kind, PATIENCE, async || {
        let list = world.json(&["audit", "list", "--kind", kind, "--database", "s1"]).await?;
        let told = list["entries"].as_array().context("no list")?.len();
        Ok(if told == count { Look::Done(()) } else { Look::NotYet(format!("{told} entries")) })
    })
    .await
}

async fn until_well(world: &World, database: &str) -> anyhow::Result<()> {
    wait::until(database, PATIENCE, async || {
        let status = world.json(&["status", database]).await?;
        let health = &status["databases"][0]["health"];
        Ok(if health == "ok" { Look::Done(()) } else { Look::NotYet(status.to_string()) })
    })
    .await
}
