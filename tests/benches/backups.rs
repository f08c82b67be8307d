//! A backup through controller and agent (hashed, checked, with its manifest signed and everything synced to disk) beside
//! bare pg_dump: with the same format, jobs and compression, and as most people run it.
//!
//! The database is pgbench's, which compresses well: what a backup takes of other data may be more. The runs are
//! interleaved. Of pgbelay the time is that of the command, as the rollout tells it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use pgbelay_tests::world::World;
use serde_json::Value;

/// pgbench's scale: 100,000 rows each. 150 make 2.2 GiB.
const SCALE: &str = "150";

/// Runs of each. Odd, so that the median is one of them.
const ROUNDS: usize = 5;

/// The longest that a backup may take, beside bare pg_dump of the same kind, and beside what most people run.
const SAME_AIM: f64 = 1.05;
const USUAL_AIM: f64 = 0.5;

/// The most memory of the agent that is aimed at.
const MEMORY_AIM_MIB: f64 = 64.0;

/// A database: how it is called, and how pgbench makes it. One table of many rows is read by one session, whatever the
/// number of jobs; eight of an eighth are read by as many as there are jobs.
type Shape = (&'static str, &'static [&'static str], &'static str);

const SHAPES: [Shape; 2] = [
    ("one", &[], "95 % of it in one table"),
    ("eight", &["--partitions=8"], "the same rows in eight partitions"),
];

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(bench())
}

async fn bench() -> anyhow::Result<()> {
    let environments = SHAPES.map(|(name, ..)| format!("  - name: {name}\n    requires: []\n"));
    let policy = format!("environments:\n{}", environments.concat());
    let mut world =
        World::builder().databases(&SHAPES.map(|(name, ..)| (name, name))).policy(&policy).start().await?;
    let bin = world.cluster.programs().display().to_string();
    for (name, ..) in SHAPES {
        world.reconfigure_agent(name, "agent:\n", &format!("agent:\n  pg_bin: {bin}\n"))?;
    }
    world.all_connected().await?;
    for shape in SHAPES {
        measure(&mut world, shape).await?;
    }
    Ok(())
}

async fn measure(world: &mut World, (name, how_made, what): Shape) -> anyhow::Result<()> {
    let database = world.member(name).pg_name.clone();
    let mut pgbench = Command::new(world.cluster.programs().join("pgbench"));
    pgbench.args(["--initialize", "--quiet", "--scale", SCALE]).args(how_made);
    ends_well(pgbench.envs(world.cluster.environment(&database)))?;
    let size = "SELECT pg_database_size(current_database())";
    let bytes: i64 = world.connect(name).await?.query_one(size, &[]).await?.get(0);
    say(&format!(
        "\na database of {:.2} GiB, {what}; {ROUNDS} interleaved runs of each",
        bytes as f64 / 1_073_741_824.0
    ));

    let mut kind: Option<(String, u64)> = None;
    let (mut same, mut usual, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let (took, path) = by_pgbelay(world, name, round).await?;
        let (compression, jobs) = how(&path)?;
        let by_same = bare(
            world,
            &database,
            &["--format=directory", &argument(&compression), &format!("--jobs={jobs}")],
        )?;
        let by_usual = bare(world, &database, &["--format=custom"])?;
        say(&format!(
            "  round {round}: pgbelay {took:.2}  pg_dump -Fd {by_same:.2}  pg_dump -Fc {by_usual:.2}"
        ));
        fs::remove_dir_all(&path)?;
        kind = Some((compression, jobs));
        ours.push(took);
        same.push(by_same);
        usual.push(by_usual);
    }
    let (compression, jobs) = kind.context("no run")?;
    let [ours, same, usual] = [ours, same, usual].map(median);
    say("\n| by | median s | pgbelay is 1 |\n|---|---:|---:|");
    say(&format!("| pgbelay ({compression}, {jobs} jobs) | {ours:.2} | 1.00 |"));
    say(&format!("| pg_dump -Fd, the same | {same:.2} | {:.2} |", same / ours));
    say(&format!("| pg_dump -Fc | {usual:.2} | {:.2} |", usual / ours));
    say(&format!("\nbeside the same: {:.2} (aim: {SAME_AIM} or better)", ours / same));
    say(&format!("beside pg_dump -Fc: {:.2} (aim: {USUAL_AIM} or better)", ours / usual));
    let most = most_memory_mib(world.agent(name)?.pid())?;
    say(&format!("agent, most memory: {most:.1} MiB (aim: below {MEMORY_AIM_MIB} MiB)"));
    Ok(())
}

/// A migration with its backup; how long the backup took, and where it is.
async fn by_pgbelay(world: &World, name: &str, round: usize) -> anyhow::Result<(f64, String)> {
    let files: Vec<(String, String)> = (1..=round)
        .map(|n| (format!("{n:03}_step.sql"), format!("CREATE TABLE step_{n} (id int);\n")))
        .collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let dir = world.write_migrations(&files)?.to_string_lossy().into_owned();
    let rollout = world.json(&["migrate", "--env", name, "--migrations", &dir, "--force"]).await?;
    ensure!(rollout["state"] == "succeeded", "{rollout}");
    let backup = &rollout["targets"][0]["backup"];
    let took = backup["took_ms"].as_f64().with_context(|| format!("no time: {rollout}"))? / 1000.0;
    Ok((took, backup["path"].as_str().context("no path")?.to_owned()))
}

fn how(backup: &str) -> anyhow::Result<(String, u64)> {
    let manifest: Value = serde_json::from_slice(&fs::read(Path::new(backup).join("manifest.json"))?)?;
    let compression = manifest["compression"].as_str().context("no compression")?;
    Ok((compression.to_owned(), manifest["jobs"].as_u64().context("no jobs")?))
}

/// Older ones know gzip alone, by its level.
fn argument(compression: &str) -> String {
    format!("--compress={}", compression.trim_start_matches("gzip:"))
}

fn bare(world: &World, database: &str, args: &[&str]) -> anyhow::Result<f64> {
    let to = world.path().join("bare");
    let mut dump = Command::new(world.cluster.programs().join("pg_dump"));
    dump.args(args).arg("--file").arg(&to).envs(world.cluster.environment(database));
    let began = Instant::now();
    ends_well(&mut dump)?;
    let took = began.elapsed().as_secs_f64();
    let removed = if to.is_dir() { fs::remove_dir_all(&to) } else { fs::remove_file(&to) };
    removed?;
    Ok(took)
}

fn ends_well(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}: {said}", output.status);
    Ok(())
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn most_memory_mib(pid: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
}

#[expect(clippy::print_stdout, reason = "the figures are what the bench is for")]
fn say(line: &str) {
    println!("{line}");
}
