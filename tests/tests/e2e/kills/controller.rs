//! The controller is killed while the agent works. Everything ends as if nothing had happened.

use anyhow::ensure;
use pgbelay_tests::proxy::Mode;
use pgbelay_tests::wait;
use pgbelay_tests::world::PATIENCE;

use super::stage::{ORDERS, Stage};
use super::truth::Fate::Applied;

#[tokio::test]
async fn during_the_backup() -> anyhow::Result<()> {
    let mut stage = Stage::with_backups(&["001", "002"]).await?;
    let backup = stage.hold_backup().await?;
    let rollout = stage.migrate().await?;
    backup.is_run_into().await?;
    stage.restart_controller().await?;
    stage.connected(ORDERS, true).await?;
    backup.release().await?;
    stage.succeeds(&rollout).await?;
    stage.has_its_backup(&rollout, ORDERS).await?;
    ensure!(stage.backups(ORDERS)? == 1, "the backup was taken once");
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}

#[tokio::test]
async fn while_a_statement_waits_and_somebody_watches() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002"]).await?;
    let gate = stage.hold_migration("002").await?;
    let args = ["migrate", "--env", "staging", "--force", "--output", "json"];
    let mut watching = stage.world.spawn_cli(&args, "watching")?;
    gate.is_run_into().await?;
    stage.restart_controller().await?;
    gate.release().await?;
    let status = watching.wait(PATIENCE).await?;
    let said = std::fs::read_to_string(watching.log_file())?;
    ensure!(status.success() && said.contains("succeeded"), "{status}: {said}");
    ensure!(stage.runs(ORDERS).await? == 1, "the run was not interrupted");
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}

#[tokio::test]
async fn and_the_agent_finishes_without_it() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002"]).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    gate.is_run_into().await?;
    stage.world.kill_controller()?;
    gate.release().await?;
    stage.journal_has(ORDERS, "finished").await?;
    stage.world.start_controller().await?;
    stage.succeeds(&rollout).await?;
    ensure!(stage.runs(ORDERS).await? == 1, "the run was not interrupted");
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}

#[tokio::test]
async fn with_the_report_on_its_way() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002"]).await?;
    let proxy = stage.proxy_to_controller(ORDERS).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    gate.is_run_into().await?;
    proxy.set(Mode::HoldUpstream);
    gate.release().await?;
    stage.journal_has(ORDERS, "finished").await?;
    stage.world.kill_controller()?;
    proxy.sever().await?;
    stage.world.start_controller().await?;
    stage.succeeds(&rollout).await?;
    ensure!(stage.runs(ORDERS).await? == 1, "the run was not repeated");
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}

#[tokio::test]
async fn with_the_acknowledgement_on_its_way() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002"]).await?;
    let proxy = stage.proxy_to_controller(ORDERS).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    gate.is_run_into().await?;
    proxy.set(Mode::HoldDownstream);
    gate.release().await?;
    stage.succeeds(&rollout).await?;
    stage.journal_has(ORDERS, "finished").await?;
    stage.world.kill_controller()?;
    proxy.sever().await?;
    stage.world.start_controller().await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}

#[tokio::test]
async fn as_soon_as_it_said_that_the_rollout_has_started() -> anyhow::Result<()> {
    let mut stage = Stage::with_backups(&["001", "002"]).await?;
    let rollout = stage.migrate().await?;
    stage.restart_controller().await?;
    stage.succeeds(&rollout).await?;
    ensure!(stage.backups(ORDERS)? == 1, "the backup was taken once");
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}

#[tokio::test]
async fn together_with_the_agent() -> anyhow::Result<()> {
    let mut stage = Stage::with_backups(&["001", "002", "003"]).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    let session = gate.is_run_into().await?;
    stage.world.kill_controller()?;
    stage.world.kill_agent(ORDERS)?;
    stage.world.start_agent(ORDERS)?;
    stage.world.start_controller().await?;
    gate.is_run_into_again(session).await?;
    gate.release().await?;
    stage.succeeds(&rollout).await?;
    ensure!(stage.backups(ORDERS)? == 1, "the backup of the run counts for its second part as well");
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied), ("003", Applied)]).await
}

#[tokio::test]
async fn while_an_agent_that_died_is_away() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002"]).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    gate.is_run_into().await?;
    stage.world.kill_agent(ORDERS)?;
    stage.restart_controller().await?;
    gate.release().await?;
    let view = stage.world.rollout_until(&rollout, "the rollout after the restart", |_| true).await?;
    ensure!(view["state"] == "running" && view["targets"][0]["state"] == "running", "{view:#}");
    stage.world.start_agent(ORDERS)?;
    wait::until("its agent", PATIENCE, async || stage.is_connected(ORDERS).await).await?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}
