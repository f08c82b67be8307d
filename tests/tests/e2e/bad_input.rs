//! Bad input: each gets a clear error with a next step, and loses nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use anyhow::{Context as _, ensure};
use pgbelay_tests::world::{World, run};

use crate::samples::{ONE, THREE, TWO};

const MIGRATE: [&str; 4] = ["migrate", "--env", "staging", "--force"];

/// Everything of the project's `migrations` in one environment is too much for these: a table is enough.
async fn small(files: &[(&str, &str)]) -> anyhow::Result<World> {
    let world = World::start(&[("one", "staging")]).await?;
    world.write_migrations(files)?;
    Ok(world)
}

#[tokio::test]
async fn files_that_are_no_migrations_are_refused_before_anything_is_sent() -> anyhow::Result<()> {
    let world = small(&ONE).await?;
    let before = world.standing().await?;
    let nothing_sent = "correct the files and run the command again; nothing was sent";
    let cases: [(&str, &str, &[&str]); 7] = [
        ("1_again.sql", "SELECT 1;", &["1_again.sql: 001_one.sql has the same version", "another number"]),
        ("002_empty.sql", "", &["002_empty.sql", "the file is empty; delete it"]),
        ("002_comment.sql", "-- later\n", &["002_comment.sql", "no SQL statement"]),
        (
            "002_typo.sql",
            "SELECT 1;\nSELECT 2;\n  CREATE TABEL two ();\n",
            &["002_typo.sql:3:10", "syntax error", "CREATE TABEL two ();", "^"],
        ),
        (
            "002_psql.sql",
            "SELECT 1;\n\\i other.sql\n",
            &["002_psql.sql:2:1", "\\i is a psql command", "only SQL"],
        ),
        (
            "002_commit.sql",
            "CREATE TABLE two ();\nCOMMIT;\nCREATE TABLE three ();\n",
            &["002_commit.sql:2:1", "COMMIT controls the transaction", "remove it"],
        ),
        (
            "rollback/009_rollback.sql",
            "SELECT 1;",
            &["rollback/009_rollback.sql", "no migration with version 009"],
        ),
    ];
    for (file, text, words) in cases {
        world.write_migrations(&[&ONE[..], &[(file, text)]].concat())?;
        for command in [&["plan", "--env", "staging"][..], &MIGRATE] {
            world.cli(command).await?.ended(2, &[words, &[nothing_sent]].concat());
        }
    }
    // All of them at once are all told.
    world.write_migrations(&[("001_a.sql", "SELEC 1;"), ("002_b.sql", "COMMIT;")])?;
    world.cli(&MIGRATE).await?.ended(2, &["2 mistakes", "001_a.sql:1:1", "002_b.sql:1:1"]);
    for (directory, words) in [("nowhere", "there is no directory nowhere"), ("policy.yaml", "policy.yaml")] {
        fs::write(world.path().join("policy.yaml"), "x")?;
        world
            .cli(&["plan", "--env", "staging", "--migrations", directory])
            .await?
            .ended(2, &[words, "--migrations DIR"]);
    }
    assert_eq!(world.standing().await?, before);
    assert_eq!(world.status_of("one").await?["pending"], 0, "no release was pushed");
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_gone_cannot_be_planned_for_until_it_is_back() -> anyhow::Result<()> {
    let mut world = small(&ONE).await?;
    world.cluster.stop_immediate()?;
    let refused = world.cli(&MIGRATE).await?;
    refused.ended(3, &["one: its state is not known", "pgbelay agent list", "plan again"]);
    let row =
        world.status_until("one", "it is seen to be gone", |row| row["health"] == "unreachable").await?;
    let problem = row["problem"].as_str().unwrap_or_default();
    assert!(problem.contains("cannot be reached") && problem.contains("check that it runs"), "{row}");
    world.cluster.start_again().await?;
    // A plan is made from what its agent reads now: nobody has to wait until the agent has noticed by itself.
    assert_eq!(world.rollouts().await?, Vec::<String>::new());
    world.cli(&MIGRATE).await?.ended(0, &[]);
    assert_eq!(world.applied("one").await?, ["001"]);
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_told_and_never_shown() -> anyhow::Result<()> {
    let mut world = small(&ONE).await?;
    let (right, wrong) = (world.cluster.password().to_owned(), "Tr0ub4dor");
    world.reconfigure_agent("one", &right, wrong)?;
    let row = world.status_until("one", "it cannot log in", |row| {
        row["health"] == "unreachable" && row["connected"] == true
    });
    let row = row.await?;
    let problem = row["problem"].as_str().unwrap_or_default();
    assert!(problem.contains("does not accept the password for user belay"), "{row}");
    assert!(problem.contains("database.password"), "{row}");
    let refused = world.cli(&MIGRATE).await?.ended(3, &["one: its state is not known", "plan again"]);
    let log = fs::read_to_string(world.agent("one")?.log_file())?;
    for said in [&log, &refused.stderr, &row.to_string()] {
        assert!(!said.contains(wrong) && !said.contains(&right), "a password was shown: {said}");
    }
    world.reconfigure_agent("one", wrong, &right)?;
    world.status_until("one", "it can log in", |row| row["health"] == "ok").await?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    Ok(())
}

/// The agents of the tests write down all that they ever do.
#[tokio::test]
async fn what_stands_in_a_migration_is_not_in_the_logs() -> anyhow::Result<()> {
    let secret = "Tr0ub4dor";
    let made = format!("CREATE TABLE a (note text DEFAULT '{secret}');");
    let broken = format!("ALTER TABLE a ADD b text DEFAULT '{secret}'; SELECT 1 / 0;");
    let mut world = small(&[("001_a.sql", &made), ("002_b.sql", &broken)]).await?;
    world.cli(&MIGRATE).await?.ended(1, &["division by zero"]);
    assert_eq!(world.applied("one").await?, ["001"]);
    let logs = [world.agent("one")?.log_file().to_owned(), world.controller()?.log_file().to_owned()];
    for log in logs {
        let said = fs::read_to_string(&log)?;
        ensure!(said.contains("DEBUG") || said.contains("INFO"), "nothing is in {}", log.display());
        ensure!(!said.contains(secret), "{}: {said}", log.display());
    }
    Ok(())
}

#[tokio::test]
async fn history_that_was_rewritten_is_refused() -> anyhow::Result<()> {
    let (one, two, three) = (THREE[0], THREE[1], THREE[2]);
    let world = small(&[one, three]).await?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    let before = world.standing().await?;
    world.write_migrations(&[one, ("003_three.sql", "CREATE TABLE three (id bigint PRIMARY KEY);")])?;
    let changed =
        ["one: migration 003 was applied with another checksum", "put the file back as it was applied"];
    world.cli(&["plan", "--env", "staging"]).await?.ended(3, &changed);
    world.cli(&MIGRATE).await?.ended(3, &changed);
    world.write_migrations(&[one])?;
    let missing =
        ["migration 003 is applied, but the release does not have it", "has every applied migration"];
    world.cli(&MIGRATE).await?.ended(3, &missing);
    world.write_migrations(&[one, two, three])?;
    let late =
        ["migration 002 comes before 003, which is already applied", "a version above the highest one"];
    world.cli(&MIGRATE).await?.ended(3, &late);
    assert_eq!(world.standing().await?, before);
    world.write_migrations(&[one, three, ("004_two.sql", two.1)])?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    assert_eq!(world.applied("one").await?, ["001", "003", "004"]);
    Ok(())
}

#[tokio::test]
async fn a_plan_is_stale_once_the_database_has_moved() -> anyhow::Result<()> {
    let world = small(&TWO).await?;
    let plan = world.json(&["plan", "--env", "staging"]).await?;
    let id = plan["id"].as_str().context("no id")?;
    world.connect("one").await?.batch_execute("CREATE TABLE by_hand (id int)").await?;
    let before = world.standing().await?;
    let migrate = [&MIGRATE[..], &["--plan", id]].concat();
    let stale = [id, "stale", "one has moved since it was made", "make a new plan"];
    world.cli(&migrate).await?.ended(3, &stale);
    assert_eq!(world.standing().await?, before);
    world.cli(&migrate).await?.ended(3, &[id, "stale", "one has moved", "has to be made anew"]);
    // Taken back, it is the state that the plan was made for.
    world.connect("one").await?.batch_execute("DROP TABLE by_hand").await?;
    assert_eq!(world.json(&["plan", "--env", "staging"]).await?["id"], id);
    world.cli(&migrate).await?.ended(0, &[]);
    world.cli(&migrate).await?.ended(3, &[id, "stale", "has run in staging since", "has to be made anew"]);
    world.cli(&[&MIGRATE[..], &["--plan", "p0"]].concat()).await?.ended(2, &["there is no plan called p0"]);
    Ok(())
}

#[tokio::test]
async fn a_rollback_that_has_no_way_back_is_refused() -> anyhow::Result<()> {
    let files = [THREE[0], THREE[1], THREE[2], THREE[3], THREE[5]];
    let world = small(&files).await?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    let before = world.standing().await?;
    let back = async |target: &'static str| {
        world.cli(&["rollback", "--env", "staging", "--target", target, "--force"]).await
    };
    let never = ["version 007 is not applied on any database of staging", "pgbelay history"];
    back("007").await?.ended(3, &never);
    let no_way = ["one: migration 002 has no rollback SQL", "add its rollback file", "choose a later target"];
    for target in ["001", "base"] {
        back(target).await?.ended(3, &no_way);
    }
    assert_eq!(back("se ven").await?.ended(2, &["version"]).stdout, "");
    assert_eq!(world.standing().await?, before);
    back("002").await?.ended(0, &[]);
    assert_eq!(world.applied("one").await?, ["001", "002"]);
    // The rollback file that was missing is written: nothing else has to be done.
    world.write_migrations(&THREE)?;
    world.cli(&["plan", "--env", "staging"]).await?.ended(0, &[]);
    back("001").await?.ended(0, &[]);
    assert_eq!(world.applied("one").await?, ["001"]);
    Ok(())
}

#[tokio::test]
async fn a_window_that_has_closed_stays_closed() -> anyhow::Result<()> {
    let policy = "environments:\n  - name: staging\n    rollback_window: 1s\n";
    let world = World::builder().databases(&[("one", "staging")]).policy(policy).start().await?;
    world.write_migrations(&TWO)?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    let expired = |row: &serde_json::Value| row["window"]["state"] == "expired";
    world.status_until("one", "the window has closed", expired).await?;
    let before = world.standing().await?;
    let back = world.cli(&["rollback", "--env", "staging", "--target", "001", "--force"]).await?;
    let closed = "one: the rollback window of migration 002 has closed";
    back.ended(3, &[closed, "write a new migration that takes the change back"]);
    assert_eq!(world.standing().await?, before);
    Ok(())
}

/// A run that fails before anything is touched: a rollout that came to a halt, and nothing else.
async fn fails_untouched(world: &World, words: &[&str]) -> anyhow::Result<()> {
    let before = world.standing().await?;
    let ran = world.cli(&MIGRATE).await?.ended(1, &["failed on one", "plan again"]);
    let said = format!("{} {}", ran.stdout, ran.stderr);
    let missing: Vec<_> = words.iter().filter(|word| !said.contains(**word)).collect();
    ensure!(missing.is_empty(), "not said: {missing:?} in {said}");
    let after = world.standing().await?;
    assert_eq!((&after.schemas, &after.records), (&before.schemas, &before.records));
    assert!(after.rollouts[0].contains("paused"), "{:?}", after.rollouts);
    assert_eq!(world.status_of("one").await?["health"], "failed");
    Ok(())
}

#[tokio::test]
async fn without_a_place_for_the_backup_nothing_is_touched() -> anyhow::Result<()> {
    let world = small(&ONE).await?;
    // Permissions do not stop root: a file in the place of the directory stops everybody.
    let backups = world.member("one").home.join("backups");
    fs::remove_dir_all(&backups)?;
    fs::write(&backups, "")?;
    fails_untouched(&world, &["backup", &backups.to_string_lossy()]).await?;
    fs::remove_file(&backups)?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    Ok(())
}

/// A disk of its own for the backups, that lives as long as the agent.
const SMALL_DISK: &str = "mount -t tmpfs -o size=$1 tmpfs \"$0\" && shift && exec \"$@\"";

#[tokio::test]
async fn on_a_full_disk_nothing_is_touched() -> anyhow::Result<()> {
    let mut world = small(&ONE).await?;
    // It compresses badly: 2 MB that become more than one.
    let noise =
        "CREATE TABLE much AS SELECT sha512(n::text::bytea) AS noise FROM generate_series(1, 20000) AS n";
    world.connect("one").await?.batch_execute(noise).await?;
    let backups = world.member("one").home.join("backups").to_string_lossy().into_owned();
    // Who is not root may mount in a user namespace.
    let unshare = if is_root().await? { "-m" } else { "-rm" };
    // What is seen before, and what shows when pg_dump is at work.
    for (size, told) in [("32k", "there is no room for the backup"), ("1000k", "No space left on device")] {
        world.kill_agent("one")?;
        world.start_agent_by("one", &["unshare", unshare, "sh", "-c", SMALL_DISK, &backups, size])?;
        world.all_connected().await?;
        fails_untouched(&world, &["backup", told]).await?;
    }
    world.kill_agent("one")?;
    world.start_agent("one")?;
    world.all_connected().await?;
    assert_eq!(fs::read_dir(&backups)?.count(), 0);
    world.cli(&MIGRATE).await?.ended(0, &[]);
    Ok(())
}

async fn is_root() -> anyhow::Result<bool> {
    let mut id = Command::new("id");
    id.arg("-u");
    Ok(run(id).await?.stdout.trim() == "0")
}

#[tokio::test]
async fn a_pg_dump_that_is_older_than_the_server_is_not_used() -> anyhow::Result<()> {
    let mut world = small(&ONE).await?;
    let bin_dir = world.path().join("old-bin");
    fs::create_dir(&bin_dir)?;
    for program in ["pg_dump", "pg_restore"] {
        let path = bin_dir.join(program);
        fs::write(&path, format!("#!/bin/sh\necho '{program} (PostgreSQL) 11.22'\n"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    let old = format!("agent:\n  pg_bin: {}\n", bin_dir.display());
    world.reconfigure_agent("one", "agent:\n", &old)?;
    world.all_connected().await?;
    fails_untouched(&world, &["pg_dump", "11", "15"]).await?;
    world.reconfigure_agent("one", &old, "agent:\n")?;
    world.all_connected().await?;
    world.cli(&MIGRATE).await?.ended(0, &[]);
    Ok(())
}

#[tokio::test]
async fn what_is_dangerous_is_confirmed_or_not_run() -> anyhow::Result<()> {
    let policy = "environments:\n  - name: staging\n  - name: production\n    force_allowed: false\n    requires: []\n";
    let databases = [("a", "staging"), ("b", "production")];
    let world = World::builder().databases(&databases).policy(policy).start().await?;
    world.write_migrations(&[("001_old.sql", "CREATE TABLE old (id int);\nDROP TABLE old;")])?;
    let before = world.standing().await?;
    let no_terminal =
        ["nothing was started", "high risk", "no terminal to ask at", "add --force, which is recorded"];
    world.cli(&["migrate", "--env", "staging"]).await?.ended(3, &no_terminal);
    let refused = world.cli(&["migrate", "--env", "production"]).await?;
    refused.ended(3, &["nothing was started", "no terminal", "the policy does not allow --force here"]);
    let forced = world.cli(&["migrate", "--env", "production", "--force"]).await?;
    forced.ended(3, &["the policy of production does not allow --force", "type the environment's name"]);
    assert_eq!(world.standing().await?, before);
    let rollout = world.json(&MIGRATE).await?;
    assert_eq!((&rollout["state"], &rollout["confirmation"]), (&"succeeded".into(), &"forced".into()));
    Ok(())
}
