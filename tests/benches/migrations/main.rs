//! 500 small migrations on one database: through CLI, controller and agent, beside psql and the migration tools of others.
//!
//! All do the same work on the same server, which syncs to disk: one transaction for each file, with a history row in it,
//! the files in the layout that the tool has. The runs are interleaved, because the machine does not stay the same; each
//! has a database of its own. pgbelay waits for the disk at the end of a run rather than after each migration: what psql
//! takes that way is measured beside it. The clock runs from the start of the process that a person starts to its end:
//! controller and agent run already, as the server does. Backups are off, by policy, by name, since no other takes one.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use party::{FILES, Party};
use pgbelay_tests::postgres::Cluster;
use pgbelay_tests::world::World;

mod party;

/// Runs of each. Odd, so that the median is one of them.
const ROUNDS: usize = 7;

/// Idle for this long before its memory is looked at.
const IDLE: Duration = Duration::from_secs(5);

/// The largest resident size of an idle agent that is aimed at.
const IDLE_AIM_KIB: u64 = 20 * 1024;

/// The largest ratio of medians that is aimed at, pgbelay to psql.
const RATIO_AIM: f64 = 1.15;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(bench())
}

async fn bench() -> anyhow::Result<()> {
    let names: Vec<String> = (1..=ROUNDS).map(|n| format!("round{n}")).collect();
    let databases: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let world = World::builder()
        .databases(&databases)
        .policy(&policy(&names))
        .cluster(Cluster::builder().durable(true))
        .start()
        .await?;
    let parties = Party::present();
    let mut all: Vec<(Party, Vec<f64>)> = parties.iter().map(|party| (*party, Vec::new())).collect();
    say(&format!("{FILES} migrations, {ROUNDS} interleaved runs of each, seconds"));
    for name in &names {
        let mut line = format!("  {name}:");
        for (party, seconds) in &mut all {
            let took = run(&world, *party, name).await?;
            line.push_str(&format!("  {party} {took:.3}"));
            seconds.push(took);
        }
        say(&line);
    }
    table(&world, all)?;
    idle_memory(world, &names[0]).await
}

/// Lets a party apply everything to a database of its own; the seconds that it took.
async fn run(world: &World, party: Party, name: &str) -> anyhow::Result<f64> {
    let parent = world.path().join(name);
    let dir = party.write(&parent)?;
    let (called, database) = match party {
        Party::Pgbelay => (name.to_owned(), world.member(name).pg_name.clone()),
        Party::Psql
        | Party::PsqlAsync
        | Party::Dbmate
        | Party::Diesel
        | Party::Liquibase
        | Party::Refinery
        | Party::Sqlx => {
            let database = format!("{party}_{name}").replace('-', "_");
            world.cluster.create_database(&database).await?;
            (database.clone(), database)
        }
    };
    let took = time(&mut party.command(world, &dir, &called)?)?;
    let sql = "SELECT (SELECT count(*) FROM pg_class WHERE relname ~ '^t[0-9]+(_name|_pkey)?$') \
                    + (SELECT count(*) FROM pg_constraint WHERE conname ~ '^t[0-9]+_size$')";
    let made: i64 = world.cluster.connect(&database).await?.query_one(sql, &[]).await?.get(0);
    ensure!(made == FILES as i64, "{party} has made {made} objects in place of {FILES}");
    Ok(took)
}

/// The figures, as a table of Markdown: the fastest first.
fn table(world: &World, all: Vec<(Party, Vec<f64>)>) -> anyhow::Result<()> {
    let mut medians = Vec::new();
    for (party, mut seconds) in all {
        seconds.sort_by(f64::total_cmp);
        medians.push((party, seconds[seconds.len() / 2], seconds));
    }
    medians.sort_by(|one, other| one.1.total_cmp(&other.1));
    let of =
        |wanted: Party| medians.iter().find(|(party, ..)| *party == wanted).map(|(_, median, _)| *median);
    let psql = of(Party::Psql).context("psql has run")?;
    say("\n| by | version | median s | from | to | psql is 1 |\n|---|---|---:|---:|---:|---:|");
    for (party, median, seconds) in &medians {
        let (version, least, most) = (party.version(world)?, seconds[0], seconds[seconds.len() - 1]);
        let ratio = median / psql;
        say(&format!("| {party} | {version} | {median:.2} | {least:.2} | {most:.2} | {ratio:.2} |"));
    }
    let ratio = of(Party::Pgbelay).context("pgbelay has run")? / psql;
    say(&format!("\npgbelay beside psql: {ratio:.2} (aim: {RATIO_AIM} or better)"));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are what the bench is for")]
fn say(line: &str) {
    println!("{line}");
}

fn policy(names: &[String]) -> String {
    let environments =
        names.iter().map(|name| format!("  - name: {name}\n    requires: []\n    backup: off\n"));
    format!("environments:\n{}", environments.collect::<String>())
}

fn time(command: &mut Command) -> anyhow::Result<f64> {
    let start = Instant::now();
    let output = command.output()?;
    let seconds = start.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}: {said}", output.status);
    Ok(seconds)
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
