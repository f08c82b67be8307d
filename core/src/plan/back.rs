//! From a target version and a database's records to the steps that take it back.

use std::collections::BTreeSet;

use super::forward::{going_on, step, unfinished};
use super::{Direction, Expectation, PlanProblem, Scales, TargetPlan};
use crate::database::{AppliedRecord, Database, Observation};
use crate::migration::{Migration, Version};
use crate::name::DatabaseName;
use crate::time::Timestamp;

/// What is to be taken back.
#[derive(Debug, Clone, Copy)]
pub enum Above<'a> {
    /// Everything that was applied after a version; `None`: everything.
    Version(Option<&'a Version>),
    /// These, which were applied last.
    These(&'a BTreeSet<Version>),
}

/// What a rollback would do to a database, last applied first. What is repeatable stays.
/// `find` gives the migration that a record stands for, from any release.
///
/// # Errors
/// Everything that stands against it.
pub fn plan_back<'a>(
    database: &Database,
    seen: &Observation,
    from: Above<'_>,
    find: impl Fn(&AppliedRecord) -> Option<&'a Migration>,
    (scales, now): (&mut Scales<'_>, Timestamp),
) -> Result<TargetPlan, Vec<PlanProblem>> {
    let above = from.of(&database.name, seen).map_err(|problem| vec![*problem])?;
    let (mut steps, mut problems) = (Vec::new(), Vec::new());
    for record in above.into_iter().rev() {
        problems.extend(closed(database, record, now));
        let found = find(record);
        match found.and_then(|m| Some((m, m.down.as_ref()?))) {
            Some((migration, down)) => {
                let step = step(&database.name, (migration, down), Direction::Down, scales);
                steps.push(going_on(step, seen));
            }
            None => problems.push(PlanProblem::NoRollback {
                database: database.name.clone(),
                version: record.version.clone(),
            }),
        }
    }
    if problems.is_empty() {
        let first = (Direction::Down, steps.first().map(|step: &super::Step| &step.version));
        problems.extend(unfinished(&database.name, seen, first));
    }
    if problems.is_empty() { Ok(TargetPlan::of(Expectation::from(seen), steps)) } else { Err(problems) }
}

impl Above<'_> {
    /// The records of what is to be taken back, in the order in which it was applied.
    fn of<'a>(
        self,
        name: &DatabaseName,
        seen: &'a Observation,
    ) -> Result<Vec<&'a AppliedRecord>, Box<PlanProblem>> {
        let records: Vec<_> = seen.versioned().collect();
        match self {
            Self::Version(None) => Ok(records),
            Self::Version(Some(target)) => above(records, target).ok_or_else(|| {
                Box::new(PlanProblem::NoSuchTarget { database: name.clone(), target: target.clone() })
            }),
            Self::These(versions) => {
                let is_one = |record: &&AppliedRecord| versions.contains(&record.version);
                let Some(first) = records.iter().position(is_one) else { return Ok(Vec::new()) };
                let last = &records[first..];
                match last.iter().find(|record| !is_one(record)) {
                    None => Ok(last.to_vec()),
                    Some(other) => Err(Box::new(PlanProblem::OutOfOrder {
                        database: name.clone(),
                        version: last[0].version.clone(),
                        applied: other.version.clone(),
                    })),
                }
            }
        }
    }
}

/// What was applied after the target. Where that is not applied itself, numbers tell.
fn above<'a>(records: Vec<&'a AppliedRecord>, target: &Version) -> Option<Vec<&'a AppliedRecord>> {
    if let Some(at) = records.iter().position(|record| record.version.same_number(target)) {
        return Some(records.into_iter().skip(at + 1).collect());
    }
    let are_numbers = target.is_number() && records.iter().all(|record| record.version.is_number());
    are_numbers.then(|| records.into_iter().filter(|record| record.version > *target).collect())
}

fn closed(database: &Database, record: &AppliedRecord, now: Timestamp) -> Option<PlanProblem> {
    if record.adopted {
        return Some(PlanProblem::Adopted {
            database: database.name.clone(),
            version: record.version.clone(),
        });
    }
    let window = database.windows.get(&record.version);
    let closed_at = match window {
        Some(window) if !window.expired(now) => return None,
        Some(window) => Some(window.until),
        None => None,
    };
    Some(PlanProblem::WindowClosed {
        database: database.name.clone(),
        version: record.version.clone(),
        closed_at,
    })
}
