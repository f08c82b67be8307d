//! The whole path with the project's own migrations, and what belongs to it: approvals, dry runs, partly applied
//! fleets, rollouts that are watched.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use pgbelay_core::digest::Digest;
use pgbelay_tests::wait;
use pgbelay_tests::world::{PATIENCE, World};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::samples::{ONE, THREE, TWO};

/// The project's own migrations.
fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations")
}

/// The versions that a plan's or a rollout's steps have, in their order.
fn versions(steps: &Value) -> Vec<&str> {
    steps.as_array().into_iter().flatten().filter_map(|step| step["version"].as_str()).collect()
}

/// The first five of the project's own migrations, copied to the test's directory.
fn first_five(world: &World) -> anyhow::Result<String> {
    let to = world.path().join("first");
    for below in ["", "rollback"] {
        fs::create_dir_all(to.join(below))?;
        for entry in fs::read_dir(samples().join(below))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".sql") && *name < *"006" {
                fs::copy(samples().join(below).join(&name), to.join(below).join(&name))?;
            }
        }
    }
    Ok(to.to_string_lossy().into_owned())
}

/// A backup is a directory with a manifest that has the digest which was reported, parts of which the manifest has those,
/// and a dump that can be read.
async fn check_backup(world: &World, target: &Value) -> anyhow::Result<()> {
    let backup = &target["backup"];
    let directory = PathBuf::from(backup["path"].as_str().context("no path")?);
    let text = fs::read(directory.join("manifest.json"))?;
    assert_eq!(backup["sha256"], Digest::of(&text).to_string(), "{}", directory.display());
    let manifest: Value = serde_json::from_slice(&text)?;
    let mut bytes = 0;
    for part in manifest["parts"].as_array().context("no parts")? {
        let file = fs::read(directory.join(part["name"].as_str().context("no name")?))?;
        assert_eq!(part["sha256"], Digest::of(&file).to_string(), "{part}");
        bytes += file.len();
    }
    assert_eq!(backup["bytes"], bytes, "{}", directory.display());
    let mut listed = Command::new(world.cluster.programs().join("pg_restore"));
    let listed = listed.arg("--list").arg(directory.join("dump")).output().await?;
    ensure!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    Ok(())
}

#[tokio::test]
async fn a_release_goes_from_staging_to_production_and_back() -> anyhow::Result<()> {
    let world = World::start(&[("staging-1", "staging"), ("production-1", "production")]).await?;
    let (first, all) = (first_five(&world)?, samples().to_string_lossy().into_owned());
    plan_of_everything(&world, &all).await?;
    for args in [
        &["migrate", "--env", "staging", "--migrations", &first, "--force"][..],
        &["promote", "staging", "production", "--force"],
    ] {
        assert_eq!(world.json(args).await?["state"], "succeeded");
    }
    let at_five = world.cluster.dump_schema("production_1").await?;
    migrate_staging(&world, &all).await?;
    promote(&world).await?;
    let at_twelve = world.cluster.dump_schema("production_1").await?;
    rollback_tried(&world).await?;
    rollback(&world).await?;
    assert_eq!(world.cluster.dump_schema("production_1").await?, at_five, "the schema of before");
    let again = world.json(&["promote", "staging", "production", "--force"]).await?;
    assert_eq!(again["state"], "succeeded");
    assert_eq!(world.cluster.dump_schema("production_1").await?, at_twelve, "and forward again");
    assert_eq!(world.status_of("production-1").await?["version"], "012");
    Ok(())
}

async fn plan_of_everything(world: &World, migrations: &str) -> anyhow::Result<()> {
    let plan = world.json(&["plan", "--env", "staging", "--migrations", migrations]).await?;
    for key in ["id", "digest", "environment", "release", "risk", "groups", "approvals_needed"] {
        assert!(plan.get(key).is_some(), "no {key} in {plan}");
    }
    assert_eq!(plan["environment"], "staging");
    assert_eq!(plan["risk"], "high");
    assert_eq!(plan["approvals_needed"], 0);
    assert_eq!(plan["groups"].as_array().map(Vec::len), Some(1));
    let group = &plan["groups"][0];
    assert_eq!(group["databases"], json!(["staging-1"]));
    let expected: Vec<String> = (1..=12).map(|n| format!("{n:03}")).collect();
    assert_eq!(versions(&group["steps"]), expected);
    let step = |at: usize| &group["steps"][at];
    assert_eq!(step(0)["name"], "create_enhanced_tasks_table");
    assert_eq!((&step(0)["direction"], &step(0)["has_rollback"]), (&json!("up"), &json!(true)));
    assert_eq!(step(2)["has_rollback"], false, "003 has no way back");
    // It drops a column.
    assert_eq!(step(10)["risk"], "high");
    assert!(step(10)["reasons"].to_string().contains("assigned_to"), "{}", step(10));
    assert!(group["steps"].as_array().is_some_and(|steps| steps.iter().all(|s| s["reasons"].is_array())));
    assert_eq!(world.rollouts().await?, Vec::<String>::new());
    assert_eq!(world.applied("staging-1").await?, Vec::<String>::new());
    Ok(())
}

