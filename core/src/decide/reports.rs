//! What agents tell: observations, acceptances, results, silence.

use super::jobs::{is_being_replaced, server};
use crate::command::{CommandId, Outcome};
use crate::database::{Database, Observation};
use crate::event::Event;
use crate::name::DatabaseName;
use crate::request::Refusal;
use crate::rollout::{PauseReason, RolloutState, TargetState};
use crate::state::State;
use crate::time::Timestamp;

mod contradiction;

use contradiction::contradiction;

pub(super) fn observe(
    state: &State,
    database: &DatabaseName,
    observation: &Observation,
) -> Result<Vec<Event>, Refusal> {
    let known = state.database(database)?;
    if known.system_identifier != observation.system_identifier {
        // The one that was put in its place has not been told of yet.
        if is_being_replaced(state, database)
            && server(&known.system_identifier) == server(&observation.system_identifier)
        {
            return Ok(Vec::new());
        }
        return Err(Refusal::OtherDatabase { database: database.clone() });
    }
    if known.observed.as_ref().is_some_and(|(_, seen)| **seen == *observation) {
        return Ok(Vec::new());
    }
    let mut events =
        vec![Event::DatabaseObserved { database: database.clone(), observation: observation.clone() }];
    events.extend(drifted(known, observation));
    Ok(events)
}

/// Somebody else has changed the schema: nothing of pgbelay's is at work there, and what is applied is what it was. Where
/// the server or what it is asked under has changed as well, the same schema may read otherwise.
fn drifted(known: &Database, observation: &Observation) -> Option<Event> {
    let (_, seen) = known.observed.as_ref()?;
    let is_ours = known.in_flight.is_some() || seen.records != observation.records;
    let reads_alike = seen.server_version == observation.server_version
        && seen.conditions == observation.conditions
        && seen.system_identifier == observation.system_identifier;
    let differs = seen.fingerprint != observation.fingerprint;
    // Whoever changed it has taken that back.
    let is_as_it_was = known.drift.is_some_and(|drift| drift.expected == observation.fingerprint);
    (differs && reads_alike && !is_ours && !is_as_it_was).then(|| Event::DriftFound {
        database: known.name.clone(),
        expected: seen.fingerprint,
        found: observation.fingerprint,
    })
}

pub(super) fn accepted(state: &State, id: &CommandId, attempt: u32) -> Vec<Event> {
    let fits = state.commands.get(id).is_some_and(|c| !c.accepted && c.command.attempt == attempt);
    fits.then(|| Event::CommandAccepted { command: id.clone() }).into_iter().collect()
}

/// Takes a result once. A command that has come to its end, or another run of it, changes nothing.
/// A result that cannot be true tells nothing.
pub(super) fn report(state: &State, id: &CommandId, attempt: u32, outcome: &Outcome) -> Vec<Event> {
    let Some(known) = state.commands.get(id).filter(|c| c.command.attempt == attempt) else {
        return Vec::new();
    };
    let outcome = match contradiction(&known.command, outcome) {
        Some(what) => Outcome::Unknown { why: format!("the agent's report cannot be true: {what}") },
        None => outcome.clone(),
    };
    let told = !matches!(outcome, Outcome::Unknown { .. });
    if !told && is_unknown(state, id) {
        return Vec::new();
    }
    let mut events = vec![Event::CommandFinished { command: id.clone(), outcome }];
    if told {
        events.extend(resumed_by(state, &known.command.database));
    }
    events
}

fn is_unknown(state: &State, id: &CommandId) -> bool {
    let targets = state.open_rollouts().flat_map(|rollout| rollout.targets.values());
    targets.map(|t| &t.state).any(|t| match t {
        TargetState::Unknown { command, .. } => command == id,
        TargetState::Due
        | TargetState::Running { .. }
        | TargetState::Done
        | TargetState::Failed { .. }
        | TargetState::Refused { .. }
        | TargetState::Cancelled
        | TargetState::Unsettled { .. }
        | TargetState::Unverified { .. }
        | TargetState::Skipped { .. }
        | TargetState::NotReached => false,
    })
}

