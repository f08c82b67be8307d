//! PostgreSQL is killed, alone and together with everything else.

use anyhow::ensure;
use pgbelay_tests::proxy::Mode;
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::PATIENCE;
use serde_json::Value;

use super::stage::{ORDERS, Stage};
use super::truth::Fate::{Applied, Nothing};

#[tokio::test]
async fn during_a_statement() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002"]).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    gate.is_run_into().await?;
    stage.world.cluster.stop_immediate()?;
    stage.world.cluster.start_again().await?;
    let view = stage.ends(&rollout).await?;
    let error = &view["targets"][0]["error"];
    ensure!(view["state"] == "paused" && error["kind"] == "connection", "{view:#}");
    stage.is_true(ORDERS, &[("001", Applied), ("002", Nothing)]).await?;
    stage.migrated().await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}

#[tokio::test]
async fn right_after_the_commit() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002", "003"]).await?;
    let proxy = stage.proxy_to_database(ORDERS).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    gate.is_run_into().await?;
    let commit = stage.hold_commit().await?;
    gate.release().await?;
    commit.is_run_into().await?;
    proxy.set(Mode::HoldDownstream);
    commit.release().await?;
    stage.recorded(ORDERS, "002").await?;
    stage.world.cluster.stop_immediate()?;
    proxy.sever().await?;
    stage.world.cluster.start_again().await?;
    stage.succeeds(&rollout).await?;
    ensure!(stage.runs(ORDERS).await? == 1, "the run goes on by itself");
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied), ("003", Applied)]).await
}

/// The agent asks for a minute; then it is unknown what happened, until the server is back.
#[tokio::test]
async fn for_longer_than_the_agent_waits() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002", "003"]).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    gate.is_run_into().await?;
    stage.world.cluster.stop_immediate()?;
    let stands = async |what: &str, holds: fn(&Value) -> bool, stage: &Stage| {
        wait::until(what, 3 * PATIENCE, async || {
            let view = stage.world.json(&["rollout", "show", &rollout]).await?;
            Ok(if holds(&view) { Look::Done(()) } else { Look::not_yet(view) })
        })
        .await
    };
    let paused = |view: &Value| view["state"] == "paused" && view["targets"][0]["error"]["kind"] == "unknown";
    stands("a pause", paused, &stage).await?;
    stage.world.cluster.start_again().await?;
    stands("its end", |view| view["state"] == "succeeded", &stage).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied), ("003", Applied)]).await
}

#[tokio::test]
async fn together_with_everything_else() -> anyhow::Result<()> {
    let mut stage = Stage::with_backups(&["001", "002", "003"]).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    gate.is_run_into().await?;
    stage.world.kill_controller()?;
    stage.world.cluster.stop_immediate()?;
    stage.world.kill_agent(ORDERS)?;
    // In the least helpful order.
    stage.world.start_agent(ORDERS)?;
    stage.world.start_controller().await?;
    stage.connected(ORDERS, true).await?;
    stage.world.cluster.start_again().await?;
    stage.succeeds(&rollout).await?;
    ensure!(stage.backups(ORDERS)? == 1, "the backup of the run counts for its second part as well");
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied), ("003", Applied)]).await
}
