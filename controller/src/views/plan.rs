//! Plans: databases for which a plan does the same stand together.

use std::collections::BTreeMap;

use pgbelay_core::acknowledge::required;
use pgbelay_core::decide::{Gate, approvals_of, gates_of, needs_confirmation, obstacles};
use pgbelay_core::history::{Misfit, Tool};
use pgbelay_core::judge::Basis;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::{
    Direction, FoundHazard, Goal, HistoryMark, Judgement, Lock, Loss, PlanBody, Recorded, Step, TargetPlan,
    Touches, Work,
};
use pgbelay_core::policy::{BackupPolicy, BackupRules, MethodRule};
use pgbelay_core::state::{PlanState, State};
use pgbelay_proto::wire;

use super::impact::{impacts, in_order};
use crate::clock::{self, rfc3339};

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
        Goal::Release { release } | Goal::Adopt { release, .. } => (release.to_string(), "up", String::new()),
        Goal::Baseline { release, version } => (release.to_string(), "up", version.to_string()),
        Goal::Back { target } => {
            let target = target.as_ref().map_or_else(|| "base".to_owned(), ToString::to_string);
            (String::new(), "down", target)
        }
        Goal::Undo { rollout, .. } => (String::new(), "down", format!("before {rollout}")),
    }
}

/// The word for what a plan is for.
const fn purpose(goal: &Goal) -> &'static str {
    match goal {
        Goal::Release { .. } => "migrate",
        Goal::Back { .. } => "rollback",
        Goal::Undo { .. } => "undo",
        Goal::Adopt { .. } => "adopt",
        Goal::Baseline { .. } => "baseline",
    }
}

/// What the agents have said about a plan.
#[derive(Debug, Default)]
pub struct Answers {
    /// What a rollback would destroy, as it was counted.
    pub losses: BTreeMap<DatabaseName, Vec<wire::LossView>>,
    /// How large and busy the relations are, or why that is not known.
    pub measured: BTreeMap<DatabaseName, Result<wire::Measured, String>>,
}

/// A plan as people read it.
#[must_use]
pub fn plan(state: &State, known: &PlanState, answers: Answers) -> wire::PlanView {
    let plan = &known.plan;
    let body = &plan.body;
    let policy = state.policy.environment(&body.environment);
    let (release, direction, target) = goal(&body.goal);
    let (approvals_needed, approved_by) = approvals_of(state, known).unwrap_or_default();
    let rules = body.backup.rules();
    wire::PlanView {
        id: plan.id.to_string(),
        digest: plan.digest.to_string(),
        environment: body.environment.to_string(),
        release,
        direction: direction.to_owned(),
        target,
        risk: body.risk().to_string(),
        groups: groups(state, known, answers),
        approvals_needed,
        approved_by: approved_by.iter().map(ToString::to_string).collect(),
        author: plan.author.to_string(),
        created_at: rfc3339(plan.created_at),
        backup: match &body.backup {
            BackupPolicy::Required(_) => "required".to_owned(),
            BackupPolicy::Off => "off".to_owned(),
        },
        backup_method: rules.map_or("", |rules| rules.method.as_str()).to_owned(),
        backup_each: rules.map_or("", |rules| rules.each.as_str()).to_owned(),
        backup_rate_limit: rules.and_then(|rules| rules.rate_limit).map(String::from).unwrap_or_default(),
        backup_thresholds: rules.map(thresholds).unwrap_or_default(),
        confirmation_needed: needs_confirmation(state, plan).unwrap_or(true),
        force_allowed: policy.is_some_and(|policy| policy.force_allowed),
        blocked_by: obstacles(state, plan, clock::now()).iter().map(ToString::to_string).collect(),
        acknowledge: policy
            .map(|policy| required(body, policy))
            .iter()
            .flatten()
            .map(ToString::to_string)
            .collect(),
        purpose: purpose(&body.goal).to_owned(),
        waves: super::waves::of_plan(state, body),
        gates: gates_of(state, known, clock::now()).into_iter().flatten().map(gate).collect(),
    }
}

fn gate(Gate { name, standing, detail, rule, next }: Gate) -> wire::GateView {
    wire::GateView { name: name.to_owned(), state: standing.as_str().to_owned(), detail, rule, next }
}

/// What is touched, or why that cannot be told, where backups may go by it.
fn touched(body: &PlanBody, steps: &[Step]) -> (Vec<String>, String) {
    let method = body.backup.rules().map(|rules| rules.method);
    if steps.is_empty() || !matches!(method, Some(MethodRule::Touched | MethodRule::Auto)) {
        return Default::default();
    }
    match body.touches(steps) {
        Touches::Relations { names, .. } => (names, String::new()),
        Touches::Untold { why } => (Vec::new(), why),
    }
}

/// With `auto`: which kind of backup is made of which size, in words.
fn thresholds(rules: &BackupRules) -> String {
    if rules.method != MethodRule::Auto {
        return String::new();
    }
    let outside = rules.outside.map_or_else(String::new, |outside| {
        format!(", {} from {} on", outside.method().as_str(), rules.outside_from)
    });
    format!("touched from {} on{outside}", rules.touched_from)
}

/// What makes databases one group: what is done to them, whenever something was done there before.
#[derive(PartialEq)]
struct Alike<'a> {
    steps: Vec<Step>,
    history: Option<(Tool, &'a str, &'a str)>,
    misfits: &'a [Misfit],
}