/// A pause that this database alone was the reason for is over.
fn resumed_by(state: &State, name: &DatabaseName) -> Option<Event> {
    let waiting = state.open_rollouts().find(|rollout| match &rollout.state {
        // Others may be unknown as well: then it pauses again, for those.
        RolloutState::Paused { reason: PauseReason::Unknown { .. } } => rollout.targets.contains_key(name),
        RolloutState::Paused { reason: PauseReason::AgentUnreachable { database } } => database == name,
        RolloutState::Paused {
            reason:
                PauseReason::Operator
                | PauseReason::Unsettled { .. }
                | PauseReason::Budget { .. }
                | PauseReason::Wave { .. }
                | PauseReason::NoProgress { .. }
                | PauseReason::Verification { .. }
                | PauseReason::ApprovalStale { .. }
                | PauseReason::Window { .. }
                | PauseReason::Freeze { .. },
        }
        | RolloutState::Running
        | RolloutState::Aborting
        | RolloutState::Finished { .. } => false,
    })?;
    Some(Event::RolloutResumed { rollout: waiting.id.clone() })
}

/// Of a database that was never seen, nothing has to be known.
pub(super) fn unreachable(state: &State, name: &DatabaseName, since: Timestamp) -> Vec<Event> {
    let known = state.databases.get(name);
    let is_new = known.is_some_and(|known| known.observed.is_some() && known.unreachable.is_none());
    let event = || Event::DatabaseUnreachable { database: name.clone(), since };
    is_new.then(event).into_iter().collect()
}

pub(super) fn reachable(state: &State, name: &DatabaseName) -> Vec<Event> {
    let was = state.databases.get(name).is_some_and(|known| known.unreachable.is_some());
    was.then(|| Event::DatabaseReachable { database: name.clone() }).into_iter().collect()
}

pub(super) fn agent_silent(state: &State, name: &DatabaseName) -> Vec<Event> {
    let busy = |rollout: &&crate::rollout::Rollout| {
        let running = rollout.state == RolloutState::Running;
        running && rollout.targets.get(name).is_some_and(|t| t.state.command().is_some())
    };
    let Some(rollout) = state.open_rollouts().find(busy) else {
        return not_waited_for(state, name).into_iter().collect();
    };
    let reason = PauseReason::AgentUnreachable { database: name.clone() };
    vec![Event::RolloutPaused { rollout: rollout.id.clone(), reason }]
}

/// An aborting rollout does not wait for an agent that is away: what happened there cannot be told.
fn not_waited_for(state: &State, name: &DatabaseName) -> Option<Event> {
    let aborting = |r: &&crate::rollout::Rollout| r.state == RolloutState::Aborting;
    let rollout = state.open_rollouts().filter(aborting).find(|r| r.targets.contains_key(name))?;
    let TargetState::Running { command } = &rollout.targets.get(name)?.state else { return None };
    let why = "the rollout was aborted while its agent was away".to_owned();
    Some(Event::CommandFinished { command: command.clone(), outcome: Outcome::Unknown { why } })
}

pub(super) fn agent_back(state: &State, name: &DatabaseName) -> Vec<Event> {
    let waiting = state.open_rollouts().find(|rollout| match &rollout.state {
        RolloutState::Paused { reason: PauseReason::AgentUnreachable { database } } => database == name,
        RolloutState::Paused {
            reason:
                PauseReason::Unknown { .. }
                | PauseReason::Operator
                | PauseReason::Unsettled { .. }
                | PauseReason::Budget { .. }
                | PauseReason::Wave { .. }
                | PauseReason::NoProgress { .. }
                | PauseReason::Verification { .. }
                | PauseReason::ApprovalStale { .. }
                | PauseReason::Window { .. }
                | PauseReason::Freeze { .. },
        }
        | RolloutState::Running
        | RolloutState::Aborting
        | RolloutState::Finished { .. } => false,
    });
    waiting.map(|rollout| Event::RolloutResumed { rollout: rollout.id.clone() }).into_iter().collect()
}
