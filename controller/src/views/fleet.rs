//! Databases and agents: what the ledger knows of them, and what is live.

use std::collections::HashMap;

use pgbelay_core::database::{AppliedRecord, Database, Unfinished, WindowState};
use pgbelay_core::decide::{last_proof, proof_takes_a_key};
use pgbelay_core::migration::Migration;
use pgbelay_core::plan::Direction;
use pgbelay_core::rollout::TargetState;
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::wire;

use super::rollout::error;
use crate::clock::rfc3339;
use crate::fleet::Fleet;

/// The words for the health of a database.
pub const HEALTH: [&str; 9] =
    ["ok", "busy", "failed", "unfinished", "unknown", "unreachable", "revoked", "quarantined", "never-seen"];

/// A database as people read it.
#[must_use]
pub fn database(state: &State, fleet: &Fleet, database: &Database, now: Timestamp) -> wire::DatabaseView {
    let seen = database.observed.as_ref().map(|(_, seen)| seen);
    let connected = fleet.look(&database.name, |session| session.database_error.clone());
    let (health, problem) = health(state, fleet, database, connected.as_ref());
    wire::DatabaseView {
        name: database.name.to_string(),
        environment: database.environment.to_string(),
        labels: database.labels.clone(),
        version: database.version().map(ToString::to_string).unwrap_or_default(),
        applied: seen.map_or(0, |seen| count(seen.records.len())),
        pending: pending(state, database),
        health: health.to_owned(),
        connected: connected.is_some(),
        window: window(state, database, now),
        problem,
        server_version: seen.map_or(0, |seen| seen.server_version),
        unfinished: seen.map(|seen| seen.unfinished.iter().map(unfinished).collect()).unwrap_or_default(),
        proven_at: last_proof(state, &database.name).map(rfc3339),
        drift_since: database.drift.map(|drift| rfc3339(drift.since)),
        encrypted: proof_takes_a_key(state, &database.name),
    }
}

fn unfinished(one: &Unfinished) -> wire::UnfinishedView {
    let direction = match one.direction {
        Direction::Up => "up",
        Direction::Down => "down",
    };
    wire::UnfinishedView {
        version: one.version.to_string(),
        direction: direction.to_owned(),
        done: one.done,
        pieces: one.pieces,
        open: one.open.is_some(),
    }
}

