//! The agent is killed around the COMMIT: it has been sent, it has been done, its result is in the journal.

use anyhow::ensure;
use pgbelay_tests::proxy::Mode;

use super::hold::Hold;
use super::stage::{ORDERS, Stage};
use super::truth::Fate::{Applied, TakenBack};

/// A run whose second migration has sent its COMMIT, which waits for a lock; the rollout, the lock, and the session.
async fn commit_on_its_way(stage: &Stage) -> anyhow::Result<(String, Hold, i32)> {
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    let (commit, session) = goes_on_to_its_commit(stage, gate).await?;
    Ok((rollout, commit, session))
}

async fn goes_on_to_its_commit(stage: &Stage, gate: Hold) -> anyhow::Result<(Hold, i32)> {
    gate.is_run_into().await?;
    let commit = stage.hold_commit().await?;
    gate.release().await?;
    let session = commit.is_run_into().await?;
    Ok((commit, session))
}

#[tokio::test]
async fn on_its_way_and_the_server_goes_on() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002", "003"]).await?;
    let (rollout, commit, _) = commit_on_its_way(&stage).await?;
    stage.world.kill_agent(ORDERS)?;
    commit.release().await?;
    stage.world.start_agent(ORDERS)?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied), ("003", Applied)]).await
}

#[tokio::test]
async fn on_its_way_and_never_done() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002", "003"]).await?;
    let (rollout, commit, session) = commit_on_its_way(&stage).await?;
    stage.restart_agent(ORDERS)?;
    commit.is_run_into_again(session).await?;
    commit.release().await?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied), ("003", Applied)]).await
}

#[tokio::test]
async fn done_and_the_agent_never_heard() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002", "003"]).await?;
    let proxy = stage.proxy_to_database(ORDERS).await?;
    let (rollout, commit, _) = commit_on_its_way(&stage).await?;
    proxy.set(Mode::HoldDownstream);
    commit.release().await?;
    stage.recorded(ORDERS, "002").await?;
    stage.world.kill_agent(ORDERS)?;
    ensure!(
        stage.journal(ORDERS)?.iter().any(|entry| entry["state"]["is"] == "accepted"),
        "it knew no result"
    );
    proxy.sever().await?;
    stage.world.start_agent(ORDERS)?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied), ("003", Applied)]).await
}

#[tokio::test]
async fn of_a_rollback_done_and_the_agent_never_heard() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002", "003"]).await?;
    stage.migrated().await?;
    let proxy = stage.proxy_to_database(ORDERS).await?;
    let gate = stage.hold_rollback("002").await?;
    let rollout = stage.roll_back_to("base").await?;
    let (commit, _) = goes_on_to_its_commit(&stage, gate).await?;
    proxy.set(Mode::HoldDownstream);
    commit.release().await?;
    stage.taken_back(ORDERS, "002").await?;
    stage.world.kill_agent(ORDERS)?;
    proxy.sever().await?;
    stage.world.start_agent(ORDERS)?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", TakenBack), ("002", TakenBack), ("003", TakenBack)]).await
}

#[tokio::test]
async fn done_and_the_controller_never_heard() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002"]).await?;
    let proxy = stage.proxy_to_controller(ORDERS).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    gate.is_run_into().await?;
    proxy.set(Mode::HoldUpstream);
    gate.release().await?;
    stage.recorded(ORDERS, "002").await?;
    stage.journal_has(ORDERS, "finished").await?;
    stage.world.kill_agent(ORDERS)?;
    proxy.sever().await?;
    stage.world.start_agent(ORDERS)?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}

#[tokio::test]
async fn done_and_the_controller_hears_it_twice() -> anyhow::Result<()> {
    let mut stage = Stage::set(&["001", "002"]).await?;
    let proxy = stage.proxy_to_controller(ORDERS).await?;
    let gate = stage.hold_migration("002").await?;
    let rollout = stage.migrate().await?;
    gate.is_run_into().await?;
    proxy.set(Mode::HoldUpstream);
    gate.release().await?;
    stage.journal_has(ORDERS, "finished").await?;
    stage.world.kill_agent(ORDERS)?;
    // The report of the dead agent arrives now, and that of its next life after it.
    proxy.set(Mode::Open);
    stage.world.start_agent(ORDERS)?;
    stage.succeeds(&rollout).await?;
    stage.is_true(ORDERS, &[("001", Applied), ("002", Applied)]).await
}
