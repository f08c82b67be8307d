//! 500 small migrations on one database: through CLI, controller and agent, beside one psql session.
//!
//! Both do the same work on the same server, which syncs to disk: one transaction for each file, with a history row
//! in it. The runs are interleaved, because the machine does not stay the same; each has a database of its own. The
//! clock runs from the start of the process that a person starts to its end. Backups are off, by policy, by name.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use pgbelay_tests::postgres::Cluster;
use pgbelay_tests::world::World;

/// Files of one run.
const FILES: usize = 500;

/// Runs of each. Odd, so that the median is one of them.
const ROUNDS: usize = 7;

/// Idle for this long before its memory is looked at.
const IDLE: Duration = Duration::from_secs(5);

/// The largest resident size of an idle agent that is aimed at.
const IDLE_AIM_KIB: u64 = 20 * 1024;

/// The largest ratio of medians that is aimed at.
const RATIO_AIM: f64 = 1.15;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(bench())
}

async fn bench() -> anyhow::Result<()> {
    let names: Vec<(String, String)> =
        (1..=ROUNDS).map(|n| (format!("bench-{n}"), format!("round{n}"))).collect();
    let databases: Vec<(&str, &str)> = names.iter().map(|(d, e)| (d.as_str(), e.as_str())).collect();
    let world = World::builder()
        .databases(&databases)
        .policy(&policy(&names))
        .cluster(Cluster::builder().durable(true))
        .start()
        .await?;
    let dir = write_files(&world)?;
    say(&format!("{FILES} migrations, {ROUNDS} interleaved runs of each, seconds"));
    let (mut psql, mut pgbelay) = (Vec::new(), Vec::new());
    for (round, (database, environment)) in names.iter().enumerate() {
        let plain = format!("plain_{round}");
        world.cluster.create_database(&plain).await?;
        let by_psql = time_psql(&world, &plain, &dir)?;
        let by_pgbelay = time_pgbelay(&world, environment, &dir)?;
        ensure!(world.applied(database).await?.len() == FILES, "pgbelay did not apply every migration");
        ensure!(history_rows(&world, &plain).await? == FILES as i64, "psql did not apply every migration");
        say(&format!("  round {}: psql {by_psql:.3}  pgbelay {by_pgbelay:.3}", round + 1));
        psql.push(by_psql);
        pgbelay.push(by_pgbelay);
    }
    let (psql, pgbelay) = (median(psql), median(pgbelay));
    let ratio = pgbelay / psql;
    say(&format!(
        "median: psql {psql:.3}  pgbelay {pgbelay:.3}  ratio {ratio:.2} (aim: {RATIO_AIM} or better)"
    ));
    idle_memory(world, &names[0].0).await
}

#[expect(clippy::print_stdout, reason = "the figures are what the bench is for")]
fn say(line: &str) {
    println!("{line}");
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn policy(names: &[(String, String)]) -> String {
    let environments =
        names.iter().map(|(_, e)| format!("  - name: {e}\n    requires: []\n    backup: off\n"));
    format!("environments:\n{}", environments.collect::<String>())
}

/// What a service's history looks like: tables, columns, indexes, checks, in turn.
fn sql(n: usize) -> String {
    let table = format!("t{}", n / 4);
    match n % 4 {
        0 => format!("CREATE TABLE {table} (id bigint PRIMARY KEY, name text NOT NULL);\n"),
        1 => format!("ALTER TABLE {table} ADD COLUMN size integer NOT NULL DEFAULT 0;\n"),
        2 => format!("CREATE INDEX {table}_name ON {table} (name);\n"),
        _ => format!("ALTER TABLE {table} ADD CONSTRAINT {table}_size CHECK (size >= 0);\n"),
    }
}

fn write_files(world: &World) -> anyhow::Result<std::path::PathBuf> {
    let files: Vec<(String, String)> =
        (0..FILES).map(|n| (format!("{:03}_step.sql", n + 1), sql(n))).collect();
    let borrowed: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let dir = world.write_migrations(&borrowed)?;
    let mut script =
        "CREATE TABLE history (version text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());\n"
            .to_owned();
    for (path, _) in &files {
        let version = path.split('_').next().unwrap_or_default();
        writeln!(
            script,
            "BEGIN;\n\\i {}\nINSERT INTO history (version) VALUES ('{version}');\nCOMMIT;",
            dir.join(path).display()
        )?;
    }
    fs::write(dir.join("all.psql"), script)?;
    Ok(dir)
}

fn time_psql(world: &World, database: &str, dir: &Path) -> anyhow::Result<f64> {
    let mut psql = Command::new(world.cluster.programs().join("psql"));
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(dir.join("all.psql"));
    time(psql.envs(world.cluster.environment(database)))
}

fn time_pgbelay(world: &World, environment: &str, dir: &Path) -> anyhow::Result<f64> {
    let dir = dir.to_string_lossy();
    let args = ["migrate", "--env", environment, "--migrations", &dir, "--force", "--output", "json"];
    time(&mut world.command(&args)?)
}

fn time(command: &mut Command) -> anyhow::Result<f64> {
    let start = Instant::now();
    let output = command.output()?;
    let seconds = start.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}: {said}", output.status);
    Ok(seconds)
}

async fn history_rows(world: &World, database: &str) -> anyhow::Result<i64> {
    Ok(world.cluster.connect(database).await?.query_one("SELECT count(*) FROM history", &[]).await?.get(0))
}

/// The resident memory of an agent that has done a run, and of one that was just started, after a while of nothing.
async fn idle_memory(mut world: World, member: &str) -> anyhow::Result<()> {
    let after_run = resident_kib(world.agent(member)?.pid())?;
    world.kill_agent(member)?;
    world.start_agent(member)?;
    world.all_connected().await?;
    tokio::time::sleep(IDLE).await;
    let idle = resident_kib(world.agent(member)?.pid())?;
    say(&format!(
        "agent, resident: idle {:.1} MiB (aim: below {} MiB), after {FILES} migrations {:.1} MiB",
        idle as f64 / 1024.0,
        IDLE_AIM_KIB / 1024,
        after_run as f64 / 1024.0
    ));
    Ok(())
}

fn resident_kib(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
