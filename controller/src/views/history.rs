//! What was run where: one line for each migration of each database, newest first.

use std::cmp::Reverse;

use pgbelay_core::acknowledge::{Acknowledgement, NOT_JUDGED, of_step};
use pgbelay_core::migration::Version;
use pgbelay_core::name::{DatabaseName, EnvironmentName, OperatorName};
use pgbelay_core::plan::{Goal, Plan, Step};
use pgbelay_core::policy::Rehearsal;
use pgbelay_core::rollout::{Rollout, Target, TargetState};
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::wire;

use super::plan::direction;
use super::rollout::{confirmation, error};
use crate::clock::rfc3339;

/// Which lines are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of one database only.
    pub database: Option<DatabaseName>,
    /// Of one migration only.
    pub version: Option<Version>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// The words for how it ended, of which one must hold; empty: all.
    pub results: Vec<Outcome>,
    /// Started by one operator only.
    pub by: Option<OperatorName>,
}

impl Filter {
    fn takes(&self, line: &Line<'_>) -> bool {
        let at = line.target.moved_at;
        self.version.as_ref().is_none_or(|version| *version == line.step.version)
            && self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at < until)
            && (self.results.is_empty() || self.results.contains(&line.outcome))
    }
}

/// How a migration ended on a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was applied, or taken back.
    Done,
    /// It was tried and failed.
    Failed,
    /// The agent would not start it.
    Refused,
    /// Somebody ended it.
    Cancelled,
    /// What came of it cannot be told.
    Unknown,
}

impl Outcome {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Done, Self::Failed, Self::Refused, Self::Cancelled, Self::Unknown];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

/// One line, not yet in words: a fleet has many more of them than are wanted.
#[derive(Debug)]
pub struct Line<'a> {
    rollout: &'a Rollout,
    plan: &'a Plan,
    database: &'a DatabaseName,
    target: &'a Target,
    step: &'a Step,
    outcome: Outcome,
}

/// The history of the environments that are wanted, newest first.
#[must_use]
pub fn history<'a>(
    state: &'a State,
    filter: &Filter,
    wanted: impl Fn(&EnvironmentName) -> bool,
) -> Vec<Line<'a>> {
    let is_theirs = |rollout: &Rollout| filter.by.as_ref().is_none_or(|by| *by == rollout.started_by);
    let mut rollouts: Vec<_> = state
        .rollouts
        .values()
        .filter(|rollout| wanted(&rollout.environment) && is_theirs(rollout))
        .collect();
    rollouts.sort_by_key(|rollout| rollout.started_at);
    let mut lines = Vec::new();
    for rollout in rollouts {
        let Some(plan) = state.plan_of(rollout) else { continue };
        for (database, target) in &rollout.targets {
            if filter.database.as_ref().is_none_or(|wanted| wanted == database) {
                let begun = may_have_begun(state, plan, (database, target));
                let all = of_target(rollout, plan, (database, target), begun);
                lines.extend(all.filter(|line| filter.takes(line)));
            }
        }
    }
    // Stable: what has one time stays in its order, the last one first.
    lines.reverse();
    lines.sort_by_key(|line| Reverse(line.target.moved_at));
    lines
}

/// Whether a command of which nobody knows what came of it may have been a run: a rehearsal and a backup come before it,
/// and touch nothing.
fn may_have_begun(state: &State, plan: &Plan, (database, target): (&DatabaseName, &Target)) -> bool {
    let body = &plan.body;
    let is_tried = match (&body.goal, body.course.rehearsal) {
        (_, Rehearsal::Off) => true,
        (Goal::Release { .. }, Rehearsal::Schema | Rehearsal::Data) => {
            target.rehearsed.is_some()
                || target.backup.is_some()
                || !target.done.is_empty()
                || state.is_half_way(database)
        }
        (_, Rehearsal::Schema | Rehearsal::Data) => true,
    };
    is_tried && (body.backup.rules().is_none() || target.backup.is_some())
}

fn of_target<'a>(
    rollout: &'a Rollout,
    plan: &'a Plan,
    (database, target): (&'a DatabaseName, &'a Target),
    may_have_begun: bool,
) -> impl Iterator<Item = Line<'a>> {
    let steps = plan.body.targets.get(database).map(|planned| planned.steps.as_slice()).unwrap_or_default();
    let is_done = |step: &Step| target.done.iter().any(|done| done.version == step.version);
    let stopped_at = steps.iter().find(|step| !is_done(step)).map(|step| &step.version);
    steps.iter().filter_map(move |step| {
        let is_next = stopped_at == Some(&step.version);
        let outcome = match &target.state {
            _ if is_done(step) => Outcome::Done,
            TargetState::Failed { failure } if failure.version.as_ref() == Some(&step.version) => {
                Outcome::Failed
            }
            TargetState::Unknown { .. } if may_have_begun => Outcome::Unknown,
            TargetState::Unsettled { statement } if statement.version == step.version => Outcome::Unknown,
            TargetState::Refused { .. } if is_next => Outcome::Refused,
            TargetState::Cancelled if is_next => Outcome::Cancelled,
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
        Some(Line { rollout, plan, database, target, step, outcome })
    })
}

/// A line as it is told.
#[must_use]
pub fn in_words(line: &Line<'_>) -> wire::HistoryEntry {
    let Line { rollout, plan, database, target, step, outcome } = line;
    let of_step = of_step(&plan.body, step);
    let not_judged = |word: &Acknowledgement| {
        word.hazard == NOT_JUDGED && word.object.as_deref() == Some(database.as_str())
    };
    let is_of_it = |word: &&Acknowledgement| of_step.contains(*word) || not_judged(word);
    let acknowledged = rollout.acknowledged.iter().filter(is_of_it);
    let error = if *outcome == Outcome::Done { None } else { error(database, target) };
    wire::HistoryEntry {
        at: rfc3339(target.moved_at),
        database: database.to_string(),
        environment: rollout.environment.to_string(),
        rollout: rollout.id.to_string(),
        direction: direction(step.direction).to_owned(),
        version: step.version.to_string(),
        name: step.name.clone(),
        state: outcome.as_str().to_owned(),
        by: rollout.started_by.to_string(),
        confirmation: confirmation(rollout.confirmation).to_owned(),
        error: error.map(|error| error.message).unwrap_or_default(),
        acknowledged: acknowledged.map(ToString::to_string).collect(),
    }
}
