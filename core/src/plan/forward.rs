//! From a release and a database's records to the steps that are missing.

use super::{Direction, Expectation, PlanProblem, Scales, Step, TargetPlan};
use crate::database::Observation;
use crate::migration::{Migration, ScriptFacts};
use crate::name::DatabaseName;
use crate::release::Release;

/// What a release would do to a database.
///
/// # Errors
/// Everything that stands against it.
pub fn plan_forward(
    database: &DatabaseName,
    seen: &Observation,
    release: &Release,
    scales: &mut Scales<'_>,
) -> Result<TargetPlan, Vec<PlanProblem>> {
    let pending: Vec<&Migration> =
        release.migrations.iter().filter(|m| seen.records.iter().all(|r| r.version != m.version)).collect();
    let mut problems = against_history(database, seen, release);
    problems.extend(out_of_order(database, seen, &pending));
    if problems.is_empty() {
        let steps = pending.into_iter().map(|m| step(database, (m, &m.up), Direction::Up, scales)).collect();
        Ok(TargetPlan { expect: Expectation::from(seen), steps })
    } else {
        Err(problems)
    }
}

fn against_history(database: &DatabaseName, seen: &Observation, release: &Release) -> Vec<PlanProblem> {
    let problem = |record: &crate::database::AppliedRecord| {
        let (database, version) = (database.clone(), record.version.clone());
        match release.migration(&record.version) {
            None => Some(PlanProblem::NotInRelease { database, version }),
            Some(m) if m.up.checksum != record.checksum => Some(PlanProblem::ChecksumChanged {
                database,
                version,
                applied: record.checksum.short(),
                file: m.up.checksum.short(),
            }),
            Some(_) => None,
        }
    };
    seen.records.iter().filter_map(problem).collect()
}

fn out_of_order(database: &DatabaseName, seen: &Observation, pending: &[&Migration]) -> Vec<PlanProblem> {
    let Some(highest) = seen.records.iter().map(|r| &r.version).max() else { return Vec::new() };
    let late = pending.iter().filter(|m| m.version < *highest);
    late.map(|m| PlanProblem::OutOfOrder {
        database: database.clone(),
        version: m.version.clone(),
        applied: highest.clone(),
    })
    .collect()
}

/// A step of a database, weighed.
pub(super) fn step(
    database: &DatabaseName,
    (migration, script): (&Migration, &ScriptFacts),
    direction: Direction,
    scales: &mut Scales<'_>,
) -> Step {
    let word = scales.weigh(database, (migration, script), direction);
    let alone = script.not_transactional.first().map(|statement| {
        format!("runs outside of a transaction, so that it cannot be rolled back with the rest: {statement}")
    });
    Step {
        version: migration.version.clone(),
        name: migration.name.clone(),
        direction,
        sql: script.checksum,
        checksum: migration.up.checksum,
        risk: word.risk,
        reasons: word.reasons.into_iter().chain(alone).collect(),
        has_rollback: migration.down.is_some(),
        destroys: script.destroys.clone(),
        judgement: word.judgement,
    }
}
