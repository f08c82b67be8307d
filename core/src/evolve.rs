//! From an event to the next state: total, and the same live and in replay.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::access::{Certificate, Certificates, Contested, JoinToken};
use crate::database::{Database, Drift, Observation, Window};
use crate::event::{Event, Recorded};
use crate::migration::Migration;
use crate::name::{DatabaseName, OperatorName, TokenId};
use crate::plan::{Plan, PlanId};
use crate::release::Release;
use crate::rollout::{Stage, TargetState};
use crate::state::{Freeze, PlanState, State};
use crate::time::{Span, Timestamp};

mod backups;
mod commands;
mod jobs;
mod proofs;
mod rollouts;
mod waves;
mod witness;

pub(crate) use proofs::stands;

/// An event that cannot follow this state: the ledger is not one that this program wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IllegalEvent {
    /// Its place in the ledger is not the next one.
    #[error("event {found} cannot follow event {last}")]
    OutOfSequence {
        /// The event's place.
        found: u64,
        /// The last event of the state.
        last: u64,
    },
    /// It speaks of something that there is not.
    #[error("event {seq} ({kind}) names {what} {name}, which does not exist")]
    Unknown {
        /// The event's place.
        seq: u64,
        /// Its kind.
        kind: &'static str,
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It makes something that is there already.
    #[error("event {seq} ({kind}) makes {name}, which exists")]
    Exists {
        /// The event's place.
        seq: u64,
        /// Its kind.
        kind: &'static str,
        /// The name.
        name: String,
    },
}

/// Where an event stands, for the error that says it cannot stand there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    seq: u64,
    kind: &'static str,
    at: Timestamp,
}

impl Place {
    fn unknown(self, what: &'static str, name: impl ToString) -> IllegalEvent {
        IllegalEvent::Unknown { seq: self.seq, kind: self.kind, what, name: name.to_string() }
    }

    fn exists(self, name: impl ToString) -> IllegalEvent {
        IllegalEvent::Exists { seq: self.seq, kind: self.kind, name: name.to_string() }
    }
}

