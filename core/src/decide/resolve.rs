//! A person's word on a statement that was cut off: whether it took effect.
//!
//! It is asked for only where the catalogue does not tell, and it is the only way on: nothing is repeated blindly.

use super::{asked_by, given};
use crate::command::Resolution;
use crate::event::{Actor, Event};
use crate::migration::Version;
use crate::name::DatabaseName;
use crate::request::Refusal;
use crate::rollout::{PauseReason, Rollout, RolloutState, TargetState};
use crate::state::State;

pub(super) fn resolve(
    state: &State,
    (name, version): (&DatabaseName, &Version),
    (done, reason): (bool, &str),
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let (by, reason) = (asked_by(actor)?, given(reason)?);
    if let Some(command) = &state.database(name)?.in_flight
        && let Some(known) = state.commands.get(command)
    {
        // It may be running still.
        return Err(Refusal::Busy { database: name.clone(), rollout: known.command.rollout.clone() });
    }
    let (rollout, open) = waiting(state, name).unzip();
    let open = open.flatten().or_else(|| unfinished(state, name, version));
    let Some((_, piece, intent)) = open.as_ref().filter(|(open, ..)| open == version) else {
        let (database, version) = (name.clone(), version.clone());
        return Err(Refusal::NothingToResolve { database, version, open: open.map(|(version, ..)| version) });
    };
    let resolution =
        Resolution { version: version.clone(), piece: *piece, intent: *intent, done, reason, by };
    let mut events = vec![Event::StatementResolved { database: name.clone(), resolution }];
    let paused = rollout.filter(|rollout| match &rollout.state {
        RolloutState::Paused { reason: PauseReason::Unsettled { database } } => database == name,
        RolloutState::Paused { .. }
        | RolloutState::Running
        | RolloutState::Aborting
        | RolloutState::Finished { .. } => false,
    });
    events.extend(paused.map(|rollout| Event::RolloutResumed { rollout: rollout.id.clone() }));
    Ok(events)
}

/// The migration, the piece and the intent.
type Open = (Version, u32, i64);

/// The rollout that works on a database, and the statement that it waits for.
fn waiting<'a>(state: &'a State, name: &DatabaseName) -> Option<(&'a Rollout, Option<Open>)> {
    state.open_rollouts().find_map(|rollout| {
        let statement = match &rollout.targets.get(name)?.state {
            TargetState::Unsettled { statement } => {
                Some((statement.version.clone(), statement.piece, statement.intent))
            }
            TargetState::Due
            | TargetState::Running { .. }
            | TargetState::Done
            | TargetState::Failed { .. }
            | TargetState::Refused { .. }
            | TargetState::Cancelled
            | TargetState::Unknown { .. }
            | TargetState::Unverified { .. }
            | TargetState::Skipped { .. }
            | TargetState::NotReached => None,
        };
        Some((rollout, statement))
    })
}

/// Where no rollout waits any more, the database itself still knows; what is said counts for the next run. The migration
/// that is asked for, or another one.
fn unfinished(state: &State, name: &DatabaseName, version: &Version) -> Option<Open> {
    let (_, seen) = state.databases.get(name)?.observed.as_ref()?;
    let open = || seen.unfinished.iter().filter_map(|one| Some((one, one.open?)));
    let found = open().find(|(one, _)| one.version == *version).or_else(|| open().next());
    found.map(|(one, intent)| (one.version.clone(), one.done + 1, intent))
}
