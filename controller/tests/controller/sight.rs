//! Databases that are out of reach: what the ledger keeps of them, and what a release does not show meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use pgbelay_controller::fleet::{Contact, Fleet, Timing};
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::wire;
use pgbelay_proto::wire::agent_message::Message as Says;
use serde_json::Value;

use super::world::{World, until};

const POLICY: &str =
    "environments:\n- {name: staging, unreachable_after: 2s}\n- {name: production, soak: 1h}\n";

/// The entries of one kind.
async fn kept(world: &World, kind: &str) -> anyhow::Result<Vec<wire::AuditEntry>> {
    let request = wire::ReadAuditRequest { kinds: vec![kind.to_owned()], ..Default::default() };
    let mut stream = world.admin().await?.read_audit(request).await?.into_inner();
    let mut all = Vec::new();
    while let Some(entry) = stream.message().await? {
        all.push(entry);
    }
    Ok(all)
}

/// Waits for so many entries of one kind; the last of them.
async fn wait_for(world: &World, kind: &str, count: usize) -> anyhow::Result<wire::AuditEntry> {
    until(kind, async || Ok(kept(world, kind).await?.len() >= count)).await?;
    let mut all = kept(world, kind).await?;
    assert_eq!(all.len(), count, "{all:#?}");
    all.pop().context("there is none")
}

/// For how long it had been out of reach when that was written down.
fn passed(entry: &wire::AuditEntry) -> anyhow::Result<i64> {
    let body: Value = serde_json::from_str(&entry.body)?;
    let since = body["since"].as_i64().with_context(|| format!("no time in {body}"))?;
    Ok(entry.at_ms - since)
}

#[tokio::test]
async fn the_ledger_keeps_since_when_a_database_is_out_of_reach() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.admin().await?.apply_policy(wire::ApplyPolicyRequest { yaml: POLICY.to_owned() }).await?;
    // Nobody asks about a database that was never there.
    world.agent("unseen", "staging").await?;
    let agent = world.agent("orders", "staging").await?;
    let stream = agent.connect(&world).await?;

    let database_error = "the server has gone away".to_owned();
    stream.say(Says::Heartbeat(wire::Heartbeat { database_error })).await?;
    let lost = wait_for(&world, "database-unreachable", 1).await?;
    assert_eq!(lost.actor, "controller");
    assert!((2_000..20_000).contains(&passed(&lost)?), "{lost:?}");
    stream.heartbeat().await?;
    wait_for(&world, "database-reachable", 1).await?;

    drop(stream);
    let lost = wait_for(&world, "database-unreachable", 2).await?;
    assert!((2_000..20_000).contains(&passed(&lost)?), "{lost:?}");
    let _stream = agent.connect(&world).await?;
    wait_for(&world, "database-reachable", 2).await?;
    Ok(())
}

/// What a controller that was down has not seen is held against nobody; who does not come back is.
#[tokio::test]
async fn a_controller_that_starts_again_knows_who_was_out_of_reach() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    world.admin().await?.apply_policy(wire::ApplyPolicyRequest { yaml: POLICY.to_owned() }).await?;
    let (orders, users) = (world.agent("orders", "staging").await?, world.agent("users", "staging").await?);
    let there = (orders.connect(&world).await?, users.connect(&world).await?);
    drop(there.0);
    wait_for(&world, "database-unreachable", 1).await?;
    world.stop().await?;
    drop(there.1);
    world.run().await?;

    let _orders = orders.connect(&world).await?;
    wait_for(&world, "database-reachable", 1).await?;
    let lost = wait_for(&world, "database-unreachable", 2).await?;
    assert!((2_000..20_000).contains(&passed(&lost)?), "{lost:?}");
    Ok(())
}

#[tokio::test]
async fn a_release_shows_nothing_where_a_database_is_out_of_reach() -> anyhow::Result<()> {
    let world = World::start().await?;
    world.admin().await?.apply_policy(wire::ApplyPolicyRequest { yaml: POLICY.to_owned() }).await?;
    let agent = world.agent("orders", "staging").await?;
    let mut stream = agent.connect(&world).await?;
    let release = world.push(&["001"]).await?;
    let rollout = stream.start_rollout(&world, "staging", &release).await?;
    stream.obey().await?;
    stream.obey().await?;
    until("it has succeeded", async || Ok(world.state_of(&rollout).await? == "succeeded")).await?;

    let mut production = world.agent("main", "production").await?.connect(&world).await?;
    let soaks = "the release has been healthy on all of staging for";
    let standing = requires(&production.plan(&world, "production", &release).await?)?;
    assert!(standing.detail.starts_with(soaks), "{standing:?}");
    drop(stream);
    wait_for(&world, "database-unreachable", 1).await?;
    let standing = requires(&production.plan(&world, "production", &release).await?)?;
    assert!(standing.detail.contains("orders has not been reachable since"), "{standing:?}");
    assert!(standing.rule.ends_with("environments.production.soak"), "{standing:?}");
    assert!(standing.next.contains("pgbelay status --env staging"), "{standing:?}");
    Ok(())
}

fn requires(plan: &wire::PlanView) -> anyhow::Result<wire::GateView> {
    plan.gates.iter().find(|gate| gate.name == "requires").cloned().context("no such gate")
}

/// By a clock that stands still until it is told to go on.
#[test]
fn whoever_did_not_look_holds_absence_against_nobody() -> anyhow::Result<()> {
    let (began, passed) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let at = Arc::clone(&passed);
    let clock = move || {
        let ms = at.load(Ordering::SeqCst);
        Contact { at: Timestamp(ms.cast_signed()), instant: began + Duration::from_millis(ms) }
    };
    let (fleet, orders) = (Fleet::by_clock(Timing::default(), Box::new(clock)), "orders".parse()?);
    let out = |ms| {
        passed.store(ms, Ordering::SeqCst);
        fleet.out_of_reach(&orders)
    };
    assert_eq!(out(40_000), Some((Span(40_000), Timestamp(0))));
    // The process stood still: what was before that, nobody has seen.
    passed.store(3_600_000, Ordering::SeqCst);
    fleet.watches_anew();
    assert_eq!(out(3_600_000), Some((Span(0), Timestamp(3_600_000))));
    assert_eq!(out(3_605_000), Some((Span(5_000), Timestamp(3_600_000))));
    Ok(())
}
