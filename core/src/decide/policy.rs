//! A policy comes into force.

use crate::event::Event;
use crate::policy::Policy;
use crate::request::Refusal;
use crate::state::State;
use crate::time::Timestamp;

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
        let databases = state.databases_of(&dropped.name).map(|d| d.name.to_string()).collect();
        return Err(Refusal::EnvironmentInUse { environment: dropped.name.clone(), databases });
    }
    let unfinished = state
        .rollouts
        .values()
        .find(|rollout| !rollout.state.is_finished() && policy.environment(&rollout.environment).is_none());
    if let Some(rollout) = unfinished {
        let databases = rollout.targets.keys().map(ToString::to_string).collect();
        return Err(Refusal::EnvironmentInUse { environment: rollout.environment.clone(), databases });
    }
    if *state.policy == *policy && state.policy_version > 0 {
        return Ok(Vec::new());
    }
    Ok(vec![Event::PolicyApplied { policy: policy.clone() }])
}
