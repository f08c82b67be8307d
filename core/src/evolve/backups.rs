//! Events of backups: one was made, one was read again, one was restored.

use std::sync::Arc;

use super::{IllegalEvent, Place};
use crate::backup::{BackupCheck, BackupId, KnownBackup};
use crate::command::{Backup, Command};
use crate::name::DatabaseName;
use crate::state::State;

pub(super) fn made(state: &mut State, command: &Command, backup: &Backup, place: Place) {
    let known = KnownBackup {
        database: command.database.clone(),
        rollout: command.rollout.clone(),
        backup: backup.clone(),
        made_at: place.at,
        checked: None,
        restored_at: None,
    };
    let of = (known.database.clone(), known.id().to_owned());
    state.backups.insert(of, Arc::new(known));
}

pub(super) fn checked(
    state: &mut State,
    (database, backup): (&DatabaseName, &BackupId),
    problems: &[String],
    place: Place,
) -> Result<(), IllegalEvent> {
    let known = state.backups.get_mut(&(database.clone(), backup.clone()));
    let known = known.ok_or_else(|| place.unknown("backup", backup))?;
    Arc::make_mut(known).checked = Some(BackupCheck { at: place.at, problems: problems.to_vec() });
    Ok(())
}

/// A backup of a database that is not managed any more may be gone meanwhile.
pub(super) fn restored(state: &mut State, (database, backup): (&DatabaseName, &BackupId), place: Place) {
    if let Some(known) = state.backups.get_mut(&(database.clone(), backup.clone())) {
        let known = Arc::make_mut(known);
        known.restored_at = Some(place.at);
        known.checked = Some(BackupCheck { at: place.at, problems: Vec::new() });
    }
}
