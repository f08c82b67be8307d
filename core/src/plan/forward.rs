//! From a release and a database's records to the steps that are missing.

use pgbelay_analysis::Risk;

use super::{Direction, Expectation, PlanProblem, Step, TargetPlan};
use crate::database::Observation;
use crate::migration::{Migration, ScriptFacts};
use crate::name::DatabaseName;
use crate::policy::Policy;
use crate::release::Release;

/// What a release would do to a database.
///
/// # Errors
/// Everything that stands against it.
pub fn plan_forward(
    database: &DatabaseName,
    seen: &Observation,
    release: &Release,
    policy: &Policy,
) -> Result<TargetPlan, Vec<PlanProblem>> {
    let pending: Vec<&Migration> =
        release.migrations.iter().filter(|m| seen.records.iter().all(|r| r.version != m.version)).collect();
    let mut problems = against_history(database, seen, release);
    problems.extend(out_of_order(database, seen, &pending));
    problems.extend(pending.iter().filter_map(|m| not_transactional(database, m, &m.up)));
    if problems.is_empty() {
        let steps = pending.into_iter().map(|m| step(m, &m.up, Direction::Up, policy)).collect();
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

pub(super) fn not_transactional(
    database: &DatabaseName,
    migration: &Migration,
    script: &ScriptFacts,
) -> Option<PlanProblem> {
    script.not_transactional.first().map(|why| PlanProblem::NotTransactional {
        database: database.clone(),
        version: migration.version.clone(),
        why: why.clone(),
    })
}

pub(super) fn step(
    migration: &Migration,
    script: &ScriptFacts,
    direction: Direction,
    policy: &Policy,
) -> Step {
    let (risk, reasons) = risk(script, policy);
    Step {
        version: migration.version.clone(),
        name: migration.name.clone(),
        direction,
        sql: script.checksum,
        checksum: migration.up.checksum,
        risk,
        reasons,
        has_rollback: migration.down.is_some(),
        destroys: script.destroys.clone(),
    }
}

/// The highest risk of a script's statements, with the reasons of every statement, weightiest first.
fn risk(script: &ScriptFacts, policy: &Policy) -> (Risk, Vec<String>) {
    let mut weighed = Vec::new();
    for statement in &script.statements {
        let level = policy.risk_of(&statement.kind, statement.risk);
        let changed = (level != statement.risk)
            .then(|| format!("policy says {level} instead of {} for {}", statement.risk, statement.kind));
        weighed.extend(statement.reasons.iter().cloned().chain(changed).map(|reason| (level, reason)));
    }
    weighed.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    let highest =
        script.statements.iter().map(|s| policy.risk_of(&s.kind, s.risk)).max().unwrap_or(Risk::Low);
    let mut reasons: Vec<String> = Vec::new();
    for (_, reason) in weighed {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    (highest, bounded(reasons))
}

/// Most reasons of one step: more than a person reads before an answer.
const MAX_REASONS: usize = 20;

fn bounded(mut reasons: Vec<String>) -> Vec<String> {
    if let Some(more) = reasons.len().checked_sub(MAX_REASONS).filter(|n| *n > 0) {
        reasons.truncate(MAX_REASONS);
        reasons.push(format!("and {more} more"));
    }
    reasons
}
