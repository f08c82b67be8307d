//! What was run where: one line for each migration of each database, newest first.

use std::cmp::Reverse;

use pgbelay_core::acknowledge::{Acknowledgement, NOT_JUDGED, of_step};
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::plan::{Plan, Step};
use pgbelay_core::rollout::{Rollout, Target, TargetState};
use pgbelay_core::state::State;
use pgbelay_proto::wire;

use super::plan::direction;
use super::rollout::{confirmation, error};
use crate::clock::rfc3339;

/// Which lines are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of one database only.
    pub database: Option<DatabaseName>,
    /// At most so many.
    pub limit: usize,
}

/// One line, not yet in words: a fleet has many more of them than are wanted.
struct Line<'a> {
    rollout: &'a Rollout,
    plan: &'a Plan,
    database: &'a DatabaseName,
    target: &'a Target,
    step: &'a Step,
    state: &'static str,
}

/// The history of the environments that are wanted, newest first.
#[must_use]
pub fn history(
    state: &State,
    filter: &Filter,
    wanted: impl Fn(&EnvironmentName) -> bool,
) -> Vec<wire::HistoryEntry> {
    let mut rollouts: Vec<_> =
        state.rollouts.values().filter(|rollout| wanted(&rollout.environment)).collect();
    rollouts.sort_by_key(|rollout| rollout.started_at);
    let mut lines: Vec<Line<'_>> = Vec::new();
    for rollout in rollouts {
        let Some(plan) = state.plan_of(rollout) else { continue };
        for (database, target) in &rollout.targets {
            if filter.database.as_ref().is_none_or(|wanted| wanted == database) {
                lines.extend(of_target(rollout, plan, database, target));
            }
        }
    }
    // Stable: what has one time stays in its order, the last one first.
    lines.reverse();
    lines.sort_by_key(|line| Reverse(line.target.moved_at));
    lines.iter().take(filter.limit).map(in_words).collect()
}

fn of_target<'a>(
    rollout: &'a Rollout,
    plan: &'a Plan,
    database: &'a DatabaseName,
    target: &'a Target,
) -> impl Iterator<Item = Line<'a>> {
    let steps = plan.body.targets.get(database).map(|planned| planned.steps.as_slice()).unwrap_or_default();
    let is_done = |step: &Step| target.done.iter().any(|done| done.version == step.version);
    let stopped_at = steps.iter().find(|step| !is_done(step)).map(|step| &step.version);
    let may_have_begun = plan.body.backup.rules().is_none() || target.backup.is_some();
    steps.iter().filter_map(move |step| {
        let is_next = stopped_at == Some(&step.version);
        let state = match &target.state {
            _ if is_done(step) => "done",
            TargetState::Failed { failure } if failure.version.as_ref() == Some(&step.version) => "failed",
            TargetState::Unknown { .. } if may_have_begun => "unknown",
            TargetState::Unsettled { statement } if statement.version == step.version => "unknown",
            TargetState::Refused { .. } if is_next => "refused",
            TargetState::Cancelled if is_next => "cancelled",
            TargetState::Failed { .. }
            | TargetState::Unknown { .. }
            | TargetState::Unsettled { .. }
            | TargetState::Refused { .. }
            | TargetState::Cancelled
            | TargetState::Due
            | TargetState::Running { .. }
            | TargetState::Done
            | TargetState::Unverified { .. }
            | TargetState::Skipped { .. }
            | TargetState::NotReached => return None,
        };
        Some(Line { rollout, plan, database, target, step, state })
    })
}

fn in_words(line: &Line<'_>) -> wire::HistoryEntry {
    let Line { rollout, plan, database, target, step, state } = line;
    let of_step = of_step(&plan.body, step);
    let not_judged = |word: &Acknowledgement| {
        word.hazard == NOT_JUDGED && word.object.as_deref() == Some(database.as_str())
    };
    let is_of_it = |word: &&Acknowledgement| of_step.contains(*word) || not_judged(word);
    let acknowledged = rollout.acknowledged.iter().filter(is_of_it);
    let error = if *state == "done" { None } else { error(database, target) };
    wire::HistoryEntry {
        at: rfc3339(target.moved_at),
        database: database.to_string(),
        environment: rollout.environment.to_string(),
        rollout: rollout.id.to_string(),
        direction: direction(step.direction).to_owned(),
        version: step.version.to_string(),
        name: step.name.clone(),
        state: (*state).to_owned(),
        by: rollout.started_by.to_string(),
        confirmation: confirmation(rollout.confirmation).to_owned(),
        error: error.map(|error| error.message).unwrap_or_default(),
        acknowledged: acknowledged.map(ToString::to_string).collect(),
    }
}
