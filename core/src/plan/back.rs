//! From a target version and a database's records to the steps that take it back.

use super::forward::{going_on, step, unfinished};
use super::{Direction, Expectation, PlanProblem, Scales, TargetPlan};
use crate::database::{AppliedRecord, Database, Observation};
use crate::migration::{Migration, Version};
use crate::time::Timestamp;

/// What a rollback to `target` would do to a database: everything that was applied after it, last applied first. What
/// is repeatable stays.
/// `find` gives the migration that a record stands for, from any release.
///
/// # Errors
/// Everything that stands against it.
pub fn plan_back<'a>(
    database: &Database,
    seen: &Observation,
    target: Option<&Version>,
    find: impl Fn(&AppliedRecord) -> Option<&'a Migration>,
    (scales, now): (&mut Scales<'_>, Timestamp),
) -> Result<TargetPlan, Vec<PlanProblem>> {
    let Some(above) = above(seen, target) else {
        let (database, target) = (database.name.clone(), target.cloned());
        return Err(target
            .map(|target| PlanProblem::NoSuchTarget { database, target })
            .into_iter()
            .collect());
    };
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

/// What was applied after the target. Where that is not applied itself, numbers tell.
fn above<'a>(seen: &'a Observation, target: Option<&Version>) -> Option<Vec<&'a AppliedRecord>> {
    let records: Vec<_> = seen.versioned().collect();
    let Some(target) = target else { return Some(records) };
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
