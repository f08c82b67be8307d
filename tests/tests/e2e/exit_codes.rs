//! The exit codes that scripts rely on, each from the real program, and errors as JSON.

use anyhow::Context as _;
use pgbelay_tests::world::{PATIENCE, Ran, World};
use serde_json::Value;

use crate::samples::{ONE, TWO};

/// The error of a command that was run with `--output json`.
fn error_of(ran: &Ran) -> anyhow::Result<Value> {
    let error: Value = serde_json::from_str(&ran.stderr).with_context(|| format!("not JSON: {ran:?}"))?;
    Ok(error["error"].clone())
}

/// Runs a command twice, for people and for programs: the same code, and an error of that kind.
async fn ends(world: &World, args: &[&str], code: i32, kind: &str) -> anyhow::Result<()> {
    world.cli(args).await?.ended(code, &[]);
    let ran = world.cli(&[args, &["--output", "json"]].concat()).await?.ended(code, &[]);
    let error = error_of(&ran)?;
    assert_eq!(error["kind"], kind, "{error}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
    assert!(error["next_step"].as_str().is_some_and(|step| !step.is_empty()), "no next step: {error}");
    Ok(())
}

#[tokio::test]
async fn done_failed_usage_refused_and_not_reachable() -> anyhow::Result<()> {
    let mut world = World::start(&[("a", "staging"), ("b", "production")]).await?;
    world.cli(&["--help"]).await?.ended(0, &[]);
    for args in [
        &["migrate", "--env"][..],
        &["frobnicate"],
        &["status", "--env", "nowhere"],
        &["status", "nobody"],
        &["plan", "--env", "staging", "--migrations", "nowhere"],
        &["rollout", "show", "r99"],
        &["approve", "p0"],
    ] {
        ends(&world, args, 2, "usage").await?;
    }
    world.write_migrations(&[ONE[0], ("002_fails.sql", "INSERT INTO one VALUES (1), (1);")])?;
    let fails = ["migrate", "--env", "staging"];
    ends(&world, &fails, 1, "failed").await?;
    assert_eq!(world.applied("a").await?, ["001"], "what was done before the failure stays done");
    ends(&world, &["promote", "staging", "production"], 3, "refused").await?;
    ends(&world, &["migrate", "--env", "production"], 3, "refused").await?;
    world.add_operator("vera", &["viewer"]).await?;
    let ran = world.cli_as("vera", &["migrate", "--env", "staging", "--output", "json"]).await?.ended(3, &[]);
    assert_eq!(error_of(&ran)?["kind"], "not-allowed");
    world.write_migrations(&TWO)?;
    world.cli(&["migrate", "--env", "staging"]).await?.ended(0, &[]);
    world.kill_controller()?;
    for args in [&["status"][..], &fails, &["rollout", "list"]] {
        ends(&world, args, 7, "unreachable").await?;
    }
    Ok(())
}

#[tokio::test]
async fn waits_for_approval() -> anyhow::Result<()> {
    let policy = "environments:\n  - name: staging\n    approvals: 2\n";
    let world = World::builder().databases(&[("one", "staging")]).policy(policy).start().await?;
    world.write_migrations(&ONE)?;
    ends(&world, &["migrate", "--env", "staging"], 4, "approval").await?;
    assert_eq!(world.applied("one").await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn unknown_while_it_stands_still_and_interrupted() -> anyhow::Result<()> {
    let policy = "environments:\n  - name: staging\n    max_parallel: 1\n";
    let databases = [("one", "staging"), ("two", "staging")];
    let world = World::builder().databases(&databases).policy(policy).start().await?;
    world.write_migrations(&ONE)?;
    world.cli(&["migrate", "--env", "staging"]).await?.ended(0, &[]);
    world.write_migrations(&[ONE[0], ("002_more.sql", "ALTER TABLE one ADD COLUMN note text;")])?;
    let mut client = world.connect("one").await?;
    let holder = client.transaction().await?;
    holder.batch_execute("LOCK TABLE one IN ROW EXCLUSIVE MODE").await?;
    let mut migrating = world.spawn_cli(&["migrate", "--env", "staging", "--force"], "interrupted")?;
    let running = |view: &Value| view["targets"][0]["state"] == "running";
    world.rollout_until("r2", "the migration waits", running).await?;
    migrating.signal("INT")?;
    assert_eq!(migrating.wait(PATIENCE).await?.code(), Some(130), "{}", migrating.log_tail());
    assert!(migrating.log_tail().contains("rollout r2 goes on"), "{}", migrating.log_tail());
    world.cli(&["rollout", "pause", "r2"]).await?.ended(0, &[]);
    // What is at work comes to its end, and only then does it stand still.
    holder.rollback().await?;
    ends(&world, &["rollout", "watch", "r2", "--timeout", "1s"], 5, "unknown").await?;
    assert_eq!((world.applied("one").await?.len(), world.applied("two").await?.len()), (2, 1));
    world.cli(&["rollout", "resume", "r2"]).await?.ended(0, &[]);
    world.cli(&["rollout", "watch", "r2"]).await?.ended(0, &[]);
    for database in ["one", "two"] {
        assert_eq!(world.applied(database).await?, ["001", "002"], "{database}");
    }
    Ok(())
}
