//! Backups: which there are, and whether they are still whole.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use pgbelay_tests::world::{Ran, World};
use serde_json::Value;

async fn with_a_backup() -> anyhow::Result<(World, Value)> {
    let world = World::start(&[("orders", "staging"), ("other", "production")]).await?;
    let dir = world.write_migrations(&[("001_a.sql", "CREATE TABLE a (id int);\n")])?;
    let dir = dir.to_string_lossy();
    let rollout = world.json(&["migrate", "--env", "staging", "--migrations", &dir, "--force"]).await?;
    ensure!(rollout["state"] == "succeeded", "{rollout}");
    let list = world.json(&["backup", "list"]).await?;
    let [entry] = list["backups"].as_array().context("no list")?.as_slice() else {
        anyhow::bail!("not one backup: {list}")
    };
    Ok((world, entry.clone()))
}

fn says(ran: &Ran, words: &[&str]) -> anyhow::Result<()> {
    ensure!(words.iter().all(|words| ran.stdout.contains(words)), "not all of {words:?}: {}", ran.stdout);
    Ok(())
}

fn id(entry: &Value) -> &str {
    entry["id"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_backup_is_listed_and_read_again() -> anyhow::Result<()> {
    let (world, entry) = with_a_backup().await?;
    for key in ["id", "created_at", "location", "sha256", "window_until"] {
        ensure!(entry[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {entry}");
    }
    ensure!(entry["database"] == "orders" && entry["environment"] == "staging", "{entry}");
    ensure!(
        entry["method"] == "full" && entry["complete"] == true && entry["verified_at"].is_null(),
        "{entry}"
    );
    let location = PathBuf::from(entry["location"].as_str().context("no place")?);
    ensure!(location.ends_with(id(&entry)) && entry["bytes"].as_u64() > Some(0), "{entry}");
    says(
        &world.cli(&["backup", "list", "--env", "staging"]).await?.ended(0, &[]),
        &[id(&entry), "when made"],
    )?;
    let none = world.json(&["backup", "list", "--env", "production"]).await?;
    ensure!(none["backups"] == Value::Array(Vec::new()), "{none}");

    let verified = world.json(&["backup", "verify", id(&entry)]).await?;
    ensure!(verified["complete"] == true && verified["verified_at"].is_string(), "{verified}");
    let listed = world.json(&["backup", "list", "--database", "orders"]).await?;
    ensure!(listed["backups"][0]["verified_at"] == verified["verified_at"], "{listed}");
    Ok(())
}

#[tokio::test]
async fn a_backup_that_is_not_whole_any_more_is_told() -> anyhow::Result<()> {
    let (mut world, entry) = with_a_backup().await?;
    let toc = Path::new(entry["location"].as_str().context("no place")?).join("dump/toc.dat");
    let whole = fs::read(&toc)?;
    let mut changed = whole.clone();
    changed[100] ^= 1;
    fs::write(&toc, &changed)?;
    let told = world.cli(&["backup", "verify", id(&entry)]).await?.ended(1, &[]);
    says(&told, &["NOT whole", "dump/toc.dat was changed"])?;
    let list = world.json(&["backup", "list"]).await?;
    ensure!(list["backups"][0]["complete"] == false, "{list}");
    ensure!(
        list["backups"][0]["problems"][0] == "dump/toc.dat was changed: its digest is another one",
        "{list}"
    );

    // What was written down is still known after the controller was away, and what is mended is whole again.
    world.kill_controller()?;
    world.start_controller().await?;
    let list = world.json(&["backup", "list"]).await?;
    ensure!(list["backups"][0]["complete"] == false, "{list}");
    world.all_connected().await?;
    fs::write(&toc, &whole)?;
    let told = world.cli(&["backup", "verify", id(&entry), "--database", "orders"]).await?;
    says(&told.ended(0, &[]), &["is whole"])
}

#[tokio::test]
async fn what_cannot_be_verified_is_told() -> anyhow::Result<()> {
    let (mut world, entry) = with_a_backup().await?;
    world.cli(&["backup", "verify", "no-such"]).await?.ended(2, &["no backup called no-such"]);
    world.cli(&["backup", "list", "--env", "nowhere"]).await?.ended(2, &["nowhere"]);
    world.add_operator("eve", &["viewer"]).await?;
    world.cli_as("eve", &["backup", "verify", id(&entry)]).await?.ended(3, &["operator"]);
    world.cli_as("eve", &["backup", "list"]).await?.ended(0, &[]);
    world.kill_agent("orders")?;
    let told = world.cli(&["backup", "verify", id(&entry)]).await?;
    ensure!(told.code != 0 && told.stderr.contains("could not be read again"), "{told:?}");
    let list = world.json(&["backup", "list"]).await?;
    ensure!(list["backups"][0]["complete"] == true, "nothing was found out: {list}");
    Ok(())
}

#[tokio::test]
async fn each_migration_has_a_backup_of_its_own_where_policy_says_so() -> anyhow::Result<()> {
    let policy = "environments:\n  - name: staging\n    backup: { each: migration, rate_limit: 50MB }\n";
    let world = World::builder().databases(&[("orders", "staging")]).policy(policy).start().await?;
    let migrations =
        [("001_a.sql", "CREATE TABLE a (id int);\n"), ("002_b.sql", "CREATE TABLE b (id int);\n")];
    let dir = world.write_migrations(&migrations)?;
    let dir = dir.to_string_lossy();
    let plan = world.cli(&["plan", "--env", "staging", "--migrations", &dir]).await?.ended(0, &[]);
    says(&plan, &["before each migration", "50MB per second"])?;
    let rollout = world.json(&["migrate", "--env", "staging", "--migrations", &dir, "--force"]).await?;
    ensure!(rollout["state"] == "succeeded", "{rollout}");
    let backups = rollout["targets"][0]["backups"].as_array().context("no backups")?;
    let paths: Vec<_> = backups.iter().filter_map(|backup| backup["path"].as_str()).collect();
    ensure!(paths.len() == 2 && paths[0] != paths[1], "{rollout}");
    let client = world.connect("orders").await?;
    let rows =
        client.query("SELECT backup_path FROM pgbelay.migration_records ORDER BY version", &[]).await?;
    let recorded: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    ensure!(recorded == paths, "{recorded:?} {paths:?}");
    // The second one knows the first migration.
    let manifest: Value = serde_json::from_slice(&fs::read(Path::new(paths[1]).join("manifest.json"))?)?;
    ensure!(manifest["applied"] == serde_json::json!(["001"]), "{manifest}");

    let wrong = "environments:\n  - name: staging\n    backup: { method: restore_point, rate_limit: 1kB }\n";
    let refused = world.apply_policy(wrong).await.expect_err("it was taken").to_string();
    for words in ["backup.rate_limit must be 100kB or more", "left out with a method that writes no rows"] {
        ensure!(refused.contains(words), "{refused}");
    }
    let unknown = "environments:\n  - name: staging\n    backup: { methode: full }\n";
    let refused = world.apply_policy(unknown).await.expect_err("it was taken").to_string();
    ensure!(refused.contains("methode"), "{refused}");
    Ok(())
}
