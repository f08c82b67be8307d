//! From a target version and a database's records to the steps that take it back.

use super::forward::step;
use super::{Direction, Expectation, PlanProblem, Scales, TargetPlan};
use crate::database::{AppliedRecord, Database, Observation};
use crate::migration::{Migration, Version};
use crate::time::Timestamp;

/// What a rollback to `target` would do to a database: everything above it, last applied first.
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
    let above = |r: &&AppliedRecord| {
        target.is_none_or(|target| r.version > *target && !r.version.same_number(target))
    };
    let (mut steps, mut problems) = (Vec::new(), Vec::new());
    for record in seen.records.iter().rev().filter(above) {
        problems.extend(closed(database, record, now));
        let found = find(record);
        match found.and_then(|m| Some((m, m.down.as_ref()?))) {
            Some((migration, down)) => {
                steps.push(step(&database.name, (migration, down), Direction::Down, scales));
            }
            None => problems.push(PlanProblem::NoRollback {
                database: database.name.clone(),
                version: record.version.clone(),
            }),
        }
    }
    if problems.is_empty() {
        Ok(TargetPlan { expect: Expectation::from(seen), steps })
    } else {
        Err(problems)
    }
}

fn closed(database: &Database, record: &AppliedRecord, now: Timestamp) -> Option<PlanProblem> {
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
