//! The gates before a rollout.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::backups::{seen, usable};
use super::jobs::changing;
use super::undo::is_automatic;
use crate::access::Role;
use crate::acknowledge::{Acknowledgement, Comparison, compare};
use crate::backup::Looks;
use crate::database::Observation;
use crate::event::{Actor, Event};
use crate::judge::Basis;
use crate::migration::Version;
use crate::name::{DatabaseName, EnvironmentName, OperatorName};
use crate::plan::{AllSizes, Direction, Goal, Plan, PlanBody, PlanId, Step, TargetPlan};
use crate::policy::ApprovalRule;
use crate::request::{Circumstances, Refusal};
use crate::rollout::{AllBulk, Bulk, Confirmation, PauseReason, Rollout, RolloutId, Verdict};
use crate::state::{PlanState, State, not_found};
use crate::time::Timestamp;

pub(super) fn start(
    state: &State,
    (id, sizes, looks): (&PlanId, &AllSizes, &Looks),
    (confirmation, given): (Confirmation, &BTreeSet<Acknowledgement>),
    here: &Circumstances,
) -> Result<Vec<Event>, Refusal> {
    may_run(state, id, here.now)?;
    seen(state, &state.plan(id)?.plan, looks)?;
    let plan = &state.plan(id)?.plan;
    still_brief(plan, sizes)?;
    let (acknowledged, by) = match &here.actor {
        Actor::Operator(by) => {
            let acknowledged = acknowledged(state, plan, given)?;
            confirmed(state, plan, confirmation)?;
            (acknowledged, by)
        }
        Actor::Controller if is_automatic(plan) => (BTreeSet::new(), &plan.author),
        Actor::Controller | Actor::Agent(_) => return Err(not_found("operator", &here.actor)),
    };
    let number = state.rollouts.len() + 1;
    let rollout: RolloutId = format!("r{number}").parse().map_err(|_| not_found("rollout", number))?;
    let body = &state.plan(id)?.plan.body;
    let bulk = bulk(body, sizes);
    let mut events: Vec<_> = replaced(state, body)
        .map(|halted| Event::RolloutFinished { rollout: halted.id.clone(), verdict: Verdict::Failed })
        .collect();
    events.push(Event::RolloutStarted {
        rollout,
        plan: id.clone(),
        by: by.clone(),
        confirmation,
        acknowledged,
        bulk,
    });
    Ok(events)
}

/// Rollouts that came to a halt on these databases: nothing is in anybody's hands, and this plan takes their place.
fn replaced<'a>(state: &'a State, body: &'a PlanBody) -> impl Iterator<Item = &'a Rollout> {
    let halted = state.rollouts.values().map(AsRef::as_ref).filter(|rollout| rollout.is_halted());
    halted.filter(|rollout| body.targets.keys().any(|name| rollout.targets.contains_key(name)))
}

/// What counted little because it was small and calm when the plan was made must be so now.
fn still_brief(plan: &Plan, sizes: &AllSizes) -> Result<(), Refusal> {
    let body = &plan.body;
    let grown = |(name, target): &(&DatabaseName, &TargetPlan)| {
        let judgements = target.steps.iter().filter_map(|step| body.judgement(step));
        judgements.into_iter().any(|judgement| !judgement.is_still_brief(sizes.get(*name)))
    };
    let grown: Vec<_> = body.targets.iter().filter(grown).map(|(name, _)| name.clone()).collect();
    if grown.is_empty() { Ok(()) } else { Err(Refusal::Grown { plan: plan.id.clone(), databases: grown }) }
}

