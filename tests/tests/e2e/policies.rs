//! A policy from its file to the ledger and back, as a person does it.

use std::fs;

use anyhow::ensure;
use pgbelay_tests::world::World;

use crate::samples::ONE;

const NOW: &str = "environments:\n  - name: staging\n    approvals: 1\n";
const NEXT: &str = "environments:\n  - name: staging\n    max_parallel: 2\n";

#[tokio::test]
async fn a_policy_is_checked_compared_applied_and_looked_back_at() -> anyhow::Result<()> {
    let world = World::builder().databases(&[("one", "staging")]).policy(NOW).start().await?;
    world.write_migrations(&ONE)?;
    world.cli(&["plan", "--env", "staging"]).await?.ended(0, &[]);
    let versions = world.json(&["policy", "history"]).await?;
    let before = versions["policies"][0]["version"].as_u64().unwrap_or_default().to_string();

    let file = world.path().join("next.yaml");
    fs::write(&file, "environments:\n  - name: staging\n    max_paralel: 2\n    rollback_window: soon\n")?;
    let path = file.display().to_string();
    let checked = world.cli(&["policy", "check", &path]).await?.ended(2, &[]);
    for words in
        ["next.yaml:3:5: staging: there is no key max_paralel; did you mean max_parallel?", "next.yaml:4:22"]
    {
        ensure!(checked.stdout.contains(words), "{words} is not in\n{}", checked.stdout);
    }
    for command in ["diff", "apply"] {
        world
            .cli(&["policy", command, &path])
            .await?
            .ended(2, &["2 mistakes", "next.yaml:3:5", "nothing was sent"]);
    }

    fs::write(&file, NEXT)?;
    world.cli(&["policy", "check", &path]).await?.ended(0, &[]);
    let diff = world.cli(&["policy", "diff", &path]).await?.ended(6, &[]);
    for words in [
        "loosens environments.staging.approvals: 1 -> 0",
        "tightens environments.staging.max_parallel: 4 -> 2",
        "Makes 1 plan stale",
        "waits for approval",
    ] {
        let said = diff.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(said.contains(words), "{words} is not in\n{}", diff.stdout);
    }
    world.cli(&["policy", "apply", &path]).await?.ended(0, &[]);
    world.cli(&["policy", "diff", &path]).await?.ended(0, &[]);
    world.cli(&["policy", "diff", "--to", &before]).await?.ended(6, &[]);

    // What was shown of before can be applied again, and is what it was.
    let shown = world.cli(&["policy", "show", "--version", &before]).await?.ended(0, &[]);
    fs::write(&file, &shown.stdout)?;
    world.cli(&["policy", "diff", &path, "--version", &before]).await?.ended(0, &[]);
    world.cli(&["policy", "apply", &path]).await?.ended(0, &[]);
    let after = world.json(&["policy", "history"]).await?;
    let line = &after["policies"][0];
    ensure!(line["changed"] == 2 && line["loosened"] == 1 && line["tightened"] == 1, "{after:#}");
    ensure!(line["by"] == "operator/admin", "{after:#}");
    world.cli(&["policy", "show", "--version", "99"]).await?.ended(2, &["no policy version 99"]);
    Ok(())
}