async fn migrate_staging(world: &World, migrations: &str) -> anyhow::Result<()> {
    let args = ["migrate", "--env", "staging", "--migrations", migrations];
    let rollout = world.json(&[&args[..], &["--force"]].concat()).await?;
    assert_eq!((&rollout["state"], &rollout["confirmation"]), (&json!("succeeded"), &json!("forced")));
    let target = &rollout["targets"][0];
    assert_eq!((&target["database"], &target["state"]), (&json!("staging-1"), &json!("done")));
    assert_eq!(versions(&target["steps"]), ["006", "007", "008", "009", "010", "011", "012"]);
    assert_eq!(target["error"], Value::Null);
    check_backup(world, target).await?;
    let staging = world.status_of("staging-1").await?;
    for (key, value) in [
        ("environment", json!("staging")),
        ("version", json!("012")),
        ("applied", json!(12)),
        ("pending", json!(0)),
        ("health", json!("ok")),
        ("connected", json!(true)),
    ] {
        assert_eq!(staging[key], value, "{key} of {staging}");
    }
    assert_eq!(staging["window"]["state"], "open");
    let production = world.status_of("production-1").await?;
    assert_eq!((&production["version"], &production["pending"]), (&json!("005"), &json!(7)));
    // What is done is not done again.
    let before = world.standing().await?;
    world.cli(&args).await?.ended(0, &[]);
    let after = world.standing().await?;
    assert_eq!((after.schemas, after.records), (before.schemas, before.records));
    Ok(())
}

async fn promote(world: &World) -> anyhow::Result<()> {
    let ran = world.cli(&["promote", "staging", "production"]).await?;
    ran.ended(3, &["was not confirmed", "no terminal", "--force"]);
    assert_eq!(world.applied("production-1").await?.len(), 5);
    let rollout = world.json(&["promote", "staging", "production", "--force"]).await?;
    assert_eq!((&rollout["state"], &rollout["environment"]), (&json!("succeeded"), &json!("production")));
    check_backup(world, &rollout["targets"][0]).await?;
    assert_eq!(world.applied("production-1").await?, world.applied("staging-1").await?);
    let history = world.json(&["history"]).await?;
    let entries = history["entries"].as_array().context("no entries")?;
    // Five and seven, in two environments.
    assert_eq!(entries.len(), 24);
    assert_eq!((&entries[0]["environment"], &entries[0]["version"]), (&json!("production"), &json!("012")));
    assert!(entries.iter().all(|e| e["by"] == "admin" && e["state"] == "done" && e["direction"] == "up"));
    Ok(())
}

async fn rollback_tried(world: &World) -> anyhow::Result<()> {
    world.connect("production-1").await?.batch_execute("INSERT INTO tasks (title) VALUES ('one')").await?;
    let before = world.standing().await?;
    let args = ["rollback", "--env", "production", "--target", "005", "--dry-run"];
    let ran = world.cli(&args).await?.ended(0, &[]);
    assert!(ran.stdout.contains("task_audit"), "what would be lost is named: {}", ran.stdout);
    assert_eq!(world.standing().await?, before, "a dry run changes nothing");
    Ok(())
}