/// Applies one event.
///
/// # Errors
/// When the event cannot follow the state; the state is then of no further use.
#[expect(clippy::too_many_lines, reason = "one arm for each event, and each is one call")]
pub fn evolve(state: &mut State, recorded: &Recorded) -> Result<(), IllegalEvent> {
    if recorded.seq != state.seq + 1 {
        return Err(IllegalEvent::OutOfSequence { found: recorded.seq, last: state.seq });
    }
    let place = Place { seq: recorded.seq, kind: recorded.event.kind(), at: recorded.at };
    state.seq = recorded.seq;
    match &recorded.event {
        Event::PolicyApplied { policy } => {
            state.policy = Arc::new(policy.clone());
            state.policy_version += 1;
        }
        Event::OperatorAdded { operator } => {
            state.operators.insert(operator.name.clone(), operator.clone());
        }
        Event::OperatorRevoked { operator, .. } => operator_revoked(state, operator, place)?,
        Event::TokenCreated { token } => token_created(state, token, place)?,
        Event::AgentEnrolled { token, system_identifier, certificate } => {
            agent_enrolled(state, (token, system_identifier, certificate), place)?;
        }
        Event::AgentRenewed { database, certificate } => {
            agent(state, database, place)?.next = Some(certificate.clone());
        }
        Event::RenewalUsed { database } => {
            let agent = agent(state, database, place)?;
            agent.current = agent.next.take().ok_or_else(|| place.unknown("successor of", database))?;
        }
        Event::AgentRevoked { database, .. } => revoked(state, database, place)?,
        Event::AgentContested { database, serials, places } => {
            contested(state, database, (serials, places), place)?;
        }
        Event::DatabaseRemoved { database, .. } => removed(state, database, place)?,
        Event::DatabaseObserved { database, observation } => {
            observed(state, database, observation, place)?;
        }
        Event::DriftFound { database: name, expected, .. } => {
            let found = Drift { expected: *expected, since: place.at };
            database(state, name, place)?.drift.get_or_insert(found);
            proofs::drifted(state, name, place.at);
        }
        Event::DatabaseUnreachable { database: name, since } => {
            // The clock may have been put back meanwhile.
            let since = (*since).min(place.at);
            database(state, name, place)?.unreachable = Some(since);
            proofs::lost_sight(state, name, since);
        }
        Event::DatabaseReachable { database: name } => {
            let was = database(state, name, place)?.unreachable.take();
            was.ok_or_else(|| place.unknown("absence of", name))?;
            proofs::sees_again(state, name, place.at);
        }
        Event::WindowsClosing { environment, windows } => state.told.note(environment, windows, place.at),
        Event::ReleaseRecorded { release } => {
            state.latest_release = Some(release.id);
            state.releases.entry(release.id).or_insert_with(|| Arc::new(release.clone()));
        }
        Event::PlanCreated { plan } => plan_created(state, plan, place)?,
        Event::PlanApproved { plan: id, by } => {
            let version = state.policy_version;
            plan(state, id, place)?.approvals.insert(by.clone(), version);
        }
        Event::PlanTried { plan: id, .. } => drop(plan(state, id, place)?),
        Event::RolloutStarted { rollout, plan, by, confirmation, acknowledged, bulk } => {
            let words = rollouts::Words { by, confirmation: *confirmation, acknowledged };
            rollouts::started(state, (rollout, plan), words, (bulk, place))?;
        }
        Event::RolloutPaused { rollout, reason } => rollouts::paused(state, rollout, reason, place)?,
        Event::RolloutResumed { rollout } => rollouts::resumed(state, rollout, place)?,
        Event::WaveStarted { rollout, place: at, databases } => {
            waves::started(state, (rollout, *at), databases, place)?;
        }
        Event::WaveBakes { rollout, until } => {
            waves::stage(state, rollout, Stage::Baking { until: *until }, place)?;
        }
        Event::WaveVerifies { rollout } => waves::verifies(state, rollout, place)?,
        Event::UndoGivenUp { rollout, why } => {
            rollouts::rollout(state, rollout, place)?.not_undone = Some(why.clone());
        }
        Event::WavePassed { rollout, .. } => waves::stage(state, rollout, Stage::Passed, place)?,
        Event::RolloutRetried { rollout, databases } => waves::retried(state, rollout, databases, place)?,
        Event::TargetSkipped { rollout, database, by, reason } => {
            let target = rollouts::target(rollouts::rollout(state, rollout, place)?, database, place)?;
            target.state = TargetState::Skipped { by: by.clone(), reason: reason.clone() };
        }
        Event::TargetOverdue { rollout, database, deadline } => {
            rollouts::target(rollouts::rollout(state, rollout, place)?, database, place)?.overdue =
                Some(*deadline);
        }
        Event::RolloutAborted { rollout } => rollouts::aborted(state, rollout, place)?,
        Event::RolloutFinished { rollout, verdict } => rollouts::finished(state, rollout, *verdict, place)?,
        Event::WindowOverridden { rollout, by, reason } => {
            rollouts::rollout(state, rollout, place)?.overridden = Some((by.clone(), reason.clone()));
        }
        Event::Frozen { environment, by, reason } => {
            let freeze = Freeze { by: by.clone(), reason: reason.clone(), since: place.at };
            state.freezes.insert(environment.clone(), freeze);
        }
        Event::Unfrozen { environment, .. } => {
            let known = state.freezes.remove(environment);
            known.ok_or_else(|| place.unknown("freeze", environment.as_ref().map_or("", |e| e.as_str())))?;
        }
        Event::TargetUpToDate { rollout, database } => rollouts::up_to_date(state, rollout, database, place)?,
        Event::TargetGivenUp { rollout, database, why } => {
            rollouts::given_up(state, (rollout, database), why.as_deref(), place)?;
        }
        Event::TargetCancelled { rollout, database } => rollouts::cancelled(state, rollout, database, place)?,
        Event::StatementResolved { database, resolution } => {
            rollouts::resolved(state, database, resolution, place)?;
        }
        Event::BackupChecked { database, backup, problems, quick, notes } => {
            let found = backups::Found { problems, notes, quick: *quick };
            backups::checked(state, (database, backup), &found, place)?;
        }
        Event::JobStarted { job, database, by, restore } => {
            jobs::started(state, (job, database, by.as_ref()), restore, place)?;
        }
        Event::JobTaken { job } => jobs::job(state, job, place)?.taken = true,
        Event::JobCancelled { job } => jobs::job(state, job, place)?.cancelled = true,
        Event::JobEnded { job, end } => jobs::ended(state, job, end, place)?,
        Event::BackupCondemned { database, backup, why } => {
            backups::condemned(state, (database, backup), why, place)?;
        }
        Event::BackupRemoved { database, backup } => backups::gone(state, (database, backup), place)?,
        Event::LedgerDoubted { database, witnessed, finding, head } => {
            witness::doubted(state, database, (witnessed, *finding, *head), place)?;
        }
        Event::LedgerAccepted { .. } => witness::accepted(state),
        Event::WitnessSetAside { database, reason } => witness::set_aside(state, database, reason, place)?,
        Event::WitnessHeard { database } => drop(state.trust.set_aside.remove(database)),
        Event::CommandIssued { command } => commands::issued(state, command, place)?,
        Event::CommandAccepted { command } => commands::accepted(state, command, place)?,
        Event::CommandFinished { command, outcome } => commands::finished(state, command, outcome, place)?,
    }
    Ok(())
}

