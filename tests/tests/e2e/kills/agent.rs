//! The agent is killed at each step of its work.

use std::fs;

use anyhow::ensure;
use pgbelay_core::rollout::MAX_ATTEMPTS;

use super::stage::{ORDERS, Stage};
use super::truth::Fate::{Applied, Nothing, TakenBack};

#[tokio::test]
async fn with_a_command_in_its_journal_and_nothing_begun() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002"]).await?;
    let schema = stage.hold_first_touch().await?;
    let rollout = stage.migrate().await?;
    let session = schema.is_run_into().await?;
    stage.journal_has(ORDERS, "accepted").await?;
    stage.restart_agent(ORDERS)?;
    stage.is_gone(session).await?;
    schema.release().await?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}

#[tokio::test]
async fn during_the_backup() -> anyhow::Result<()> {
    let mut stage = Stage::with_backups(&["001", "002"]).await?;
    let backup = stage.hold_backup().await?;
    let rollout = stage.migrate().await?;
    let dump = backup.is_run_into().await?;
    stage.restart_agent(ORDERS)?;
    backup.is_run_into_again(dump).await?;
    // Else it would hold its locks on every table for as long as the dump takes.
    stage.is_gone(dump).await?;
    backup.release().await?;
    stage.succeeds(&rollout).await?;
    stage.has_its_backup(&rollout, ORDERS).await?;
    ensure!(stage.backups(ORDERS)? == 1, "there is one complete backup");
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}

#[tokio::test]
async fn between_two_statements() -> anyhow::Result<()> {
    let mut stage = Stage::with_backups(&["001", "002", "003"]).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    let session = gate.is_run_into().await?;
    stage.is_true_so_far(ORDERS, &[("001", Applied), ("002", Nothing), ("003", Nothing)]).await?;
    stage.restart_agent(ORDERS)?;
    gate.is_run_into_again(session).await?;
    gate.release().await?;
    stage.succeeds(&rollout).await?;
    ensure!(stage.backups(ORDERS)? == 1, "the backup of the run counts for its second part as well");
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied), ("003", Applied)]).await
}

#[tokio::test]
async fn after_a_statement_that_nothing_follows() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002"]).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    let session = gate.is_run_into().await?;
    stage.world.agent(ORDERS)?.signal("STOP")?;
    gate.release().await?;
    stage.is_idle_in_transaction(session).await?;
    stage.restart_agent(ORDERS)?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}

#[tokio::test]
async fn between_two_migrations() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002", "003"]).await?;
    let first = stage.hold_migration("001").await?;
    // Should the next transaction win the race for the fence's row, it stops here.
    let second = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    first.is_run_into().await?;
    let fence = stage.queue_for_fence().await?;
    first.release().await?;
    stage.recorded(ORDERS, "001").await?;
    stage.somebody_waits().await?;
    stage.restart_agent(ORDERS)?;
    fence.release().await?;
    second.release().await?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied), ("003", Applied)]).await
}

#[tokio::test]
async fn during_a_rollback() -> anyhow::Result<()> {
    let mut stage = Stage::with_backups(&["001", "002", "003"]).await?;
    stage.migrated().await?;
    let gate = stage.hold_rollback("002").await?;
    let rollout = stage.roll_back_to("001").await?;
    let session = gate.is_run_into().await?;
    stage.is_true_so_far(ORDERS, &[("001", Applied), ("002", Applied), ("003", TakenBack)]).await?;
    stage.restart_agent(ORDERS)?;
    gate.is_run_into_again(session).await?;
    gate.release().await?;
    stage.succeeds(&rollout).await?;
    ensure!(stage.backups(ORDERS)? == 2, "one for each rollout");
    stage.is_true(ORDERS, &[("001", Applied), ("002", TakenBack), ("003", TakenBack)]).await
}

#[tokio::test]
async fn three_times_in_a_row() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002"]).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    let mut session = gate.is_run_into().await?;
    for _ in 0..3 {
        stage.restart_agent(ORDERS)?;
        session = gate.is_run_into_again(session).await?;
    }
    gate.release().await?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}

#[tokio::test]
async fn once_in_each_of_many_migrations() -> anyhow::Result<()> {
    let versions = ["001", "002", "003", "004", "005", "006"];
    ensure!(versions.len() > MAX_ATTEMPTS as usize, "what counts is how often it dies on one migration");
    let mut stage = Stage::set(&versions).await?;
    let mut gates = Vec::new();
    for version in versions {
        gates.push(stage.hold_migration(version).await?);
    }
    let rollout = stage.migrate().await?;
    for gate in gates {
        let session = gate.is_run_into().await?;
        stage.restart_agent(ORDERS)?;
        gate.is_run_into_again(session).await?;
        gate.release().await?;
    }
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &versions.map(|version| (version, Applied))).await
}

#[tokio::test]
async fn and_its_journal_is_damaged() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002", "003"]).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    gate.is_run_into().await?;
    stage.world.kill_agent(ORDERS)?;
    for entry in fs::read_dir(stage.journal_directory(ORDERS))? {
        fs::write(entry?.path(), "{")?;
    }
    gate.release().await?;
    stage.world.start_agent(ORDERS)?;
    let view = stage.ends(&rollout).await?;
    ensure!(view["state"] == "paused" && view["targets"][0]["state"] == "unknown", "{view:#}");
    // Who comes back is asked at once; who stays, after a while.
    stage.restart_agent(ORDERS)?;
    stage
        .world
        .rollout_until(&rollout, "the end of the rollout", |view| view["state"] == "succeeded")
        .await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied), ("003", Applied)]).await
}

#[tokio::test]
async fn and_its_journal_is_lost() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002", "003"]).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    let session = gate.is_run_into().await?;
    stage.world.kill_agent(ORDERS)?;
    fs::remove_dir_all(stage.journal_directory(ORDERS))?;
    stage.world.start_agent(ORDERS)?;
    // The command comes again, to an agent that has never heard of it and a database where a part of it is done.
    gate.is_run_into_again(session).await?;
    gate.release().await?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied), ("003", Applied)]).await
}

#[tokio::test]
async fn every_time_until_it_is_given_up() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001"]).await?;
    let gate = stage.hold_migration("001").await?;
    let rollout = stage.migrate().await?;
    let mut session = gate.is_run_into().await?;
    for _ in 1..MAX_ATTEMPTS {
        stage.restart_agent(ORDERS)?;
        session = gate.is_run_into_again(session).await?;
    }
    stage.restart_agent(ORDERS)?;
    let view = stage.ends(&rollout).await?;
    let words = view["targets"][0]["error"]["message"].as_str().unwrap_or_default();
    ensure!(view["state"] == "paused" && words.contains("interrupted 5 times"), "{view:#}");
    gate.release().await?;
    stage.is_true(ORDERS, &[("001", Nothing)]).await?;
    stage.migrated().await?;
    stage.is_true(ORDERS, &[("001", Applied)]).await
}

#[tokio::test]
async fn and_for_so_long_that_the_rollout_pauses() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002"]).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    gate.is_run_into().await?;
    stage.world.kill_agent(ORDERS)?;
    let reason = |view: &serde_json::Value| view["reason"].as_str().unwrap_or_default().to_owned();
    let paused = stage.world.rollout_until(&rollout, "a pause", |view| view["state"] == "paused").await?;
    ensure!(reason(&paused).starts_with("agent_unreachable"), "{paused:#}");
    ensure!(reason(&paused).contains(ORDERS), "{paused:#}");
    gate.release().await?;
    stage.world.start_agent(ORDERS)?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}
