//! Databases and agents: what the ledger knows of them, and what is live.

use std::collections::HashMap;
use std::sync::Arc;

use pgbelay_core::access::Certificates;
use pgbelay_core::backup::{BackupId, KnownBackup, fault};
use pgbelay_core::database::{AppliedRecord, Database, Unfinished, WindowState};
use pgbelay_core::decide::{last_proof, proof_takes_a_key};
use pgbelay_core::migration::Migration;
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::plan::Direction;
use pgbelay_core::rollout::{Target, TargetState};
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::wire;

use super::along::Along;
use super::rollout::error;
use crate::clock::rfc3339;
use crate::fleet::{Fleet, Glance};

/// The words for the health of a database.
pub const HEALTH: [&str; 9] =
    ["ok", "busy", "failed", "unfinished", "unknown", "unreachable", "revoked", "quarantined", "never-seen"];

/// Shows databases as people read them. What is known of each is looked up along the maps: quick for many, in the order of
/// their names, and right in any order.
pub struct Databases<'s> {
    state: &'s State,
    fleet: &'s Fleet,
    now: Timestamp,
    agents: Along<'s, DatabaseName, Certificates>,
    backups: Along<'s, (DatabaseName, BackupId), Arc<KnownBackup>>,
    /// Those of the database that is shown.
    found: Vec<&'s KnownBackup>,
    /// Those of the last rollout in an environment.
    targets: Option<(&'s EnvironmentName, Option<Along<'s, DatabaseName, Target>>)>,
}

impl<'s> Databases<'s> {
    /// As they are at a moment.
    #[must_use]
    pub fn new(state: &'s State, fleet: &'s Fleet, now: Timestamp) -> Self {
        let (agents, backups) = (Along::new(&state.agents), Along::new(&state.backups));
        Self { state, fleet, now, agents, backups, found: Vec::new(), targets: None }
    }

    /// One of them.
    pub fn view(&mut self, database: &'s Database) -> wire::DatabaseView {
        let seen = database.observed.as_ref().map(|(_, seen)| seen);
        self.find_backups(&database.name);
        let glance = self.fleet.glance(&database.name);
        let (health, problem) = self.health(database, &glance);
        let backups = &self.found;
        wire::DatabaseView {
            name: database.name.to_string(),
            environment: database.environment.to_string(),
            labels: database.labels.clone(),
            version: database.version().map(ToString::to_string).unwrap_or_default(),
            applied: seen.map_or(0, |seen| count(seen.records.len())),
            pending: pending(self.state, database),
            health: health.to_owned(),
            connected: glance.connected.is_some(),
            window: window(database, backups, self.now),
            problem,
            server_version: seen.map_or(0, |seen| seen.server_version),
            unfinished: seen.map(|seen| seen.unfinished.iter().map(unfinished).collect()).unwrap_or_default(),
            proven_at: last_proof(backups.iter().copied()).map(rfc3339),
            drift_since: database.drift.map(|drift| rfc3339(drift.since)),
            encrypted: proof_takes_a_key(backups.iter().copied()),
        }
    }

    fn find_backups(&mut self, database: &DatabaseName) {
        let of = self.backups.all(|(of, _)| of.cmp(database), || (database.clone(), BackupId::new()));
        self.found.clear();
        self.found.extend(of.map(Arc::as_ref));
    }

    /// What the last rollout in its environment has of a database.
    fn target(&mut self, database: &'s Database) -> Option<&'s Target> {
        let Database { name, environment, .. } = database;
        let (_, targets) = match &mut self.targets {
            Some(known) if known.0 == environment => known,
            others => {
                let last = self.state.last_rollout.get(environment);
                let rollout = last.and_then(|id| self.state.rollouts.get(id));
                others.insert((environment, rollout.map(|rollout| Along::new(&rollout.targets))))
            }
        };
        targets.as_mut()?.get(name)
    }

    fn health(&mut self, database: &'s Database, glance: &Glance) -> (&'static str, String) {
        let revoked = self.agents.get(&database.name).is_none_or(|certificates| certificates.revoked);
        let target = self.target(database);
        // What somebody has left out is looked after by somebody.
        let counted = target.filter(|target| !matches!(target.state, TargetState::Skipped { .. }));
        let went_wrong = counted.and_then(|target| error(&database.name, target)).map(|error| error.message);
        let contested = self.state.contested.contains_key(&database.name);
        match (&glance.connected, target.map(|t| &t.state)) {
            _ if revoked => ("revoked", "its agent's certificate was revoked".to_owned()),
            _ if contested || glance.quarantined => ("quarantined", quarantined(self.state, database)),
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

fn window(database: &Database, backups: &[&KnownBackup], now: Timestamp) -> Option<wire::WindowView> {
    let version = database.version()?;
    let window = database.windows.get(version)?;
    // One that is over says nothing of its backup any more.
    let look_up = |id: &BackupId| backups.iter().copied().find(|known| known.id() == id);
    let problem = if window.expired(now) { None } else { fault(window, look_up) };
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