fn token_created(state: &mut State, token: &JoinToken, place: Place) -> Result<(), IllegalEvent> {
    if state.tokens.contains_key(&token.id) {
        return Err(place.exists(&token.id));
    }
    void_tokens(state, &token.database);
    state.tokens.insert(token.id.clone(), token.clone());
    Ok(())
}

fn contested(
    state: &mut State,
    database: &DatabaseName,
    (serials, places): (&BTreeSet<String>, &[String]),
    place: Place,
) -> Result<(), IllegalEvent> {
    agent(state, database, place)?;
    let (serials, places) = (serials.clone(), places.to_vec());
    state.contested.insert(database.clone(), Contested { serials, places, since: place.at });
    Ok(())
}

fn operator_revoked(state: &mut State, operator: &OperatorName, place: Place) -> Result<(), IllegalEvent> {
    let known = state.operators.get_mut(operator).ok_or_else(|| place.unknown("operator", operator))?;
    known.certificates.revoked = true;
    Ok(())
}

fn revoked(state: &mut State, database: &DatabaseName, place: Place) -> Result<(), IllegalEvent> {
    agent(state, database, place)?.revoked = true;
    // Who is not listened to says nothing against the ledger.
    state.trust.doubts.remove(database);
    state.contested.remove(database);
    void_tokens(state, database);
    Ok(())
}

fn removed(state: &mut State, database: &DatabaseName, place: Place) -> Result<(), IllegalEvent> {
    let gone = state.databases.remove(database).ok_or_else(|| place.unknown("database", database))?;
    proofs::left(state, &gone, place.at);
    state.agents.remove(database);
    witness::forgotten(state, database);
    state.told.windows.remove(database);
    state.contested.remove(database);
    void_tokens(state, database);
    Ok(())
}

/// One invitation at a time: a newer one, an enrolment and a revocation end those before.
fn void_tokens(state: &mut State, database: &DatabaseName) {
    for token in state.tokens.values_mut().filter(|token| token.database == *database) {
        token.used = true;
    }
}

