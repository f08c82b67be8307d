//! A controller and a large fleet: ten thousand agents over real mTLS streams, on one machine.
//!
//! The controller is the real program in a process of its own. The agents are simulated in this one: each has its own
//! certificate, connection and stream, answers as an agent does, and has no database. They share the processors with the
//! controller, so what the controller could do alone is more.
//!
//! `cargo bench -p pgbelay-controller --bench fleet -- AGENTS EVENTS`

#![expect(clippy::print_stdout, clippy::wildcard_enum_match_arm, reason = "what a bench is for")]

mod agents;
mod controller;
mod ledger;

use std::sync::Arc;
use std::time::{Duration, Instant};

use agents::{Fleet, enrol};
use anyhow::{Context as _, ensure};
use controller::Controller;
use pgbelay_proto::wire;

/// Agents, unless another number is given; 0: only the start is measured.
const AGENTS: usize = 10_000;

/// Events of the ledger that is read at the start, unless another number is given; 0: no start is measured.
const EVENTS: u64 = 1_000_000;

/// Of `status` over the whole fleet.
const LOOKS: usize = 200;

const MEMORY_AIM_KIB: f64 = 64.0;
const RECONNECT_AIM: Duration = Duration::from_secs(60);
const PEAK_AIM: f64 = 3.0;
const STATUS_AIM: Duration = Duration::from_millis(50);
const START_AIM: Duration = Duration::from_secs(5);

/// Longer than any part takes.
const PATIENCE: Duration = Duration::from_secs(600);

fn main() -> anyhow::Result<()> {
    let numbers: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let agents = numbers.first().map_or(Ok(AGENTS), |number| usize::try_from(*number))?;
    let events = numbers.get(1).copied().unwrap_or(EVENTS);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        if agents > 0 {
            fleet(agents).await?;
        }
        if events > 0 {
            ledger::start(events).await?;
        }
        Ok(())
    })
}

fn say(text: &str) {
    println!("{text}");
}

fn figure(what: &str, is: &str, aim: &str) {
    println!("| {what} | {is} | {aim} |");
}

async fn fleet(agents: usize) -> anyhow::Result<()> {
    let mut controller = Controller::start().await?;
    let mut admin = controller.admin().await?;
    let policy = "environments:\n  - name: staging\n    max_parallel: 1000\n".to_owned();
    admin.apply_policy(wire::ApplyPolicyRequest { yaml: policy }).await?;

    let begun = Instant::now();
    let all = enrol(&controller, agents).await?;
    let enrolled = begun.elapsed();
    // The invitation and its use: each is durable before it is answered.
    let appends = 2.0 * agents as f64 / enrolled.as_secs_f64();
    say(&format!("{agents} agents enrolled in {:.1} s", enrolled.as_secs_f64()));
    say("\n| what | is | aim |\n|---|---:|---:|");
    figure(
        "enrolments in a second, each two entries of the ledger with fsync",
        &format!("{:.0} ({appends:.0} entries)", appends / 2.0),
        "",
    );

    let before = controller.memory()?;
    let fleet = Arc::new(Fleet::new(all, controller.address()));
    let begun = Instant::now();
    fleet.go();
    fleet.all_connected(PATIENCE).await?;
    let connected = begun.elapsed();
    let each = (controller.memory()? - before) as f64 / 1_024.0 / agents as f64;
    figure("time for all to connect for the first time", &seconds(connected), "");
    figure(
        "memory of the controller for each agent",
        &format!("{each:.1} KiB"),
        &format!("{MEMORY_AIM_KIB} KiB"),
    );
    figure(
        "memory of the controller in all",
        &format!("{:.0} MiB", controller.memory()? as f64 / 1_048_576.0),
        "",
    );

    rollout(&controller, &fleet, agents).await?;
    statuses(&controller).await?;

    fleet.forget();
    controller.kill()?;
    controller.run().await?;
    let begun = Instant::now();
    fleet.all_connected(PATIENCE).await?;
    let took = begun.elapsed();
    let (peak, mean) = fleet.rates();
    figure(
        "time for all to be back after the controller was killed and started",
        &seconds(took),
        &seconds(RECONNECT_AIM),
    );
    figure(
        "peak rate of agents that are taken in, beside the mean",
        &format!("{peak:.0} and {mean:.0} in a second: {:.1}", peak / mean),
        &format!("{PEAK_AIM}"),
    );
    figure(
        "memory of the controller for each agent after that",
        &format!("{:.1} KiB in all", controller.memory()? as f64 / 1_024.0 / agents as f64),
        "",
    );
    Ok(())
}

