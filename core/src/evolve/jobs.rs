//! Events of jobs: what became of a backup that was restored.

use std::sync::Arc;

use super::{IllegalEvent, Place, backups, database, observed};
use crate::database::Observation;
use crate::job::{Destination, Job, JobEnd, JobId, Restore, Restored};
use crate::name::{DatabaseName, OperatorName};
use crate::state::State;

pub(super) fn started(
    state: &mut State,
    (id, of, by): (&JobId, &DatabaseName, Option<&OperatorName>),
    restore: &Restore,
    place: Place,
) -> Result<(), IllegalEvent> {
    database(state, of, place)?;
    let job = Job {
        id: id.clone(),
        database: of.clone(),
        by: by.cloned(),
        restore: restore.clone(),
        started_at: place.at,
        taken: false,
        cancelled: false,
        ended: None,
    };
    state.open_jobs.entry(of.clone()).or_default().push(id.clone());
    match state.jobs.insert(id.clone(), Arc::new(job)) {
        Some(_) => Err(place.exists(id)),
        None => Ok(()),
    }
}

pub(super) fn job<'a>(state: &'a mut State, id: &JobId, place: Place) -> Result<&'a mut Job, IllegalEvent> {
    state.jobs.get_mut(id).map(Arc::make_mut).ok_or_else(|| place.unknown("job", id))
}

pub(super) fn ended(state: &mut State, id: &JobId, end: &JobEnd, place: Place) -> Result<(), IllegalEvent> {
    let job = job(state, id, place)?;
    job.ended = Some((place.at, end.clone()));
    let (of, restore) = (job.database.clone(), job.restore.clone());
    if let Some(open) = state.open_jobs.get_mut(&of) {
        open.retain(|one| one != id);
    }
    if restore.into == Destination::Scratch {
        let proven = matches!(end, JobEnd::Restored(_));
        state.last_proofs.insert(of.clone(), (place.at, proven));
    }
    match end {
        JobEnd::Restored(restored) => {
            // Some tables of it say nothing of the others.
            match restore.into {
                Destination::Scratch | Destination::New { .. } | Destination::InPlace { .. } => {
                    backups::restored(state, (&of, &restore.backup), place);
                }
                Destination::Tables { .. } => {}
            }
            replaced(state, &of, restored, place)
        }
        JobEnd::Failed { problems, .. } => {
            backups::not_restored(state, (&of, &restore.backup), problems, place);
            Ok(())
        }
        JobEnd::Cancelled | JobEnd::Interrupted { .. } => Ok(()),
    }
}

/// Another database is in the place of the managed one: what was run since the backup is not there any more.
fn replaced(
    state: &mut State,
    of: &DatabaseName,
    restored: &Restored,
    place: Place,
) -> Result<(), IllegalEvent> {
    let Some(seen) = &restored.observation else { return Ok(()) };
    let managed = database(state, of, place)?;
    managed.system_identifier = seen.system_identifier.clone();
    managed.windows.retain(|version, _| has(seen, version.as_str()));
    managed.resolution = None;
    observed(state, of, seen, place)
}

fn has(seen: &Observation, version: &str) -> bool {
    seen.records.iter().any(|record| record.version.as_str() == version)
}
