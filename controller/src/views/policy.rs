//! What differs between policies, and what that would do.

use pgbelay_core::plan::Plan;
use pgbelay_core::policy::Change;
use pgbelay_core::rollout::Rollout;
use pgbelay_proto::wire;

/// A setting that says something else.
pub(crate) fn change(change: Change) -> wire::PolicyChangeView {
    let Change { path, old, new, leaning } = change;
    wire::PolicyChangeView { path, old, new, effect: leaning.as_str().to_owned() }
}

/// A plan that could not be started any more.
pub(crate) fn stale(plan: &Plan, waits_for_approval: bool) -> wire::StalePlanView {
    wire::StalePlanView {
        plan: plan.id.to_string(),
        environment: plan.body.environment.to_string(),
        author: plan.author.to_string(),
        waits_for_approval,
    }
}

/// A rollout that is open.
pub(crate) fn open(rollout: &Rollout) -> wire::OpenRolloutView {
    wire::OpenRolloutView { rollout: rollout.id.to_string(), environment: rollout.environment.to_string() }
}
