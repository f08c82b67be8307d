//! Backups that go when policy lets them, and rollbacks that rest on backups.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use pgbelay_tests::wait::{self, Look};
use pgbelay_tests::world::{PATIENCE, World};
use serde_json::Value;

const TABLES: [(&str, &str); 3] = [
    ("001_a.sql", "CREATE TABLE a (id int);\n"),
    ("002_b.sql", "CREATE TABLE b (id int);\n"),
    ("003_c.sql", "CREATE TABLE c (id int);\n"),
];

/// Runs three migrations, each with a backup of its own.
async fn three_runs(policy: &str) -> anyhow::Result<World> {
    let world = World::builder().databases(&[("orders", "staging")]).policy(policy).start().await?;
    for count in 1..=TABLES.len() {
        world.write_migrations(&TABLES[..count])?;
        world.cli(&["migrate", "--env", "staging", "--force"]).await?.ended(0, &[]);
    }
    Ok(world)
}

async fn locations(world: &World) -> anyhow::Result<Vec<PathBuf>> {
    let list = world.json(&["backup", "list"]).await?;
    let backups = list["backups"].as_array().context("no list")?;
    let location = |entry: &Value| Some(PathBuf::from(entry["location"].as_str()?));
    backups.iter().map(|entry| location(entry).context("no place")).collect()
}

fn fates(response: &Value) -> Vec<&str> {
    let all = response["backups"].as_array().into_iter().flatten();
    all.filter_map(|backup| backup["fate"].as_str()).collect()
}

/// The kinds of what stands in the ledger, by the controller that has ended.
async fn in_ledger(world: &mut World, kind: &str) -> anyhow::Result<usize> {
    world.controller()?.terminate(PATIENCE).await?;
    let ledger = fs::read(world.controller_home().join("ledger.db"))?;
    let kind = kind.as_bytes();
    Ok(ledger.windows(kind.len()).filter(|window| *window == kind).count())
}

#[tokio::test]
async fn a_backup_goes_when_there_is_a_newer_one_and_its_window_is_closed() -> anyhow::Result<()> {
    let policy = "environments:\n- name: staging\n  rollback_window: 1s\n  backup_retention: {keep: 1}\n";
    let mut world = three_runs(policy).await?;
    let newest = locations(&world).await?.remove(0);
    let left = wait::until("one is left", PATIENCE, async || {
        let left = locations(&world).await?;
        Ok(if left.len() == 1 { Look::Done(left) } else { Look::not_yet(format!("{left:?}")) })
    })
    .await?;
    ensure!(left == [newest.clone()], "not the newest: {left:?}");
    let on_disk: Vec<_> = fs::read_dir(newest.parent().context("no parent")?)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    ensure!(on_disk == [newest], "{on_disk:?}");
    let id = left[0].file_name().context("no name")?.to_string_lossy().into_owned();
    world.cli(&["backup", "verify", &id]).await?.ended(0, &[]);
    for kind in ["backup-condemned", "backup-removed"] {
        ensure!(in_ledger(&mut world, kind).await? >= 2, "{kind} is not in the ledger");
        world.start_controller().await?;
    }
    ensure!(locations(&world).await?.len() == 1, "a restart brings none back");
    Ok(())
}

#[tokio::test]
async fn open_windows_keep_their_backups_and_a_dry_run_changes_nothing() -> anyhow::Result<()> {
    let world = three_runs("environments:\n- name: staging\n  backup_retention: {keep: 1}\n").await?;
    let before = world.standing().await?;
    let shown = world.json(&["backup", "prune", "--dry-run"]).await?;
    ensure!(fates(&shown) == ["stays"; 3] && shown["dry_run"] == true, "{shown}");
    let why = |at: usize| shown["backups"][at]["why"].as_str().unwrap_or_default().to_owned();
    ensure!(why(0) == "the newest complete one", "{shown}");
    ensure!((1..3).all(|at| why(at).starts_with("a rollback window is open until ")), "{shown}");
    let told = world.cli(&["backup", "prune"]).await?.ended(0, &[]);
    ensure!(told.stdout.contains("Nothing goes."), "{told:?}");
    assert_eq!(world.standing().await?, before);
    ensure!(locations(&world).await?.iter().all(|path| path.join("manifest.json").exists()), "one is gone");

    world.add_operator("eve", &["viewer"]).await?;
    world.cli_as("eve", &["backup", "prune", "--dry-run"]).await?.ended(3, &["operator"]);
    let bad = "environments:\n- name: staging\n  backup_retention: {keep: 0, days: 0}\n";
    let file = world.path().join("bad.yaml");
    fs::write(&file, bad)?;
    let file = file.to_string_lossy();
    let said = ["backup_retention.keep must be from 1", "backup_retention.days must be from 1"];
    world.cli(&["policy", "apply", &file]).await?.ended(2, &said);
    fs::write(&*file, "environments:\n- name: staging\n  backup_retention: {}\n")?;
    world.cli(&["policy", "apply", &file]).await?.ended(2, &["backup_retention must be keep, days or both"]);
    Ok(())
}