/// A migration that has begun and has not come to its end, in words.
fn unfinished_problem(database: &Database) -> Option<String> {
    let (_, seen) = database.observed.as_ref()?;
    let Unfinished { version, done, pieces, .. } = seen.unfinished.first()?;
    Some(format!(
        "migration {version} is unfinished: {done} of {pieces} pieces are done; run it again to go on"
    ))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn pending(state: &State, database: &Database) -> u32 {
    let release = state.latest_release.and_then(|id| state.releases.get(&id));
    let Some(release) = release else { return 0 };
    let records = database.observed.as_ref().map_or(&[][..], |(_, seen)| &seen.records);
    let is_pending = |migration: &Migration, applied: Option<&AppliedRecord>| match applied {
        None => true,
        Some(record) => migration.repeatable && record.checksum != migration.up.recorded(),
    };
    let all = &release.migrations;
    // As a rule they were applied in their order, from the first one on. This is asked for every database of a fleet.
    if records.len() <= all.len() && records.iter().zip(all).all(|(record, m)| record.version == m.version) {
        let applied = records.iter().map(Some).chain(std::iter::repeat(None));
        return count(all.iter().zip(applied).filter(|(m, record)| is_pending(m, *record)).count());
    }
    let applied: HashMap<_, _> = records.iter().map(|record| (&record.version, record)).collect();
    count(all.iter().filter(|m| is_pending(m, applied.get(&m.version).copied())).count())
}

fn window(state: &State, database: &Database, now: Timestamp) -> Option<wire::WindowView> {
    let version = database.version()?;
    let window = database.windows.get(version)?;
    // One that is over says nothing of its backup any more.
    let problem = if window.expired(now) { None } else { state.fault_of(&database.name, window) };
    let state = match database.window_state(version, now)? {
        WindowState::Open if problem.is_some() => "unusable",
        WindowState::Open => "open",
        WindowState::Superseded => "superseded",
        WindowState::Expired => "expired",
    };
    Some(wire::WindowView {
        version: version.to_string(),
        state: state.to_owned(),
        until: rfc3339(window.until),
        problem: problem.unwrap_or_default(),
    })
}

fn health(
    state: &State,
    fleet: &Fleet,
    database: &Database,
    connected: Option<&String>,
) -> (&'static str, String) {
    let revoked = state.agents.get(&database.name).is_none_or(|certificates| certificates.revoked);
    let last = state.last_rollout.get(&database.environment).and_then(|id| state.rollouts.get(id));
    let target = last.and_then(|rollout| rollout.targets.get(&database.name));
    // What somebody has left out is looked after by somebody.
    let counted = target.filter(|target| !matches!(target.state, TargetState::Skipped { .. }));
    let went_wrong = counted.and_then(|target| error(&database.name, target)).map(|error| error.message);
    match (connected, target.map(|t| &t.state)) {
        _ if revoked => ("revoked", "its agent's certificate was revoked".to_owned()),
        _ if is_quarantined(state, fleet, database) => ("quarantined", quarantined(state, database)),
        (_, Some(TargetState::Unknown { why, .. })) => ("unknown", why.clone()),
        (_, Some(TargetState::Unsettled { .. })) => ("unknown", went_wrong.unwrap_or_default()),
        (None, _) if database.observed.is_none() => {
            ("never-seen", "its agent has never connected".to_owned())
        }
        (None, _) => ("unreachable", "its agent is not connected".to_owned()),
        (Some(problem), _) if !problem.is_empty() => ("unreachable", problem.clone()),
        (Some(_), _) if database.in_flight.is_some() => ("busy", String::new()),
        (Some(_), _) => match went_wrong {
            Some(message) => ("failed", message),
            None => match unfinished_problem(database) {
                Some(problem) => ("unfinished", problem),
                None => ("ok", String::new()),
            },
        },
    }
}

fn is_quarantined(state: &State, fleet: &Fleet, database: &Database) -> bool {
    state.contested.contains_key(&database.name) || fleet.is_quarantined(&database.name)
}

/// What is known of two agents with one identity, and the way out.
fn quarantined(state: &State, database: &Database) -> String {
    let contested = state.contested.get(&database.name);
    let places = contested.map(|contested| contested.places.join(" and ")).unwrap_or_default();
    let places = if places.is_empty() { places } else { format!(", from {places}") };
    let since = contested.map(|contested| format!(" at {}", rfc3339(contested.since))).unwrap_or_default();
    let Database { name, environment, .. } = database;
    format!(
        "two agents were connected under this name{since}{places}; neither is served: stop the wrong one, then enrol the right one anew (pgbelay token create {name} --env {environment})"
    )
}

/// An agent as people read it.
#[must_use]
pub fn agent(state: &State, fleet: &Fleet, database: &Database) -> wire::AgentView {
    let certificates = state.agents.get(&database.name);
    let version = fleet.look(&database.name, |session| session.agent_version.clone());
    let word = match (&version, certificates) {
        (_, None) => "revoked",
        (_, Some(certificates)) if certificates.revoked => "revoked",
        _ if is_quarantined(state, fleet, database) => "quarantined",
        (Some(_), Some(_)) => "connected",
        (None, Some(_)) => "silent",
    };
    let current = certificates.map(|certificates| &certificates.current);
    wire::AgentView {
        database: database.name.to_string(),
        environment: database.environment.to_string(),
        state: word.to_owned(),
        agent_version: version.unwrap_or_default(),
        last_seen: fleet.last_seen(&database.name).map(rfc3339).unwrap_or_default(),
        certificate_serial: current.map(|c| c.serial.clone()).unwrap_or_default(),
        certificate_until: current.map(|c| rfc3339(c.not_after)).unwrap_or_default(),
        problem: if word == "quarantined" { quarantined(state, database) } else { String::new() },
    }
}
