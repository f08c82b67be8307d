//! Plans: databases for which a plan does the same stand together.

use std::collections::BTreeMap;

use pgbelay_core::decide::{needs_confirmation, obstacles};
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::{Direction, Goal, Step};
use pgbelay_core::policy::BackupPolicy;
use pgbelay_core::state::{PlanState, State};
use pgbelay_proto::wire;

use crate::clock::rfc3339;

/// The word for a direction.
#[must_use]
pub const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}

/// The release, the direction and the target of a goal, as words.
pub(super) fn goal(goal: &Goal) -> (String, &'static str, String) {
    match goal {
        Goal::Release { release } => (release.to_string(), "up", String::new()),
        Goal::Back { target } => {
            let target = target.as_ref().map_or_else(|| "base".to_owned(), ToString::to_string);
            (String::new(), "down", target)
        }
    }
}

/// A plan as people read it. `losses`: what a rollback would destroy, as it was counted.
#[must_use]
pub fn plan(
    state: &State,
    known: &PlanState,
    mut losses: BTreeMap<DatabaseName, Vec<wire::LossView>>,
) -> wire::PlanView {
    let plan = &known.plan;
    let body = &plan.body;
    let policy = state.policy.environment(&body.environment);
    let (release, direction, target) = goal(&body.goal);
    wire::PlanView {
        id: plan.id.to_string(),
        digest: plan.digest.to_string(),
        environment: body.environment.to_string(),
        release,
        direction: direction.to_owned(),
        target,
        risk: body.risk().to_string(),
        groups: groups(known, &mut losses),
        approvals_needed: policy.map_or(0, |policy| policy.approvals),
        approved_by: known.approvals.iter().map(ToString::to_string).collect(),
        author: plan.author.to_string(),
        created_at: rfc3339(plan.created_at),
        backup: match body.backup {
            BackupPolicy::Required => "required".to_owned(),
            BackupPolicy::Off => "off".to_owned(),
        },
        confirmation_needed: needs_confirmation(state, plan).unwrap_or(true),
        force_allowed: policy.is_some_and(|policy| policy.force_allowed),
        blocked_by: obstacles(state, plan).iter().map(ToString::to_string).collect(),
    }
}

fn groups(
    known: &PlanState,
    losses: &mut BTreeMap<DatabaseName, Vec<wire::LossView>>,
) -> Vec<wire::PlanGroup> {
    let mut groups: Vec<(&[Step], wire::PlanGroup)> = Vec::new();
    for (name, target) in &known.plan.body.targets {
        let lost = losses.remove(name).unwrap_or_default();
        match groups.iter_mut().find(|(steps, _)| *steps == target.steps.as_slice()) {
            Some((_, group)) => {
                group.databases.push(name.to_string());
                group.losses.extend(lost);
            }
            None => {
                let group = wire::PlanGroup {
                    databases: vec![name.to_string()],
                    steps: target.steps.iter().map(step).collect(),
                    losses: lost,
                };
                groups.push((&target.steps, group));
            }
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn step(step: &Step) -> wire::PlanStep {
    wire::PlanStep {
        version: step.version.to_string(),
        name: step.name.clone(),
        direction: direction(step.direction).to_owned(),
        risk: step.risk.to_string(),
        reasons: step.reasons.clone(),
        has_rollback: step.has_rollback,
    }
}
