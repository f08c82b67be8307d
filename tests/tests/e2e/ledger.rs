//! One controller for one directory, and none on a ledger that was damaged.

use std::fs;
use std::process::Command;

use anyhow::ensure;
use pgbelay_tests::process::{Process, bin};
use pgbelay_tests::world::{PATIENCE, World, free_address};

use crate::samples::ONE;

const MIGRATE: [&str; 4] = ["migrate", "--env", "staging", "--force"];

/// Runs a controller that should not get far.
async fn controller_refuses(world: &World, settings: &[(&str, &str)], words: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new(bin("pgbelay-controller")?);
    command.arg("run").arg("--dir").arg(world.controller_home()).envs(settings.iter().copied());
    let mut process = Process::spawn(command, "refused", world.path())?;
    let ended = process.wait(PATIENCE).await?;
    let said = process.log_tail();
    ensure!(ended.code() == Some(1), "{ended}: {said}");
    let missing: Vec<_> = words.iter().filter(|word| !said.contains(**word)).collect();
    ensure!(missing.is_empty(), "not said: {missing:?} in {said}");
    fs::remove_file(process.log_file())?;
    Ok(())
}

#[tokio::test]
async fn one_directory_has_one_controller() -> anyhow::Result<()> {
    let world = World::start(&[("one", "staging")]).await?;
    world.write_migrations(&ONE)?;
    controller_refuses(&world, &[], &["failed to listen on"]).await?;
    let (main, enrol) = (free_address()?.to_string(), free_address()?.to_string());
    let elsewhere = [("PGBELAY_CONTROLLER_LISTEN", &*main), ("PGBELAY_CONTROLLER_ENROL_LISTEN", &*enrol)];
    let in_use = ["is in use by another process: only one controller may run on it"];
    controller_refuses(&world, &elsewhere, &in_use).await?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    Ok(())
}

#[tokio::test]
async fn a_ledger_that_was_damaged_is_not_opened() -> anyhow::Result<()> {
    let mut world = World::start(&[("orders-eu", "staging")]).await?;
    world.write_migrations(&ONE)?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    let before = world.standing().await?;
    // It ends in order, so that all of the ledger is in one file.
    let stopped = world.controller()?.terminate(PATIENCE).await?;
    assert!(stopped.success(), "{stopped}");
    let file = world.controller_home().join("ledger.db");
    let sound = fs::read(&file)?;
    // Everywhere: pages of the file also hold what is not an entry any more.
    let mut changed = sound.clone();
    let named = |at: &usize| sound[*at..].starts_with(b"orders-eu");
    let places: Vec<_> = (0..sound.len()).filter(named).collect();
    ensure!(!places.is_empty(), "no entry names the database");
    places.iter().for_each(|at| changed[*at] = b'O');
    fs::write(&file, &changed)?;
    let next = ["restore the ledger file from a backup", "never repairs"];
    controller_refuses(&world, &[], &[&["is damaged: entry ", "was changed"], &next[..]].concat()).await?;
    fs::write(&file, &sound[..sound.len() / 2])?;
    controller_refuses(&world, &[], &[&["is damaged: the file's structure is broken"], &next[..]].concat())
        .await?;
    fs::write(&file, &sound)?;
    world.start_controller().await?;
    world.all_connected().await?;
    assert_eq!(world.standing().await?, before);
    Ok(())
}
