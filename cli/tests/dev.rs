//! `pgbelay dev` from outside: real fleets, their commands, and that nothing survives them.
//!
//! The controller's and the agent's programs must be beside `pgbelay`: `cargo build --workspace --bins` first.

#[path = "dev/world.rs"]
mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use world::{Dev, SOON, is_there, signal, until};

/// The sample migrations of the repository.
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");

#[test]
fn a_command_finds_the_fleet_and_its_exit_code_is_the_answer() -> anyhow::Result<()> {
    let script = "pgbelay status --output json; echo \"$PGBELAY_DEV_DIR\" >&2; exit 9";
    let ended = Dev::new().args(["--databases", "staging=1,production=2"]).command(script).output()?;
    ensure!(ended.code == Some(9), "{ended:?}");
    // Standard output is the command's alone.
    let status: serde_json::Value =
        serde_json::from_str(&ended.stdout).with_context(|| format!("{ended:?}"))?;
    let databases = status["databases"].as_array().context("no databases")?;
    let mut seen: Vec<_> = databases
        .iter()
        .map(|d| (d["name"].as_str(), d["environment"].as_str(), d["connected"].as_bool()))
        .collect();
    seen.sort_unstable();
    let there = |name, environment| (Some(name), Some(environment), Some(true));
    let expected = [
        there("production-1", "production"),
        there("production-2", "production"),
        there("staging-1", "staging"),
    ];
    assert_eq!(seen, expected);
    let dir = ended.stderr.lines().find(|line| line.starts_with('/')).context("no PGBELAY_DEV_DIR")?;
    assert!(!Path::new(dir).exists(), "{dir} is still there");
    Ok(())
}

#[test]
fn the_users_own_settings_lead_nobody_astray() -> anyhow::Result<()> {
    let mut dev = Dev::new();
    let elsewhere = [
        ("MCP_DB_HOST", "db.invalid"),
        ("MCP_DB_PORT", "1"),
        ("PGBELAY_CONTEXT", "production"),
        ("PGBELAY_CONFIG", "/nonexistent"),
        ("PGBELAY_CREDENTIALS", "/nonexistent"),
        ("PGHOST", "db.invalid"),
        ("PGSERVICE", "production"),
        ("PGDATABASE", "production"),
    ];
    dev.envs(elsewhere);
    let script = "pgbelay status >&2 && psql -d staging_1 -Atc 'SELECT current_database()'";
    let ended = dev.command(script).output()?;
    ensure!(ended.code == Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "staging_1\n");
    Ok(())
}