/// What each step has to work through, as far as it can be told.
fn bulk(body: &PlanBody, sizes: &AllSizes) -> AllBulk {
    let of_target = |(name, target): (&DatabaseName, &TargetPlan)| {
        let sizes = sizes.get(name)?;
        let of_step = |step: &Step| {
            let (kind, bytes) = body.judgement(step)?.course.bulk(sizes)?;
            Some((step.version.clone(), Bulk { kind, bytes }))
        };
        let steps: BTreeMap<_, _> = target.steps.iter().filter_map(of_step).collect();
        (!steps.is_empty()).then(|| (name.clone(), steps))
    };
    body.targets.iter().filter_map(of_target).collect()
}

/// What was acknowledged, with full names: everything that policy asks for, and nothing that is not in the plan.
fn acknowledged(
    state: &State,
    plan: &Plan,
    given: &BTreeSet<Acknowledgement>,
) -> Result<BTreeSet<Acknowledgement>, Refusal> {
    let policy = state.environment(&plan.body.environment)?;
    let Comparison { acknowledged, missing, pointless } = compare(given, &plan.body, policy);
    if !pointless.is_empty() {
        return Err(Refusal::PointlessAcknowledgements { plan: plan.id.clone(), pointless });
    }
    if !missing.is_empty() {
        return Err(Refusal::NotAcknowledged { plan: plan.id.clone(), missing });
    }
    Ok(acknowledged)
}

/// Everything but a missing approval or confirmation that stands against carrying a plan out now.
#[must_use]
pub fn obstacles(state: &State, plan: &Plan, now: Timestamp) -> Vec<Refusal> {
    let checks = [
        still_valid(state, plan),
        usable(state, plan),
        served(state, plan),
        proven(state, plan, now),
        free(state, plan),
    ];
    checks.into_iter().filter_map(Result::err).collect()
}

/// Whether everything but the confirmation is there that a plan needs to be run, or tried on live databases.
///
/// # Errors
/// The first thing that stands against it.
pub fn may_run(state: &State, id: &PlanId, now: Timestamp) -> Result<(), Refusal> {
    let known = state.plan(id)?;
    let plan = &known.plan;
    still_valid(state, plan)?;
    windows_open(state, plan, now)?;
    served(state, plan)?;
    proven(state, plan, now)?;
    approved(state, known)?;
    free(state, plan)
}

/// Whether the danger of a plan has to be confirmed by a person.
///
/// # Errors
/// When the plan's environment is not in the policy any more.
pub fn needs_confirmation(state: &State, plan: &Plan) -> Result<bool, Refusal> {
    let policy = state.environment(&plan.body.environment)?;
    // What is recorded without being run cannot be taken back: somebody has to mean it.
    let weighty = plan.body.risk() >= policy.confirm_at || plan.body.goal.only_records();
    Ok(weighty && !plan.body.is_empty())
}

/// The plan is still about this policy, these databases and nothing has run since it was made.
pub(super) fn still_valid(state: &State, plan: &Plan) -> Result<(), Refusal> {
    let body = &plan.body;
    let stale = |because: String| Err(Refusal::StalePlan { plan: plan.id.clone(), because });
    if body.policy_version != state.policy_version {
        return stale(format!(
            "it was made under policy {}, and policy {} is in force",
            body.policy_version, state.policy_version
        ));
    }
    let last = state.last_rollout.get(&body.environment);
    if last != body.after.as_ref() {
        let last = last.map(ToString::to_string).unwrap_or_default();
        return stale(format!("rollout {last} has run in {} since", body.environment));
    }
    let present: Vec<_> = state.databases_of(&body.environment).map(|d| &d.name).collect();
    if !present.iter().copied().eq(body.targets.keys()) {
        return stale(format!("the databases of {} are not the ones that it was made for", body.environment));
    }
    for (name, target) in &body.targets {
        let seen = state.databases.get(name).and_then(|d| d.observed.as_ref());
        let moved = seen.is_none_or(|(_, seen)| {
            seen.records_digest() != target.expect.records || seen.fingerprint != target.expect.fingerprint
        });
        if moved {
            return stale(format!("{name} has moved since it was made"));
        }
        let other_conditions = |(_, seen): &(Timestamp, Arc<Observation>)| {
            let judgements = target.steps.iter().filter_map(|step| body.judgement(step));
            judgements.into_iter().any(|judgement| match &judgement.basis {
                Basis::Schema { conditions, .. } => *conditions != seen.conditions,
                Basis::Text { .. } => false,
            })
        };
        if seen.is_some_and(other_conditions) {
            return stale(format!(
                "SQL means something else on {name} since it was made: search_path, time zone, tablespace or access method"
            ));
        }
    }
    Ok(())
}

