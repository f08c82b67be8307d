//! Events of waves, and of what is tried again.

use std::collections::BTreeSet;

use super::rollouts::{rollout, target};
use super::{IllegalEvent, Place};
use crate::name::DatabaseName;
use crate::rollout::{RolloutId, Stage, TargetState, Wave};
use crate::state::State;

pub(super) fn started(
    state: &mut State,
    (id, at): (&RolloutId, usize),
    databases: &[DatabaseName],
    place: Place,
) -> Result<(), IllegalEvent> {
    let rollout = rollout(state, id, place)?;
    let taken = |name: &DatabaseName| rollout.waves.iter().any(|wave| wave.members.contains_key(name));
    if databases.iter().any(taken) {
        return Err(place.exists("a wave with one of these databases"));
    }
    if let Some(before) = rollout.waves.last_mut() {
        before.stage = Stage::Passed;
    }
    rollout.moved_at = place.at;
    rollout.waves.push(Wave::new(at, databases.iter().cloned()));
    Ok(())
}

pub(super) fn stage(
    state: &mut State,
    id: &RolloutId,
    stage: Stage,
    place: Place,
) -> Result<(), IllegalEvent> {
    let rollout = rollout(state, id, place)?;
    rollout.moved_at = place.at;
    rollout.waves.last_mut().ok_or_else(|| place.unknown("wave of", id))?.stage = stage;
    Ok(())
}

/// What was run in the last wave is asked the policy's queries once more.
pub(super) fn verifies(state: &mut State, id: &RolloutId, place: Place) -> Result<(), IllegalEvent> {
    stage(state, id, Stage::Verifying, place)?;
    let rollout = rollout(state, id, place)?;
    let members: Vec<_> =
        rollout.waves.last().into_iter().flat_map(|wave| wave.members.keys().cloned()).collect();
    for name in &members {
        let target = target(rollout, name, place)?;
        if target.state == TargetState::Done && !target.done.is_empty() {
            (target.state, target.verified, target.attempt) = (TargetState::Due, false, 0);
        }
    }
    Ok(())
}

/// What failed is due again, with a backup of its own: the one before does not have what was written since. A migration
/// that was cut off goes on after the backup that it began with.
pub(super) fn retried(
    state: &mut State,
    id: &RolloutId,
    databases: &BTreeSet<DatabaseName>,
    place: Place,
) -> Result<(), IllegalEvent> {
    let cut_off = |name: &&DatabaseName| {
        let seen = state.databases.get(*name).and_then(|database| database.observed.as_ref());
        seen.is_some_and(|(_, seen)| !seen.unfinished.is_empty())
    };
    let cut_off: BTreeSet<_> = databases.iter().filter(cut_off).cloned().collect();
    let rollout = rollout(state, id, place)?;
    rollout.not_undone = None;
    for name in databases {
        let target = target(rollout, name, place)?;
        if !cut_off.contains(name) {
            target.backup = None;
        }
        (target.attempt, target.cancelled, target.overdue) = (0, false, None);
        target.verified = false;
        target.state = TargetState::Due;
    }
    // What is waited for after a wave is that all of it is well.
    if let Some(wave) = rollout.waves.last_mut()
        && databases.iter().any(|name| wave.members.contains_key(name))
        && wave.stage != Stage::Passed
    {
        wave.stage = Stage::Working;
    }
    Ok(())
}