async fn rollback(world: &World) -> anyhow::Result<()> {
    let args = ["rollback", "--env", "production", "--target", "005"];
    world.cli(&args).await?.ended(3, &["was not confirmed", "--force"]);
    let rollout = world.json(&[&args[..], &["--force"]].concat()).await?;
    assert_eq!((&rollout["state"], &rollout["direction"]), (&json!("succeeded"), &json!("down")));
    let target = &rollout["targets"][0];
    assert_eq!(versions(&target["steps"]), ["012", "011", "010", "009", "008", "007", "006"]);
    check_backup(world, target).await?;
    let production = world.status_of("production-1").await?;
    assert_eq!((&production["version"], &production["applied"]), (&json!("005"), &json!(5)));
    assert_eq!((&production["pending"], &production["health"]), (&json!(7), &json!("ok")));
    assert_eq!(world.status_of("staging-1").await?["version"], "012", "staging stays where it is");
    let history = world.json(&["history", "--env", "production"]).await?;
    assert_eq!(
        (&history["entries"][0]["direction"], &history["entries"][0]["version"]),
        (&json!("down"), &json!("006"))
    );
    let client = world.connect("production-1").await?;
    let rolled_back = "SELECT count(*) FROM pgbelay.migration_records WHERE rolled_back_at IS NOT NULL";
    assert_eq!(client.query_one(rolled_back, &[]).await?.get::<_, i64>(0), 7, "the records stay, marked");
    assert_eq!(client.query_one("SELECT title FROM tasks", &[]).await?.get::<_, String>(0), "one");
    Ok(())
}

#[tokio::test]
async fn a_plan_waits_for_the_approval_of_somebody_else() -> anyhow::Result<()> {
    let policy = "environments:\n  - name: staging\n    approvals: 1\n";
    let world = World::builder().databases(&[("one", "staging")]).policy(policy).start().await?;
    world.write_migrations(&ONE)?;
    world.add_operator("bob", &["approver"]).await?;
    let before = world.standing().await?;
    let plan = world.json(&["plan", "--env", "staging"]).await?;
    assert_eq!(plan["approvals_needed"], 1);
    let id = plan["id"].as_str().context("no id")?;
    let migrate = ["migrate", "--env", "staging", "--plan", id];
    world.cli(&migrate).await?.ended(4, &["waits for approval", "0 of 1", &format!("pgbelay approve {id}")]);
    // The same plan by another name: nothing that it binds has changed.
    world.cli(&["migrate", "--env", "staging"]).await?.ended(4, &[id, "waits for approval"]);
    world
        .cli(&["approve", id])
        .await?
        .ended(3, &["nobody approves a plan of their own", "ask somebody else"]);
    assert_eq!(world.standing().await?, before);
    world.cli_as("bob", &["approve", id]).await?.ended(0, &[]);
    // Who approves does not run it.
    world
        .cli_as("bob", &migrate)
        .await?
        .ended(3, &["operator/bob may not do this", "it needs the role operator"]);
    assert_eq!(world.standing().await?, before);
    world.cli(&migrate).await?.ended(0, &[]);
    assert_eq!(world.applied("one").await?, ["001"]);
    // A plan is carried out once.
    world.cli(&migrate).await?.ended(3, &["stale"]);
    Ok(())
}

#[tokio::test]
async fn a_fleet_that_is_partly_migrated_is_rolled_back() -> anyhow::Result<()> {
    let world = World::start(&[("a", "staging"), ("b", "staging")]).await?;
    world.write_migrations(&ONE)?;
    world.json(&["migrate", "--env", "staging"]).await?;
    let at_one = world.standing().await?.schemas;
    let mut files = TWO.to_vec();
    files[1] =
        ("002_two.sql", "ALTER TABLE one ADD COLUMN note text;\nCREATE TABLE two (id int PRIMARY KEY);");
    files[3] = ("rollback/002_rollback.sql", "DROP TABLE two; ALTER TABLE one DROP COLUMN note;");
    world.write_migrations(&files)?;
    // On b the second statement fails, but not before a has gone all the way.
    let mut b = world.connect("b").await?;
    b.batch_execute("CREATE TABLE two ()").await?;
    let holder = b.transaction().await?;
    holder.batch_execute("LOCK TABLE one IN ROW EXCLUSIVE MODE").await?;
    let migrating = world.spawn_cli(&["migrate", "--env", "staging", "--force"], "partly")?;
    wait::until("a has both", PATIENCE, async || Ok(world.applied("a").await? == ["001", "002"])).await?;
    holder.rollback().await?;
    let mut migrating = migrating;
    let ended = migrating.wait(PATIENCE).await?;
    assert_eq!(ended.code(), Some(1), "{}", migrating.log_tail());
    let said = migrating.log_tail();
    assert!(said.contains("already exists") && said.contains("plan again"), "{said}");
    assert_eq!(world.applied("b").await?, ["001"]);
    let b_status = world.status_of("b").await?;
    assert_eq!((&b_status["health"], &b_status["version"]), (&json!("failed"), &json!("001")));
    b.batch_execute("DROP TABLE two").await?;
    let rollout = world.json(&["rollback", "--env", "staging", "--target", "001", "--force"]).await?;
    assert_eq!(rollout["state"], "succeeded");
    let steps_of = |name: &str| {
        let targets = rollout["targets"].as_array().into_iter().flatten();
        targets.filter(|t| t["database"] == name).map(|t| versions(&t["steps"])).collect::<Vec<_>>()
    };
    assert_eq!((steps_of("a"), steps_of("b")), (vec![vec!["002"]], vec![vec![]]));
    assert_eq!(world.standing().await?.schemas, at_one);
    assert_eq!(
        (world.applied("a").await?, world.applied("b").await?),
        (vec!["001".into()], vec!["001".into()])
    );
    Ok(())
}