/// A rollback that waited, for its approval perhaps, may have outlived its windows, or what they rest on.
pub(super) fn windows_open(state: &State, plan: &Plan, now: Timestamp) -> Result<(), Refusal> {
    let open = |name: &DatabaseName, version: &Version| {
        let window = state.databases.get(name).and_then(|database| database.windows.get(version));
        window.is_some_and(|window| !window.expired(now))
    };
    for (name, target) in &plan.body.targets {
        let mut back = target.steps.iter().filter(|step| step.direction == Direction::Down);
        if let Some(step) = back.find(|step| !open(name, &step.version)) {
            let because = format!(
                "the rollback window of migration {} on {name} has closed since it was made",
                step.version
            );
            return Err(Refusal::StalePlan { plan: plan.id.clone(), because });
        }
    }
    usable(state, plan)
}

/// Every database has an agent that may do the work.
fn served(state: &State, plan: &Plan) -> Result<(), Refusal> {
    let revoked = |name: &&DatabaseName| state.agents.get(*name).is_some_and(|agent| agent.revoked);
    match plan.body.targets.keys().find(revoked) {
        Some(name) => Err(Refusal::Revoked { who: Actor::Agent(name.clone()).to_string() }),
        None => Ok(()),
    }
}

fn proven(state: &State, plan: &Plan, now: Timestamp) -> Result<(), Refusal> {
    match &plan.body.goal {
        Goal::Release { release } => state.unproven(release, &plan.body.environment, now).map_or(Ok(()), Err),
        // What is applied already needs no proof that it can be applied.
        Goal::Back { .. } | Goal::Undo { .. } | Goal::Adopt { .. } | Goal::Baseline { .. } => Ok(()),
    }
}

/// Whether approvals are missing for a plan.
#[must_use]
pub fn waits_for_approval(state: &State, known: &PlanState) -> bool {
    matches!(approved(state, known), Err(Refusal::WaitsForApproval { .. }))
}

/// One rule of the policy on approvals, and how far a plan meets it.
pub(super) struct Met<'a> {
    pub(super) rule: &'a ApprovalRule,
    /// What names it in the document.
    pub(super) key: String,
    pub(super) have: u32,
}

/// Whether somebody's word on a plan counts: not that of somebody who may not approve any more, nor one that was given
/// under another policy.
fn counts(state: &State, environment: &EnvironmentName, (by, version): (&OperatorName, u64)) -> bool {
    state.allow(by, Role::Approver, Some(environment)).is_ok() && version == state.policy_version
}

/// The rules on approvals that count for a plan.
pub(super) fn approvals<'a>(state: &'a State, known: &'a PlanState) -> Result<Vec<Met<'a>>, Refusal> {
    let body = &known.plan.body;
    let policy = &state.environment(&body.environment)?.approvals;
    let role = |(by, version): (&OperatorName, &u64)| {
        let counts = counts(state, &body.environment, (by, *version));
        state.operators.get(by).filter(|_| counts).map(|operator| operator.role)
    };
    let roles: Vec<_> = known.approvals.iter().filter_map(role).collect();
    let met = |(at, rule): (usize, &'a ApprovalRule)| {
        let have = roles.iter().filter(|role| rule.counts(**role)).count();
        Met { rule, key: policy.key(at), have: u32::try_from(have).unwrap_or(u32::MAX) }
    };
    Ok(policy.rules(body).map(met).collect())
}

