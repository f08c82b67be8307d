//! What a rollout did is taken back when too much of it failed, where policy wants that.

use std::collections::BTreeSet;

use crate::event::Event;
use crate::migration::Version;
use crate::name::DatabaseName;
use crate::plan::{Goal, Plan};
use crate::policy::OnFailure;
use crate::request::Refusal;
use crate::rollout::{Rollout, RolloutId};
use crate::state::State;

/// What is to be taken back of a rollout that has come to a halt; `None`: nothing, or a person decides.
#[must_use]
pub fn undo_wanted(state: &State, rollout: &Rollout) -> Option<Goal> {
    let plan = state.plan_of(rollout)?;
    let wave = match plan.body.course.on_failure {
        OnFailure::Halt => return None,
        OnFailure::RollbackWave => true,
        OnFailure::RollbackAll => false,
    };
    let is_forward = matches!(plan.body.goal, Goal::Release { .. });
    if !is_forward || rollout.not_undone.is_some() || !rollout.is_halted() {
        return None;
    }
    let changed = |name: &DatabaseName| !done(rollout, wave, name).is_empty();
    let any = rollout.targets.keys().any(changed);
    any.then(|| Goal::Undo { rollout: rollout.id.clone(), wave })
}

/// The migrations that a rollout ran on a database; with `wave`: on one of its last wave.
pub(super) fn done(rollout: &Rollout, wave: bool, name: &DatabaseName) -> BTreeSet<Version> {
    let is_of_last = || rollout.waves.last().is_some_and(|last| last.members.contains_key(name));
    let target = rollout.targets.get(name).filter(|_| !wave || is_of_last());
    target.into_iter().flat_map(|target| &target.done).map(|step| step.version.clone()).collect()
}

/// Whether a plan is the controller's own, which nobody has to approve or confirm: who approved the rollout approved its
/// policy.
pub(super) const fn is_automatic(plan: &Plan) -> bool {
    matches!(plan.body.goal, Goal::Undo { .. })
}

pub(super) fn give_up(state: &State, id: &RolloutId, why: &str) -> Result<Vec<Event>, Refusal> {
    let rollout = state.rollout(id)?;
    let wanted = undo_wanted(state, rollout).is_some();
    let given_up = || Event::UndoGivenUp { rollout: id.clone(), why: why.to_owned() };
    Ok(wanted.then(given_up).into_iter().collect())
}
