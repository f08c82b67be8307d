//! The record of a fleet: listed, exported, checked by pgbelay and by somebody else's program, and noted.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use pgbelay_tests::world::{PATIENCE, World, run};
use serde_json::Value;

use crate::samples::TWO;

/// The script of the documentation.
fn script() -> anyhow::Result<&'static str> {
    let page = include_str!("../../../docs/audit.md");
    let (_, from) = page.split_once("```python\n").context("no script")?;
    Ok(from.split_once("```").context("no end of the script")?.0)
}

/// What anybody can check without pgbelay.
async fn checked_by_hand(world: &World, file: &str) -> anyhow::Result<(i32, String)> {
    fs::write(world.path().join("check.py"), script()?)?;
    let mut command = Command::new("python3");
    command.args(["check.py", file]).current_dir(world.path());
    let ran = run(command).await?;
    Ok((ran.code, ran.stdout + &ran.stderr))
}

#[tokio::test]
async fn the_record_is_exported_and_whoever_changes_it_is_found_out() -> anyhow::Result<()> {
    let mut world = World::start(&[("orders", "staging"), ("users", "staging")]).await?;
    world.write_migrations(&TWO)?;
    world.cli(&["audit", "checkpoint", "--output-file", "early.json"]).await?.ended(0, &[]);
    world.cli(&["migrate", "--env", "staging", "--force"]).await?.ended(0, &[]);
    listed(&world).await?;
    exported(&world).await?;
    found_out(&world).await?;
    noted(&mut world).await
}

/// Who did what.
async fn listed(world: &World) -> anyhow::Result<()> {
    let list = world.json(&["audit", "list", "--kind", "rollout-started", "--since", "1h"]).await?;
    let started = &list["entries"][0];
    ensure!(list["entries"].as_array().is_some_and(|entries| entries.len() == 1), "{list}");
    ensure!(
        started["actor"] == "operator/admin" && started["event"]["kind"] == "rollout-started",
        "{started}"
    );
    let rollout = started["event"]["rollout"].as_str().context("no rollout")?.to_owned();
    let of_orders = world
        .json(&["audit", "list", "--rollout", &rollout, "--database", "orders", "--limit", "100"])
        .await?;
    let kinds: Vec<_> =
        of_orders["entries"].as_array().context("no list")?.iter().map(|e| &e["kind"]).collect();
    ensure!(
        kinds
            == [
                "command-issued",
                "command-accepted",
                "command-finished",
                "command-issued",
                "command-accepted",
                "command-finished"
            ],
        "{kinds:?}"
    );
    let newest = world.json(&["audit", "list", "--limit", "3"]).await?;
    ensure!(newest["entries"].as_array().is_some_and(|entries| entries.len() == 3), "{newest}");
    world.cli(&["audit", "list", "--since", "yesterday"]).await?.ended(2, &["a time is a moment"]);
    Ok(())
}

/// The controller's own look, the export, and what others find.
async fn exported(world: &World) -> anyhow::Result<()> {
    world.cli(&["audit", "verify"]).await?.ended(0, &[]);
    world.cli(&["audit", "export", "--output-file", "ledger.jsonl"]).await?.ended(0, &[]);
    let verified = world.json(&["audit", "verify", "ledger.jsonl", "--checkpoint", "early.json"]).await?;
    ensure!(verified["first"] == 1 && verified["checkpoint"].as_u64() > Some(1), "{verified}");
    let (code, said) = checked_by_hand(world, "ledger.jsonl").await?;
    ensure!(code == 0 && said.starts_with("sound up to entry"), "{said}");

    // A part of it, from stdout, is sound as well, and does not have what came before.
    let part = world.cli(&["audit", "export", "--after", "5"]).await?.ended(0, &[]).stdout;
    fs::write(world.path().join("part.jsonl"), &part)?;
    ensure!(world.json(&["audit", "verify", "part.jsonl"]).await?["first"] == 6);
    ensure!(checked_by_hand(world, "part.jsonl").await?.0 == 0);
    let early: Value = serde_json::from_str(&fs::read_to_string(world.path().join("early.json"))?)?;
    let after = early["seq"].as_u64().context("no entry")?.to_string();
    let part = world.cli(&["audit", "export", "--after", &after]).await?.ended(0, &[]).stdout;
    fs::write(world.path().join("part.jsonl"), part)?;
    let missed = world.cli(&["audit", "verify", "part.jsonl", "--checkpoint", "early.json"]).await?;
    missed.ended(1, &["has no entry", "which the checkpoint names"]);
    Ok(())
}