async fn statuses(controller: &Controller) -> anyhow::Result<()> {
    let mut admin = controller.admin().await?;
    let (mut took, mut bytes) = (Vec::new(), 0);
    for _ in 0..LOOKS {
        let begun = Instant::now();
        let status = admin.status(wire::StatusRequest::default()).await?.into_inner();
        took.push(begun.elapsed());
        bytes = prost::Message::encoded_len(&status);
    }
    took.sort();
    let at = |part: f64| took[((took.len() as f64 * part) as usize).min(took.len() - 1)];
    let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1_000.0);
    figure(
        "`status` of all, p50 and p99, as its client sees it",
        &format!("{} and {}, {:.1} MB", ms(at(0.5)), ms(at(0.99)), bytes as f64 / 1e6),
        "",
    );
    let sample =
        |what: &str, bound: &str| format!("pgbelay_answer_seconds_{what}{{method=\"Status\"{bound}}}");
    let bound = format!(",le=\"{}\"", STATUS_AIM.as_secs_f64());
    let within = controller.metric(&sample("bucket", &bound)).await?;
    let (all, sum) =
        (controller.metric(&sample("count", "")).await?, controller.metric(&sample("sum", "")).await?);
    figure(
        "`status` of all, at the server: mean, and how many were ready within the aim",
        &format!("{:.1} ms, {within} of {all}", sum / all * 1_000.0),
        &format!("99 of 100 within {}", ms(STATUS_AIM)),
    );
    Ok(())
}

async fn rollout(controller: &Controller, fleet: &Fleet, agents: usize) -> anyhow::Result<()> {
    let mut admin = controller.admin().await?;
    let file = wire::MigrationFile {
        version: "001".to_owned(),
        name: "first".to_owned(),
        up: "CREATE TABLE t1 (id int);".to_owned(),
        down: Some("DROP TABLE t1;".to_owned()),
        ..Default::default()
    };
    let release = admin.push_release(tokio_stream::iter([file])).await?.into_inner().release;
    let begun = Instant::now();
    let goal = Some(wire::create_plan_request::Goal::Release(release));
    let request = wire::CreatePlanRequest { environment: "staging".to_owned(), goal };
    let plan = admin.create_plan(request).await?.into_inner();
    figure("a plan for all: every agent reads its database again", &seconds(begun.elapsed()), "");
    let before = fleet.commands();
    let begun = Instant::now();
    let request =
        wire::StartRolloutRequest { plan: plan.id, confirmation: "typed".to_owned(), ..Default::default() };
    let rollout = admin.start_rollout(request).await.context("the rollout")?.into_inner().id;
    let mut state = String::new();
    while state != "succeeded" {
        ensure!(begun.elapsed() < PATIENCE, "the rollout is {state}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        state =
            admin.get_rollout(wire::RolloutRequest { rollout: rollout.clone() }).await?.into_inner().state;
        ensure!(["running", "succeeded"].contains(&state.as_str()), "the rollout is {state}");
    }
    let took = begun.elapsed();
    let commands = fleet.commands() - before;
    figure(
        "a rollout over all: a backup and a run for each",
        &format!(
            "{}, {:.0} commands in a second, {commands} for {agents} agents",
            seconds(took),
            commands as f64 / took.as_secs_f64()
        ),
        "",
    );
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// For what starts: its figures and the aim.
fn start_figure(events: u64, bytes: u64, how: &str, took: Duration) {
    figure(
        &format!("start from a ledger of {events} events ({:.0} MB), {how}", bytes as f64 / 1e6),
        &seconds(took),
        &seconds(START_AIM),
    );
}
