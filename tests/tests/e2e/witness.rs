//! A controller that was given an old copy of its ledger, with the real agent that knows better.

use std::fs;

use anyhow::{Context as _, ensure};
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::{PATIENCE, World};

use crate::samples::{ONE, THREE, TWO};

const MIGRATE: [&str; 4] = ["migrate", "--env", "staging", "--force"];

/// Ends the controller in order, so that all of its ledger is in one file.
async fn stop_controller(world: &mut World) -> anyhow::Result<()> {
    let stopped = world.controller()?.terminate(PATIENCE).await?;
    ensure!(stopped.success(), "{stopped}");
    Ok(())
}

#[tokio::test]
async fn an_old_copy_of_the_ledger_changes_no_database_until_it_is_accepted() -> anyhow::Result<()> {
    let mut world = World::start(&[("orders", "staging")]).await?;
    world.write_migrations(&ONE)?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    stop_controller(&mut world).await?;
    let file = world.controller_home().join("ledger.db");
    let copy = fs::read(&file)?;

    // What the copy does not know, and the agent was told: by the acknowledgement of its result at the latest.
    world.start_controller().await?;
    world.all_connected().await?;
    world.write_migrations(&TWO)?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    let newest = world.json(&["ledger", "status"]).await?;
    stop_controller(&mut world).await?;

    fs::write(&file, copy)?;
    world.start_controller().await?;
    let doubted = wait::until("the agent is back, and says so", PATIENCE, async || {
        let view = world.json(&["ledger", "status"]).await?;
        Ok(if view["state"] == "in-doubt" { Look::Done(view) } else { Look::not_yet(&view) })
    })
    .await?;
    let doubt = &doubted["doubts"][0];
    ensure!(doubt["database"] == "orders" && doubt["finding"] == "beyond", "{doubt}");
    ensure!(doubt["seq"].as_u64() <= newest["seq"].as_u64(), "{doubt} is beyond {newest}");
    world.all_connected().await?;
    let status = world.cli(&["status"]).await?;
    ensure!(status.stdout.contains("NOTHING THAT CHANGES A DATABASE IS SENT"), "{status:?}");
    world.write_migrations(&THREE)?;
    world.cli(&MIGRATE).await?.ended(3, &["the ledger is in doubt: agent/orders", "pgbelay ledger status"]);
    ensure!(world.applied("orders").await? == ["001", "002"]);

    let name = doubted["ledger"].as_str().context("no name")?[..8].to_owned();
    world.cli(&["ledger", "accept", "ffffffff", "--reason", "lost"]).await?.ended(2, &["is not this ledger"]);
    world.cli(&["ledger", "accept", &name, "--reason", "the disk is lost"]).await?.ended(0, &[]);
    world.cli(&MIGRATE).await?.ended(0, &[]);
    ensure!(world.applied("orders").await? == ["001", "002", "003"]);

    // The agent has taken the new checkpoint, and says nothing against it in another session.
    stop_controller(&mut world).await?;
    world.start_controller().await?;
    world.all_connected().await?;
    let view = world.json(&["ledger", "status"]).await?;
    ensure!(view["state"] == "believed" && view["acceptances"] == 1, "{view}");
    Ok(())
}