#[test]
fn a_command_that_is_not_there_or_is_killed_is_reported_as_a_shell_would() -> anyhow::Result<()> {
    let dir = tempfile::tempdir_in("/tmp")?;
    // PostgreSQL's account must be able to pass.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o711))?;
    let mut absent = Dev::new();
    absent.args(["--dir"]).args([dir.path().join("fleet")]).args(["--", "/nonexistent/command"]);
    let ended = absent.output()?;
    ensure!(ended.code == Some(127), "{ended:?}");
    assert!(ended.stderr.contains("cannot run /nonexistent/command"), "{ended:?}");
    let killed = Dev::new().command("kill -KILL $$").output()?;
    ensure!(killed.code == Some(137), "{killed:?}");

    // What it wrote is kept, and nobody is invited to mix it with another fleet.
    assert!(dir.path().join("fleet/logs/controller.log").exists());
    let again = Dev::new().args(["--dir"]).args([dir.path().join("fleet")]).output()?;
    ensure!(again.code == Some(2), "{again:?}");
    assert!(again.stderr.contains("is not empty"), "{again:?}");
    Ok(())
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_starts() -> anyhow::Result<()> {
    let elsewhere = tempfile::tempdir()?;
    for (args, said) in [
        (&["--databases", "staging"] as &[&str], "\"staging\" is not ENVIRONMENT=NUMBER"),
        (&["--databases", "staging=0"], "from 1 to 200"),
        (&["--databases", "=1"], "an environment name must be"),
        (&["--databases", "a=1,a=1"], "stands twice"),
        (&["--databases", "a=150,b=51"], "201 databases are too many"),
        (&["--example", "--databases", "staging=2"], "name at least two with --databases"),
        (&["--example"], "there are no migrations in migrations"),
        (&["--migrations", "x"], "--example"),
    ] {
        let ended = Dev::new().directory(elsewhere.path()).args(args).output()?;
        ensure!(ended.code == Some(2), "{args:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{args:?}: {ended:?}");
        assert!(!ended.stderr.contains("making a throwaway fleet"), "{args:?}: {ended:?}");
    }
    Ok(())
}

#[test]
fn being_asked_to_end_ends_everything() -> anyhow::Result<()> {
    for name in ["INT", "TERM", "HUP"] {
        let mut running = Dev::new().start("Ctrl-C here ends everything")?;
        let pids = running.pids()?;
        // PostgreSQL, the controller, two agents.
        ensure!(pids.len() == 4 && pids.iter().all(|pid| is_there(*pid)), "{pids:?}");
        signal(name, running.pid())?;
        let ended = running.wait()?;
        ensure!(ended.code == Some(0), "{name}: {ended:?}");
        assert!(pids.iter().all(|pid| !is_there(*pid)), "{name}: {pids:?}");
    }
    Ok(())
}

#[test]
fn being_asked_to_end_ends_the_command_first() -> anyhow::Result<()> {
    let script = "trap 'echo told; exit 5' TERM; echo running; while :; do sleep 0.1; done";
    let mut dev = Dev::new();
    let mut running = dev.command(script).start("running")?;
    let pids = running.pids()?;
    signal("TERM", running.pid())?;
    let ended = running.wait()?;
    ensure!(ended.code == Some(5) && ended.stdout.ends_with("told\n"), "{ended:?}");
    assert!(pids.iter().all(|pid| !is_there(*pid)), "{pids:?}");
    Ok(())
}

#[test]
fn being_killed_leaves_nothing_behind() -> anyhow::Result<()> {
    let mut dev = Dev::new();
    let mut running = dev.command("echo running; sleep 600 & sleep 600; :").start("running")?;
    // And the command, which says that it runs before it is written down.
    until("all pids to be known", || running.pids().is_ok_and(|pids| pids.len() == 5))?;
    let pids = running.pids()?;
    ensure!(pids.len() == 5 && pids.iter().all(|pid| is_there(*pid)), "{pids:?}");
    signal("KILL", running.pid())?;
    running.wait()?;
    until("all processes to end", || pids.iter().all(|pid| !is_there(*pid)))?;
    until("the directory to go", || !running.home().exists())
}

#[test]
fn a_killed_agent_and_a_killed_controller_come_back() -> anyhow::Result<()> {
    let script = "echo running; while ! [ -e \"$PGBELAY_DEV_DIR/go\" ]; do sleep 0.1; done\n\
        for n in $(seq 600); do\n\
            pgbelay status --output json | grep -q '\"connected\": *false' || \
            { pgbelay status --output json && exit 0; }; sleep 0.1\n\
        done; exit 1";
    let mut dev = Dev::new();
    let mut running = dev.command(script).start("running")?;
    for part in ["staging-1/agent.yaml", "pgbelay-controller\0run"] {
        let find = |running: &world::Running| {
            let pids = running.pids().unwrap_or_default();
            pids.into_iter().find(|pid| world::command_line(*pid).contains(part))
        };
        let before = find(&running).context("it does not run")?;
        signal("KILL", before)?;
        until("it to be started again", || find(&running).is_some_and(|pid| pid != before))?;
    }
    fs::write(running.home().join("go"), "")?;
    let ended = running.wait()?;
    ensure!(ended.code == Some(0), "{ended:?}");
    for name in ["agent staging-1", "controller"] {
        let said = format!("{name} ended unexpectedly with signal: 9 (SIGKILL); starting it again");
        assert!(ended.stderr.contains(&said), "{ended:?}");
    }
    assert_eq!(ended.stdout.matches("\"connected\":").count(), 2, "{ended:?}");
    Ok(())
}

#[test]
fn a_dead_server_is_told_and_ends_the_fleet() -> anyhow::Result<()> {
    let mut running = Dev::new().start("Ctrl-C here ends everything")?;
    let postmaster =
        running.pids()?.into_iter().find(|pid| world::command_line(*pid).contains("postgres\0-D"));
    signal("KILL", postmaster.context("PostgreSQL does not run")?)?;
    let ended = running.wait()?;
    ensure!(ended.code == Some(1), "{ended:?}");
    assert!(ended.stderr.contains("PostgreSQL ended unexpectedly with signal: 9"), "{ended:?}");
    assert!(ended.stderr.contains("database system is ready"), "the log is missing: {ended:?}");
    Ok(())
}

#[test]
fn the_example_walks_from_plan_to_rollback() -> anyhow::Result<()> {
    let ended = Dev::new().args(["--example", "--migrations", MIGRATIONS]).deadline(SOON * 5).output()?;
    ensure!(ended.code == Some(0), "{ended:?}");
    for step in 1..=10 {
        assert!(ended.stdout.contains(&format!("[{step}/10] ")), "{ended:?}");
    }
    assert!(ended.stdout.contains("$ pgbelay promote staging production --force"), "{ended:?}");
    assert!(ended.stdout.contains("the fleet has ended after"), "{ended:?}");
    Ok(())
}

#[test]
fn an_example_that_fails_stops_there() -> anyhow::Result<()> {
    let migrations = tempfile::tempdir()?;
    fs::write(migrations.path().join("001_broken.sql"), "CREATE TABLE t (")?;
    let mut dev = Dev::new();
    dev.args(["--example", "--migrations"]).args([migrations.path()]);
    let ended = dev.output()?;
    ensure!(!matches!(ended.code, Some(0) | None), "{ended:?}");
    assert!(ended.stdout.contains("[2/10] ") && !ended.stdout.contains("[3/10] "), "{ended:?}");
    assert!(ended.stderr.contains("the command above ended with exit code"), "{ended:?}");
    Ok(())
}