fn agent_enrolled(
    state: &mut State,
    (token, system_identifier, certificate): (&TokenId, &String, &Certificate),
    place: Place,
) -> Result<(), IllegalEvent> {
    let token = state.tokens.get(token).ok_or_else(|| place.unknown("token", token))?.clone();
    void_tokens(state, &token.database);
    witness::forgotten(state, &token.database);
    state.contested.remove(&token.database);
    state.agents.insert(token.database.clone(), Certificates::new(certificate.clone()));
    let before = state.databases.get(&token.database).map(Arc::clone);
    // Where it stays, nothing has changed: without it, for a moment, the others alone would have shown a release.
    if before.as_ref().is_none_or(|before| before.environment != token.environment) {
        if let Some(before) = &before {
            proofs::left(state, before, place.at);
        }
        proofs::joined(state, &token.environment, before.as_deref(), place.at);
    }
    drop(before);
    let database = state.databases.entry(token.database.clone()).or_insert_with(|| {
        Arc::new(Database {
            name: token.database.clone(),
            environment: token.environment.clone(),
            labels: token.labels.clone(),
            system_identifier: system_identifier.clone(),
            observed: None,
            fence: 0,
            in_flight: None,
            windows: Default::default(),
            carries: Default::default(),
            rates: Default::default(),
            resolution: None,
            unreachable: None,
            drift: None,
        })
    });
    let database = Arc::make_mut(database);
    database.environment = token.environment.clone();
    database.labels = token.labels.clone();
    Ok(())
}

fn plan_created(state: &mut State, plan: &Plan, place: Place) -> Result<(), IllegalEvent> {
    match state.plans.entry(plan.id.clone()) {
        Entry::Occupied(_) => Err(place.exists(&plan.id)),
        Entry::Vacant(free) => {
            free.insert(PlanState { plan: Arc::new(plan.clone()), approvals: Default::default() });
            Ok(())
        }
    }
}

fn plan<'a>(state: &'a mut State, id: &PlanId, place: Place) -> Result<&'a mut PlanState, IllegalEvent> {
    state.plans.get_mut(id).ok_or_else(|| place.unknown("plan", id))
}

fn agent<'a>(
    state: &'a mut State,
    database: &DatabaseName,
    place: Place,
) -> Result<&'a mut Certificates, IllegalEvent> {
    state.agents.get_mut(database).ok_or_else(|| place.unknown("agent", database))
}

pub(crate) fn database<'a>(
    state: &'a mut State,
    name: &DatabaseName,
    place: Place,
) -> Result<&'a mut Database, IllegalEvent> {
    state.databases.get_mut(name).map(Arc::make_mut).ok_or_else(|| place.unknown("database", name))
}

/// Takes over what was seen. Proofs live only as long as their migrations are applied. Windows live until their time
/// is over: a look that was taken before a run may be told after it, and must not cost the way back.
pub(crate) fn observed(
    state: &mut State,
    name: &DatabaseName,
    seen: &Observation,
    place: Place,
) -> Result<(), IllegalEvent> {
    let environment = &database(state, name, place)?.environment.clone();
    let length = state.policy.environment(environment).map_or(Span(0), |policy| policy.rollback_window);
    // What was applied without the controller being told (its agent was lost, the ledger is an old copy) can be taken
    // back as well, counted from when the database says that it was applied.
    let known = &database(state, name, place)?.windows.clone();
    let untold = seen.records.iter().filter(|record| !record.adopted && !known.contains_key(&record.version));
    let opened: Vec<_> = untold
        .map(|record| {
            let opened_at = record.applied_at.min(place.at);
            let backup = backups::perhaps_before(state, name, &record.version);
            (record.version.clone(), Window { opened_at, until: opened_at + length, backup })
        })
        .collect();
    let database = database(state, name, place)?;
    database.windows.retain(|version, window| {
        !window.expired(place.at) || seen.records.iter().any(|r| r.version == *version)
    });
    database.windows.extend(opened);
    let same_records = database.observed.as_ref().is_some_and(|(_, before)| before.records == seen.records);
    database.drift = database.drift.filter(|drift| same_records && drift.expected != seen.fingerprint);
    database.observed = Some((place.at, Arc::new(seen.clone())));
    proofs::seen(state, name, seen, place.at);
    Ok(())
}

/// Whether every migration of a release is applied, as the release has it.
pub(crate) fn has_all(seen: &Observation, release: &Release) -> bool {
    let has =
        |m: &Migration| seen.records.iter().any(|r| r.version == m.version && r.checksum == m.up.recorded());
    release.migrations.iter().all(has)
}

#[cfg(test)]
mod tests;
