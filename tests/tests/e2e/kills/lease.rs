//! An agent that hangs for longer than its lease, and then goes on as if nothing had happened.

use anyhow::ensure;

use super::stage::{ORDERS, Stage};
use super::truth::Fate::Applied;

#[tokio::test]
async fn it_ends_its_transaction_and_starts_nothing_of_its_own() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002", "003"]).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    let session = gate.is_run_into().await?;
    stage.world.agent(ORDERS)?.signal("STOP")?;
    // The controller cuts it later than its lease ends.
    stage.connected(ORDERS, false).await?;
    gate.release().await?;
    stage.is_idle_in_transaction(session).await?;
    stage.world.agent(ORDERS)?.signal("CONT")?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied), ("003", Applied)]).await?;
    ensure!(stage.runs(ORDERS).await? == 2, "002 belongs to the run before, 003 to a new one");
    Ok(())
}