#[tokio::test]
async fn a_dry_run_leaves_nothing_and_names_what_fails() -> anyhow::Result<()> {
    let world = World::start(&[("one", "staging")]).await?;
    let before = world.standing().await?;
    world.write_migrations(&THREE)?;
    let ran = world.cli(&["migrate", "--env", "staging", "--dry-run"]).await?.ended(0, &[]);
    assert!(["001", "002", "003"].iter().all(|version| ran.stdout.contains(version)), "{}", ran.stdout);
    assert_eq!(world.standing().await?, before);
    let mut files = THREE.to_vec();
    files[1] =
        ("002_two.sql", "-- the first line\nCREATE TABLE two (id int);\nINSERT INTO nowhere VALUES (1);\n");
    world.write_migrations(&files)?;
    let args = ["migrate", "--env", "staging", "--dry-run"];
    let ran = world.cli(&args).await?;
    let ran = ran.ended(1, &["the dry run failed on one", "nothing has changed", "correct the migration"]);
    assert!(ran.stdout.contains("nowhere") && ran.stdout.contains("does not exist"), "{}", ran.stdout);
    let trial = world.cli(&[&args[..], &["--output", "json"]].concat()).await?;
    let trial = trial.json()?;
    assert_eq!(trial["succeeded"], false);
    let error = &trial["databases"][0]["error"];
    assert_eq!((&error["version"], &error["line"]), (&json!("002"), &json!(3)));
    assert_eq!(world.standing().await?, before);
    Ok(())
}

#[tokio::test]
async fn a_rollout_is_listed_shown_and_watched() -> anyhow::Result<()> {
    let world = World::start(&[("one", "staging")]).await?;
    world.write_migrations(&ONE)?;
    world.json(&["migrate", "--env", "staging"]).await?;
    let files = [ONE[0], ("002_more.sql", "ALTER TABLE one ADD COLUMN note text;")];
    world.write_migrations(&files)?;
    let mut client = world.connect("one").await?;
    let holder = client.transaction().await?;
    holder.batch_execute("LOCK TABLE one IN ROW EXCLUSIVE MODE").await?;
    let started = world.json(&["migrate", "--env", "staging", "--force", "--detach"]).await?;
    let id = started["id"].as_str().context("no id")?;
    let waiting = world.rollout_until(id, "it waits for the lock", |view| {
        view["targets"][0]["doing"].as_str().is_some_and(|doing| doing.contains("lock"))
    });
    let view = waiting.await?;
    assert_eq!((&view["state"], &view["targets"][0]["state"]), (&json!("running"), &json!("running")));
    assert!(world.rollouts().await?[0].contains("running"));
    // One rollout at a time for each database.
    world.cli(&["migrate", "--env", "staging", "--force"]).await?.ended(3, &["in the hands of rollout", id]);
    let mut watching = world.spawn_cli(&["rollout", "watch", id], "watch")?;
    assert!(watching.is_running());
    holder.rollback().await?;
    assert_eq!(watching.wait(PATIENCE).await?.code(), Some(0), "{}", watching.log_tail());
    let shown = world.json(&["rollout", "show", id]).await?;
    for key in ["id", "plan", "environment", "state", "targets"] {
        assert!(shown.get(key).is_some(), "no {key} in {shown}");
    }
    let target = &shown["targets"][0];
    assert_eq!((&shown["state"], &target["steps"][0]["state"]), (&json!("succeeded"), &json!("done")));
    assert_eq!(
        world.json(&["rollout", "watch", id]).await?["state"],
        "succeeded",
        "one that is over ends at once"
    );
    Ok(())
}