/// Why a rollout under way waits for approvals: those of its plan do not count any more.
pub(super) fn stale_approvals(state: &State, rollout: &Rollout) -> Option<PauseReason> {
    let known = state.plans.get(&rollout.plan)?;
    let body = &known.plan.body;
    let counts = |(by, version): (&OperatorName, &u64)| counts(state, &body.environment, (by, *version));
    // It was approved when it was started. This is asked for every command that waits.
    if body.policy_version == state.policy_version && known.approvals.iter().all(counts) {
        return None;
    }
    match approved(state, known) {
        Err(Refusal::WaitsForApproval { have, need, rule, .. }) => {
            Some(PauseReason::ApprovalStale { have, need, rule })
        }
        Ok(()) | Err(_) => None,
    }
}

/// How many approvals a plan must have in all, as far as that can be said, and whose count now.
///
/// # Errors
/// When the plan's environment is not in the policy any more.
pub fn approvals_of<'a>(
    state: &'a State,
    known: &'a PlanState,
) -> Result<(u32, Vec<&'a OperatorName>), Refusal> {
    let environment = &known.plan.body.environment;
    let counts = |(by, version): &(&OperatorName, &u64)| counts(state, environment, (by, **version));
    let given: Vec<_> = known.approvals.iter().filter(counts).map(|(by, _)| by).collect();
    if is_automatic(&known.plan) {
        return Ok((0, given));
    }
    let rules = approvals(state, known)?;
    let lacking = rules.iter().map(|met| met.rule.count.saturating_sub(met.have)).max().unwrap_or(0);
    let most = rules.iter().map(|met| met.rule.count).max().unwrap_or(0);
    let have = u32::try_from(given.len()).unwrap_or(u32::MAX);
    Ok((if lacking > 0 { have.saturating_add(lacking) } else { most }, given))
}

/// Whether a plan has the approvals that the policy in force asks for.
pub(super) fn approved(state: &State, known: &PlanState) -> Result<(), Refusal> {
    if is_automatic(&known.plan) {
        return Ok(());
    }
    let rules = approvals(state, known)?;
    let Some(lacking) = rules.into_iter().find(|met| met.have < met.rule.count) else { return Ok(()) };
    Err(Refusal::WaitsForApproval {
        plan: known.plan.id.clone(),
        have: lacking.have,
        need: lacking.rule.count,
        roles: lacking.rule.roles.iter().copied().collect(),
        rule: state.rule(&known.plan.body.environment, &lacking.key),
    })
}

fn confirmed(state: &State, plan: &Plan, confirmation: Confirmation) -> Result<(), Refusal> {
    let policy = state.environment(&plan.body.environment)?;
    let risk = plan.body.risk();
    let needed = needs_confirmation(state, plan)?;
    match confirmation {
        Confirmation::Typed => Ok(()),
        Confirmation::Forced if policy.force_allowed => Ok(()),
        Confirmation::Forced => Err(Refusal::ForceNotAllowed(plan.body.environment.clone())),
        Confirmation::None if !needed => Ok(()),
        Confirmation::None => Err(Refusal::NotConfirmed { plan: plan.id.clone(), risk }),
    }
}

/// One rollout at a time for each database.
fn free(state: &State, plan: &Plan) -> Result<(), Refusal> {
    let holds = |rollout: &&Rollout| !rollout.is_halted();
    for rollout in state.open_rollouts().filter(holds) {
        if let Some(database) = plan.body.targets.keys().find(|name| rollout.targets.contains_key(name)) {
            return Err(Refusal::Busy { database: database.clone(), rollout: rollout.id.clone() });
        }
    }
    match plan.body.targets.keys().find_map(|name| changing(state, name)) {
        Some(job) => Err(Refusal::JobAtWork { database: job.database.clone(), job: job.id.clone() }),
        None => Ok(()),
    }
}
