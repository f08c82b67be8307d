//! From a release and a database's records to the steps that are missing.

use super::{Direction, Expectation, PlanProblem, Scales, Step, TargetPlan};
use crate::database::{AppliedRecord, Observation, Unfinished};
use crate::migration::{Migration, ScriptFacts, Version};
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
        problems.extend(unfinished(database, seen, (Direction::Up, pending.first().map(|m| &m.version))));
    }
    if problems.is_empty() {
        let up = |m: &Migration| Step {
            replaces: recorded(m, seen).map(|record| record.checksum),
            ..step(database, (m, &m.up), Direction::Up, scales)
        };
        let steps = pending.into_iter().map(up).map(|step| going_on(step, seen)).collect();
        Ok(TargetPlan::of(Expectation::from(seen), steps))
    } else {
        Err(problems)
    }
}

/// A migration that has begun comes first; nothing is run over a half of it.
pub(super) fn unfinished(
    database: &DatabaseName,
    seen: &Observation,
    first: (Direction, Option<&Version>),
) -> Option<PlanProblem> {
    let (direction, Some(first)) = first else { return None };
    let other = seen.unfinished.iter().find(|one| one.version != *first || one.direction != direction)?;
    Some(PlanProblem::Unfinished {
        database: database.clone(),
        version: other.version.clone(),
        direction: other.direction,
    })
}

/// Says where a migration goes on that has begun.
pub(super) fn going_on(mut step: Step, seen: &Observation) -> Step {
    let begun =
        seen.unfinished.iter().find(|one| one.version == step.version && one.direction == step.direction);
    if let Some(Unfinished { done, pieces, open, .. }) = begun {
        let open = if open.is_some() { "; the one after that was begun, and is looked at first" } else { "" };
        let words = format!("goes on where it was cut off: {done} of {pieces} pieces are done{open}");
        step.reasons.insert(0, words);
    }
    step
}

fn recorded<'a>(migration: &Migration, seen: &'a Observation) -> Option<&'a AppliedRecord> {
    seen.records.iter().find(|record| record.version == migration.version)
}

fn is_pending(migration: &Migration, seen: &Observation) -> bool {
    match recorded(migration, seen) {
        None => true,
        Some(record) => migration.repeatable && record.checksum != migration.up.recorded(),
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
            Some(m) if m.up.recorded() != record.checksum && !m.repeatable => {
                Some(PlanProblem::ChecksumChanged {
                    database,
                    version,
                    applied: record.checksum.short(),
                    file: m.up.recorded().short(),
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
        checksum: migration.up.recorded(),
        risk: word.risk,
        reasons: alone.into_iter().chain(word.reasons).collect(),
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