/// Whoever changes a word is found out by both.
async fn found_out(world: &World) -> anyhow::Result<()> {
    let whole = fs::read_to_string(world.path().join("ledger.jsonl"))?;
    let changed = whole.replacen("operator/admin", "operator/nobody", 1);
    ensure!(changed != whole);
    fs::write(world.path().join("changed.jsonl"), changed)?;
    world.cli(&["audit", "verify", "changed.jsonl"]).await?.ended(1, &["line", "was changed"]);
    let (code, said) = checked_by_hand(world, "changed.jsonl").await?;
    ensure!(code == 1 && said.contains("is not what was written"), "{said}");
    let without: Vec<_> =
        whole.lines().enumerate().filter(|(at, _)| *at != 3).map(|(_, line)| line).collect();
    fs::write(world.path().join("without.jsonl"), without.join("\n"))?;
    world.cli(&["audit", "verify", "without.jsonl"]).await?.ended(1, &["entry 4 is missing"]);
    ensure!(checked_by_hand(world, "without.jsonl").await?.0 == 1);
    fs::write(world.path().join("no.jsonl"), "{\"seq\": 1}\n")?;
    world.cli(&["audit", "verify", "no.jsonl"]).await?.ended(1, &["line 1", "is not an entry"]);
    Ok(())
}

/// A note that was changed is not believed, and an old copy of the ledger does not have what a note names.
async fn noted(world: &mut World) -> anyhow::Result<()> {
    let note = world.json(&["audit", "checkpoint"]).await?;
    fs::write(world.path().join("note.json"), note.to_string())?;
    let forged = note.to_string().replacen("\"acceptances\":0", "\"acceptances\":1", 1);
    fs::write(world.path().join("forged.json"), forged)?;
    let refused = world.cli(&["audit", "verify", "--checkpoint", "forged.json"]).await?;
    refused.ended(2, &["is not a checkpoint that can be believed", "its signature is not that of"]);
    world.cli(&["audit", "verify", "--checkpoint", "note.json"]).await?.ended(0, &[]);
    let stopped = world.controller()?.terminate(PATIENCE).await?;
    ensure!(stopped.success(), "{stopped}");
    let file = world.controller_home().join("ledger.db");
    let copy = fs::read(&file)?;
    world.start_controller().await?;
    world.add_operator("vera", &["viewer", "--env", "staging"]).await?;
    // The record is of every environment, and she sees one.
    let refused = world.cli_as("vera", &["audit", "list"]).await?;
    refused.ended(3, &["it needs the role viewer in every environment"]);
    world.cli(&["audit", "checkpoint", "--output-file", "late.json"]).await?.ended(0, &[]);
    world.cli(&["audit", "verify", "--checkpoint", "late.json"]).await?.ended(0, &[]);
    let stopped = world.controller()?.terminate(PATIENCE).await?;
    ensure!(stopped.success(), "{stopped}");
    fs::write(&file, copy)?;
    world.start_controller().await?;
    world.cli(&["audit", "verify", "--checkpoint", "note.json"]).await?.ended(0, &[]);
    let lost = world.cli(&["audit", "verify", "--checkpoint", "late.json"]).await?;
    lost.ended(1, &["the ledger is not sound", "it ends before entry"]);
    Ok(())
}
