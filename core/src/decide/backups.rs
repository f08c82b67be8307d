//! What was found in a backup, and which ones go.

use std::collections::BTreeSet;

use crate::backup::{BackupId, Looks, Unusable};
use crate::event::Event;
use crate::name::DatabaseName;
use crate::plan::{Direction, Plan};
use crate::request::Refusal;
use crate::retention::{Fate, judge};
use crate::state::State;
use crate::time::Timestamp;

/// All of it was read again.
pub(super) fn checked(
    state: &State,
    (database, backup): (&DatabaseName, &BackupId),
    problems: &[String],
    notes: &[String],
) -> Result<Vec<Event>, Refusal> {
    state.backup(database, backup)?;
    Ok(vec![Event::BackupChecked {
        database: database.clone(),
        backup: backup.clone(),
        problems: problems.to_vec(),
        quick: false,
        notes: notes.to_vec(),
    }])
}

/// It was looked at. Only what is new goes on record, and what is gone meanwhile is nobody's concern.
pub(super) fn looked(
    state: &State,
    (database, backup): (&DatabaseName, &BackupId),
    problems: &[String],
) -> Vec<Event> {
    let Ok(known) = state.backup(database, backup) else { return Vec::new() };
    let before = known.looked.as_ref().map(|look| look.problems.as_slice()).unwrap_or_default();
    if before == problems {
        return Vec::new();
    }
    vec![Event::BackupChecked {
        database: database.clone(),
        backup: backup.clone(),
        problems: problems.to_vec(),
        quick: true,
        notes: Vec::new(),
    }]
}

/// Gives up those of some backups that may go at this moment; the others stay.
pub(super) fn condemn(
    state: &State,
    (database, backups): (&DatabaseName, &BTreeSet<BackupId>),
    now: Timestamp,
) -> Vec<Event> {
    let judged = judge(state, database, now).into_iter();
    let event = |(backup, fate): (BackupId, Fate)| match fate {
        Fate::Goes(why) => Some(Event::BackupCondemned { database: database.clone(), backup, why }),
        Fate::Stays(_) | Fate::Condemned(_) => None,
    };
    let named = judged.map(|one| (one.backup.id().to_owned(), one.fate));
    named.filter(|(backup, _)| backups.contains(backup)).filter_map(event).collect()
}

/// The agent says that a backup is gone. What nobody gave up is not forgotten.
pub(super) fn gone(state: &State, database: &DatabaseName, backup: &BackupId) -> Vec<Event> {
    let (database, backup) = (database.clone(), backup.clone());
    let given_up = state.condemned.contains(&(database.clone(), backup.clone()));
    given_up.then_some(Event::BackupRemoved { database, backup }).into_iter().collect()
}

/// The backups that a plan's way back rests on, each once.
#[must_use]
pub fn rests_on(state: &State, plan: &Plan) -> BTreeSet<(DatabaseName, BackupId)> {
    let of_target = |(name, target): (&DatabaseName, &crate::plan::TargetPlan)| {
        let windows = state.databases.get(name).map(|database| &database.windows);
        let back = target.steps.iter().filter(|step| step.direction == Direction::Down);
        let backups = back.filter_map(|step| windows?.get(&step.version)?.backup.clone());
        backups.map(|backup| (name.clone(), backup)).collect::<Vec<_>>()
    };
    plan.body.targets.iter().flat_map(of_target).collect()
}

/// Every backup that a plan's way back rests on is of use, as far as it is on record.
pub(super) fn usable(state: &State, plan: &Plan) -> Result<(), Refusal> {
    let mut unusable: Vec<Unusable> = Vec::new();
    for (name, target) in &plan.body.targets {
        let back = target.steps.iter().filter(|step| step.direction == Direction::Down);
        unusable.extend(back.filter_map(|step| state.unusable(name, &step.version)));
    }
    if unusable.is_empty() { Ok(()) } else { Err(Refusal::NoWayBack(unusable)) }
}

/// Every such backup was looked at for this start.
pub(super) fn seen(state: &State, plan: &Plan, looks: &Looks) -> Result<(), Refusal> {
    for (database, backup) in rests_on(state, plan) {
        let why = match looks.get(&(database.clone(), backup.clone())) {
            Some(Ok(())) => continue,
            Some(Err(why)) => why.clone(),
            None => "nobody has looked".to_owned(),
        };
        return Err(Refusal::NotLookedAt { database, backup, why });
    }
    Ok(())
}
