//! A policy comes into force: whether it may, and what of that is known beforehand.

use super::rollouts::{still_valid, waits_for_approval};
use crate::event::Event;
use crate::plan::Plan;
use crate::policy::Policy;
use crate::request::Refusal;
use crate::rollout::Rollout;
use crate::state::State;
use crate::time::Timestamp;

/// What a policy would do that is not in force.
#[derive(Debug, Clone)]
pub struct Prospect<'a> {
    /// Plans that could be started, or wait to be approved, and could not any more; whether approvals are missing.
    pub stale: Vec<(&'a Plan, bool)>,
    /// Rollouts that are open. They go on.
    pub open: Vec<&'a Rollout>,
    /// Why it would not be taken.
    pub refusal: Option<Refusal>,
}

/// What would happen if a policy were applied. One that is in force already does nothing.
#[must_use]
pub fn prospect<'a>(state: &'a State, policy: &Policy, now: Timestamp) -> Prospect<'a> {
    let (events, refusal) = match apply(state, policy, now) {
        Ok(events) => (events, None),
        Err(refusal) => (Vec::new(), Some(refusal)),
    };
    if events.is_empty() {
        return Prospect { stale: Vec::new(), open: Vec::new(), refusal };
    }
    let alive = state.plans.values().filter(|known| {
        let plan = &known.plan;
        // The cheapest first: most plans are of earlier days.
        plan.body.policy_version == state.policy_version
            && !plan.body.is_empty()
            && still_valid(state, plan).is_ok()
    });
    Prospect {
        stale: alive.map(|known| (&*known.plan, waits_for_approval(state, known))).collect(),
        open: state.open_rollouts().collect(),
        refusal,
    }
}

pub(super) fn apply(state: &State, policy: &Policy, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let mut mistakes = policy.mistakes();
    mistakes.extend(policy.never_open(now));
    if !mistakes.is_empty() {
        return Err(Refusal::BadPolicy(mistakes));
    }
    let homeless = |e: &&crate::policy::EnvironmentPolicy| {
        policy.environment(&e.name).is_none() && state.databases_of(&e.name).next().is_some()
    };
    if let Some(dropped) = state.policy.environments.iter().find(homeless) {
        let databases = state.databases_of(&dropped.name).map(|d| d.name.clone()).collect();
        return Err(Refusal::EnvironmentInUse { environment: dropped.name.clone(), databases });
    }
    let unfinished = state
        .rollouts
        .values()
        .find(|rollout| !rollout.state.is_finished() && policy.environment(&rollout.environment).is_none());
    if let Some(rollout) = unfinished {
        let databases = rollout.targets.keys().cloned().collect();
        return Err(Refusal::EnvironmentInUse { environment: rollout.environment.clone(), databases });
    }
    if *state.policy == *policy && state.policy_version > 0 {
        return Ok(Vec::new());
    }
    Ok(vec![Event::PolicyApplied { policy: policy.clone() }])
}