#[tokio::test]
async fn a_person_confirms_what_goes() -> anyhow::Result<()> {
    let mut world = three_runs("environments:\n- name: staging\n  rollback_window: 1s\n").await?;
    let expired = |row: &Value| row["window"]["state"] == "expired";
    world.status_until("orders", "the window has closed", expired).await?;
    // The controller gives up at once what goes, and nobody can delete it while the agent is away.
    world.kill_agent("orders")?;
    world.apply_policy("environments:\n- name: staging\n  backup_retention: {keep: 1}\n").await?;
    let shown = world.json(&["backup", "prune", "--dry-run"]).await?;
    ensure!(fates(&shown)[0] == "stays", "{shown}");
    ensure!(fates(&shown)[1..].iter().all(|fate| ["goes", "deleting"].contains(fate)), "{shown}");
    if fates(&shown).contains(&"goes") {
        let refused = world.cli(&["backup", "prune"]).await?;
        ensure!(refused.code == 0 || refused.stderr.contains("nothing was deleted"), "{refused:?}");
    }
    world.start_agent("orders")?;
    world.all_connected().await?;
    world.cli(&["backup", "prune", "--yes"]).await?.ended(0, &[]);
    wait::until("one is left", PATIENCE, async || {
        let left = locations(&world).await?;
        Ok(if left.len() == 1 { Look::Done(()) } else { Look::not_yet(format!("{left:?}")) })
    })
    .await
}

#[tokio::test]
async fn no_rollback_starts_on_a_backup_that_is_gone() -> anyhow::Result<()> {
    let world = World::start(&[("orders", "staging")]).await?;
    world.write_migrations(&[TABLES[0], ("rollback/001_rollback.sql", "DROP TABLE a;\n")])?;
    world.cli(&["migrate", "--env", "staging", "--force"]).await?.ended(0, &[]);
    let list = world.json(&["backup", "list"]).await?;
    let id = list["backups"][0]["id"].as_str().context("no id")?.to_owned();
    let location = locations(&world).await?.remove(0);
    let aside = Path::new(&location).with_file_name("aside");
    fs::rename(&location, &aside)?;

    let back = ["rollback", "--env", "staging", "--target", "base", "--force"];
    let why = format!("backup {id}: its directory is missing");
    let next = format!("pgbelay backup verify {id} --database orders");
    world
        .cli(&back)
        .await?
        .ended(3, &["the rollback window of migration 001 is open, but not usable", &why, &next]);
    assert_eq!(world.applied("orders").await?, ["001"]);
    let window = world.status_of("orders").await?["window"].clone();
    ensure!(
        window["state"] == "unusable" && window["problem"].as_str().is_some_and(|p| p.starts_with(&why)),
        "{window}"
    );
    let shown = world.cli(&["status"]).await?.ended(0, &[]).stdout;
    ensure!(shown.contains("open but NOT USABLE") && shown.contains("but not usable:"), "{shown}");
    let shown = world.cli(&["backup", "list"]).await?.ended(0, &[]).stdout;
    ensure!(shown.contains("NOT WHOLE") && shown.contains("is missing"), "{shown}");

    fs::rename(&aside, &location)?;
    // The look before the plan sees that it is back.
    world.cli(&back).await?.ended(0, &[]);
    assert_eq!(world.applied("orders").await?, Vec::<String>::new());
    Ok(())
}
