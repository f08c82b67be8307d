//! Events of backups: one was made, was read again, was restored, was given up, is gone.

use std::sync::Arc;

use super::{IllegalEvent, Place};
use crate::backup::{BackupCheck, BackupId, KnownBackup};
use crate::command::{Backup, Command};
use crate::migration::Version;
use crate::name::DatabaseName;
use crate::plan::Direction;
use crate::retention::Condemnation;
use crate::rollout::Rollout;
use crate::state::State;

pub(super) fn made(state: &mut State, command: &Command, backup: &Backup, place: Place) {
    let known = KnownBackup {
        database: command.database.clone(),
        rollout: command.rollout.clone(),
        backup: backup.clone(),
        made_at: place.at,
        checked: None,
        restored_at: None,
        looked: None,
        condemned: None,
    };
    let of = (known.database.clone(), known.id().to_owned());
    state.condemned.remove(&of);
    state.backups.insert(of, Arc::new(known));
}

/// What was found: by reading all of it, or by a quick look.
pub(super) struct Found<'a> {
    pub(super) problems: &'a [String],
    pub(super) notes: &'a [String],
    pub(super) quick: bool,
}

pub(super) fn checked(
    state: &mut State,
    (database, backup): (&DatabaseName, &BackupId),
    found: &Found<'_>,
    place: Place,
) -> Result<(), IllegalEvent> {
    let known = known(state, (database, backup), place)?;
    let (problems, notes) = (found.problems.to_vec(), found.notes.to_vec());
    let check = Some(BackupCheck { at: place.at, problems, notes });
    if found.quick {
        known.looked = check;
    } else {
        (known.checked, known.looked) = (check, None);
    }
    Ok(())
}

/// A backup of a database that is not managed any more may be gone meanwhile.
pub(super) fn restored(state: &mut State, (database, backup): (&DatabaseName, &BackupId), place: Place) {
    if let Some(known) = state.backups.get_mut(&(database.clone(), backup.clone())) {
        let known = Arc::make_mut(known);
        known.restored_at = Some(place.at);
        // One copy came back: of the others it tells nothing.
        let notes = known.notes().to_vec();
        (known.checked, known.looked) =
            (Some(BackupCheck { at: place.at, problems: Vec::new(), notes }), None);
    }
}

/// What was wrong with it, if it was the backup that did not come back.
pub(super) fn not_restored(
    state: &mut State,
    (database, backup): (&DatabaseName, &BackupId),
    problems: &[String],
    place: Place,
) {
    if let Some(known) = state.backups.get_mut(&(database.clone(), backup.clone()))
        && !problems.is_empty()
    {
        let (problems, notes) = (problems.to_vec(), Vec::new());
        Arc::make_mut(known).checked = Some(BackupCheck { at: place.at, problems, notes });
    }
}

pub(super) fn condemned(
    state: &mut State,
    (database, backup): (&DatabaseName, &BackupId),
    why: &Condemnation,
    place: Place,
) -> Result<(), IllegalEvent> {
    known(state, (database, backup), place)?.condemned = Some(why.clone());
    state.condemned.insert((database.clone(), backup.clone()));
    Ok(())
}

pub(super) fn gone(
    state: &mut State,
    (database, backup): (&DatabaseName, &BackupId),
    place: Place,
) -> Result<(), IllegalEvent> {
    let of = (database.clone(), backup.clone());
    state.condemned.remove(&of);
    state.backups.remove(&of).map(drop).ok_or_else(|| place.unknown("backup", backup))
}

/// The backup of the last rollout that can have run a migration, where nobody told which one did.
pub(super) fn perhaps_before(state: &State, name: &DatabaseName, version: &Version) -> Option<BackupId> {
    let runs = |rollout: &&Rollout| {
        let planned = state.plan_of(rollout).and_then(|plan| plan.body.targets.get(name));
        let steps = planned.into_iter().flat_map(|target| &target.steps);
        steps.into_iter().any(|step| step.direction == Direction::Up && step.version == *version)
    };
    let about_it = state.rollouts_of.get(name).into_iter().flatten().rev();
    let last = about_it.filter_map(|id| state.rollouts.get(id)).map(Arc::as_ref).find(runs)?;
    last.targets.get(name)?.backup.as_ref().map(|backup| crate::backup::id_of(&backup.path).to_owned())
}

fn known<'s>(
    state: &'s mut State,
    (database, backup): (&DatabaseName, &BackupId),
    place: Place,
) -> Result<&'s mut KnownBackup, IllegalEvent> {
    let known = state.backups.get_mut(&(database.clone(), backup.clone()));
    known.map(Arc::make_mut).ok_or_else(|| place.unknown("backup", backup))
}
