//! From a release and a database's records to the steps that are missing.

use super::{Direction, Expectation, PlanProblem, Scales, Step, TargetPlan};
use crate::database::{AppliedRecord, Observation};
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
    let pending: Vec<&Migration> = release.migrations.iter().filter(|m| is_pending(m, seen)).collect();
    let mut problems = against_history(database, seen, release);
    problems.extend(out_of_order(database, seen, release, &pending));
    if problems.is_empty() {
        let up = |m: &Migration| Step {
            replaces: recorded(m, seen).map(|record| record.checksum),
            ..step(database, (m, &m.up), Direction::Up, scales)
        };
        let steps = pending.into_iter().map(up).collect();
        Ok(TargetPlan::of(Expectation::from(seen), steps))
    } else {
        Err(problems)
    }
}

fn recorded<'a>(migration: &Migration, seen: &'a Observation) -> Option<&'a AppliedRecord> {
    seen.records.iter().find(|record| record.version == migration.version)
}

fn is_pending(migration: &Migration, seen: &Observation) -> bool {
    match recorded(migration, seen) {
        None => true,
        Some(record) => migration.repeatable && record.checksum != migration.up.checksum,
    }
}

pub(super) fn against_history(
    database: &DatabaseName,
    seen: &Observation,
    release: &Release,
) -> Vec<PlanProblem> {
    let problem = |record: &AppliedRecord| {
        let (database, version) = (database.clone(), record.version.clone());
        match release.migration(&record.version) {
            None => Some(PlanProblem::NotInRelease { database, version }),
            Some(m) if m.up.checksum != record.checksum && !m.repeatable => {
                Some(PlanProblem::ChecksumChanged {
                    database,
                    version,
                    applied: record.checksum.short(),
                    file: m.up.checksum.short(),
                })
            }
            Some(_) => None,
        }
    };
    seen.records.iter().filter_map(problem).collect()
}

/// What comes before something that is applied, by the order of the release. What is repeatable has no place in it.
fn out_of_order(
    database: &DatabaseName,
    seen: &Observation,
    release: &Release,
    pending: &[&Migration],
) -> Vec<PlanProblem> {
    let ordered = |m: &&Migration| !m.repeatable;
    let is_applied = |m: &&Migration| recorded(m, seen).is_some();
    let Some(last) = release.migrations.iter().filter(ordered).rfind(is_applied) else { return Vec::new() };
    let before = release.migrations.iter().take_while(|m| m.version != last.version);
    let late = before.filter(ordered).filter(|m| pending.iter().any(|one| one.version == m.version));
    late.map(|m| PlanProblem::OutOfOrder {
        database: database.clone(),
        version: m.version.clone(),
        applied: last.version.clone(),
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
        autocommit: script.autocommit,
        repeatable: migration.repeatable,
        replaces: None,
        origin: migration.origin.clone(),
        recorded: None,
    }
}