impl<'a> Alike<'a> {
    fn of(target: &'a TargetPlan) -> Self {
        let timeless = |step: &Step| {
            let recorded = step.recorded.clone().map(|recorded| Recorded { applied_at: None, ..recorded });
            Step { recorded, ..step.clone() }
        };
        let place = |mark: &'a HistoryMark| (mark.tool, mark.schema.as_str(), mark.table.as_str());
        Self {
            steps: target.steps.iter().map(timeless).collect(),
            history: target.history.as_ref().map(place),
            misfits: &target.misfits,
        }
    }

    fn group(&self, body: &PlanBody) -> wire::PlanGroup {
        let (tool, history) = self.history.map_or_else(Default::default, |(tool, schema, table)| {
            (tool.to_string(), format!("{schema}.{table}"))
        });
        let (backup_touches, backup_untold) = touched(body, &self.steps);
        wire::PlanGroup {
            steps: self.steps.iter().map(|planned| step(body, planned)).collect(),
            tool,
            history,
            misfits: self.misfits.iter().map(ToString::to_string).collect(),
            backup_touches,
            backup_untold,
            ..wire::PlanGroup::default()
        }
    }
}

/// The times of what was applied, for the first database of a group; those that others do not share are taken out.
fn note_times(group: &mut wire::PlanGroup, target: &TargetPlan) {
    let is_first = group.databases.is_empty();
    for (view, planned) in group.steps.iter_mut().zip(&target.steps) {
        let at = planned.recorded.as_ref().and_then(|recorded| recorded.applied_at);
        let at = at.map(rfc3339).unwrap_or_default();
        if is_first {
            view.applied_at = at;
        } else if view.applied_at != at {
            view.applied_at.clear();
        }
    }
}

fn groups(state: &State, known: &PlanState, mut answers: Answers) -> Vec<wire::PlanGroup> {
    let body = &known.plan.body;
    let mut groups: Vec<(Alike<'_>, wire::PlanGroup)> = Vec::new();
    for (name, target) in &body.targets {
        let alike = Alike::of(target);
        let place = groups.iter().position(|(known, _)| *known == alike);
        let place = place.unwrap_or_else(|| {
            let group = alike.group(body);
            groups.push((alike, group));
            groups.len() - 1
        });
        let Some((_, group)) = groups.get_mut(place) else { continue };
        note_times(group, target);
        group.databases.push(name.to_string());
        group.losses.extend(answers.losses.remove(name).unwrap_or_default());
        match (answers.measured.get(name), state.databases.get(name)) {
            (Some(Ok(measured)), Some(database)) => {
                group.impacts.extend(impacts(body, (database, target), measured));
            }
            (Some(Err(why)), _) => group.not_measured.push(format!("{name}: {why}")),
            (Some(Ok(_)) | None, _) => {}
        }
    }
    let settled = |(_, mut group): (_, wire::PlanGroup)| {
        in_order(&mut group.impacts);
        group
    };
    groups.into_iter().map(settled).collect()
}

fn step(body: &PlanBody, step: &Step) -> wire::PlanStep {
    let view = wire::PlanStep {
        version: step.version.to_string(),
        name: step.name.clone(),
        direction: direction(step.direction).to_owned(),
        risk: step.risk.to_string(),
        reasons: step.reasons.clone(),
        has_rollback: step.has_rollback,
        recorded: step.recorded.as_ref().map_or("", |recorded| recorded.how.as_str()).to_owned(),
        ..wire::PlanStep::default()
    };
    match body.judgement(step) {
        Some(judgement) => judged(judgement, view),
        None => view,
    }
}

fn judged(judgement: &Judgement, view: wire::PlanStep) -> wire::PlanStep {
    let judged_on = match &judgement.basis {
        Basis::Schema { of, .. } => of.to_string(),
        Basis::Text { .. } => String::new(),
    };
    wire::PlanStep {
        hazards: judgement.hazards.iter().map(hazard).collect(),
        locks: locks(judgement),
        work: works(judgement),
        unknown: judgement.unknown.clone(),
        destroys: judgement.destroys.iter().map(destroyed).collect(),
        judged_on,
        ..view
    }
}

fn hazard(found: &FoundHazard) -> wire::HazardView {
    let hazard = &found.hazard;
    wire::HazardView {
        id: hazard.id.clone(),
        severity: hazard.severity.as_str().to_owned(),
        relation: hazard.relation.clone().unwrap_or_default(),
        message: hazard.message.clone(),
        line: found.line,
        allowed: hazard.allowed.clone().unwrap_or_default(),
    }
}

/// By name.
fn locks(judgement: &Judgement) -> Vec<wire::LockView> {
    let mut locks: Vec<_> = judgement.course.locks.iter().map(|lock| &lock.what).collect();
    locks.sort();
    locks.into_iter().map(lock).collect()
}

/// By name, the same only once.
fn works(judgement: &Judgement) -> Vec<wire::WorkView> {
    let mut works: Vec<_> = judgement.course.work.iter().map(|work| &work.what).collect();
    works.sort();
    works.dedup_by(|next, work| (&next.relation, next.kind) == (&work.relation, work.kind));
    works.into_iter().map(work).collect()
}

fn lock(lock: &Lock) -> wire::LockView {
    wire::LockView { relation: lock.relation.clone(), mode: lock.mode.to_string(), new: lock.new }
}

fn work(work: &Work) -> wire::WorkView {
    wire::WorkView {
        relation: work.relation.clone(),
        kind: work.kind.as_str().to_owned(),
        because: work.because.clone(),
        new: work.new,
    }
}

fn destroyed(loss: &Loss) -> wire::DestroyView {
    wire::DestroyView { object: loss.object.clone(), what: loss.what.clone() }
}
