//! From what another tool, or a person, says is applied to the records that are missing.

use std::collections::BTreeMap;

use pgbelay_analysis::Risk;

use super::forward::against_history;
use super::{Direction, Expectation, HistoryMark, PlanProblem, Recorded, Step, TargetPlan};
use crate::database::Observation;
use crate::history::{Adopted, Adoption, Misfit, Past, Table, Tool, adoption, baseline, past};
use crate::migration::Version;
use crate::name::DatabaseName;
use crate::release::Release;

/// The history tables of a database, or why they could not be read, in words.
pub type History = Result<Vec<Table>, String>;

/// The history tables of databases.
pub type AllHistories = BTreeMap<DatabaseName, History>;

/// What adopting the history of a database would record.
///
/// # Errors
/// Everything that stands against it.
pub fn plan_adopt(
    database: &DatabaseName,
    seen: &Observation,
    release: &Release,
    (history, tool): (Option<&History>, Option<Tool>),
) -> Result<TargetPlan, Vec<PlanProblem>> {
    let past = read(history, tool, release)
        .map_err(|what| vec![PlanProblem::NoHistory { database: database.clone(), what }])?;
    let Adoption { recorded, misfits } = adoption(release, &past);
    let (blocking, told): (Vec<Misfit>, Vec<Misfit>) = misfits.into_iter().partition(Misfit::blocks);
    let problem = |misfit| PlanProblem::Misfit { database: database.clone(), table: past.title(), misfit };
    let mut problems: Vec<PlanProblem> = blocking.into_iter().map(problem).collect();
    problems.extend(against_history(database, seen, release));
    if !problems.is_empty() {
        return Err(problems);
    }
    let mark = mark(&past);
    Ok(TargetPlan {
        expect: Expectation::from(seen),
        steps: missing(seen, &recorded),
        history: Some(mark),
        misfits: told,
    })
}

/// What taking a release to be applied up to a version would record; `None`: it does not have the version.
///
/// # Errors
/// Everything that stands against it.
pub fn plan_baseline(
    database: &DatabaseName,
    seen: &Observation,
    release: &Release,
    version: &Version,
) -> Option<Result<TargetPlan, Vec<PlanProblem>>> {
    let found = baseline(release, version)?;
    let problems = against_history(database, seen, release);
    if !problems.is_empty() {
        return Some(Err(problems));
    }
    Some(Ok(TargetPlan::of(Expectation::from(seen), missing(seen, &found.recorded))))
}

fn read(history: Option<&History>, tool: Option<Tool>, release: &Release) -> Result<Past, String> {
    match history {
        None => Err("its history tables were not read".to_owned()),
        Some(Err(why)) => Err(why.clone()),
        Some(Ok(tables)) => past(tables, tool, release.layout).map_err(|fault| fault.to_string()),
    }
}

fn mark(past: &Past) -> HistoryMark {
    let Past { tool, schema, name, digest, .. } = past;
    HistoryMark { tool: *tool, schema: schema.clone(), table: name.clone(), digest: *digest }
}

/// The steps that record what is not recorded yet.
fn missing(seen: &Observation, found: &[Adopted<'_>]) -> Vec<Step> {
    let is_missing = |adopted: &&Adopted<'_>| {
        let version = &adopted.migration.version;
        seen.records.iter().all(|record| record.version != *version)
    };
    found.iter().filter(is_missing).map(step).collect()
}

fn step(adopted: &Adopted<'_>) -> Step {
    let migration = adopted.migration;
    Step {
        version: migration.version.clone(),
        name: migration.name.clone(),
        direction: Direction::Up,
        sql: migration.up.checksum,
        checksum: migration.up.recorded(),
        risk: Risk::Low,
        reasons: vec![adopted.how.words().to_owned()],
        has_rollback: migration.down.is_some(),
        destroys: Vec::new(),
        judgement: None,
        autocommit: false,
        repeatable: migration.repeatable,
        replaces: None,
        origin: None,
        recorded: Some(Recorded {
            applied_at: adopted.applied_at,
            how: adopted.how,
            tool_checksum: adopted.tool_checksum.clone(),
        }),
    }
}
