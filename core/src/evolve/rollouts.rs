//! Events of rollouts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{IllegalEvent, Place, database, has_all, proofs};
use crate::acknowledge::Acknowledgement;
use crate::command::{CommandId, Resolution};
use crate::name::{DatabaseName, OperatorName};
use crate::plan::{PlanBody, PlanId, TargetPlan};
use crate::rollout::{
    AllBulk, Confirmation, PauseReason, Rollout, RolloutId, RolloutState, Target, TargetState, Verdict, Wave,
};
use crate::state::State;

pub(super) fn rollout<'a>(
    state: &'a mut State,
    id: &RolloutId,
    place: Place,
) -> Result<&'a mut Rollout, IllegalEvent> {
    state.rollouts.get_mut(id).map(Arc::make_mut).ok_or_else(|| place.unknown("rollout", id))
}

/// A target that an event is about to move.
pub(super) fn target<'a>(
    rollout: &'a mut Rollout,
    database: &DatabaseName,
    place: Place,
) -> Result<&'a mut Target, IllegalEvent> {
    let target = rollout.targets.get_mut(database).ok_or_else(|| place.unknown("target", database))?;
    (rollout.moved_at, target.moved_at) = (place.at, place.at);
    Ok(target)
}

/// What whoever starts a rollout says.
pub(super) struct Words<'a> {
    pub(super) by: &'a OperatorName,
    pub(super) confirmation: Confirmation,
    pub(super) acknowledged: &'a BTreeSet<Acknowledgement>,
}

pub(super) fn started(
    state: &mut State,
    (id, plan): (&RolloutId, &PlanId),
    words: Words<'_>,
    (bulk, place): (&AllBulk, Place),
) -> Result<(), IllegalEvent> {
    let planned = state.plans.get(plan).ok_or_else(|| place.unknown("plan", plan))?;
    let body = &planned.plan.body;
    let targets: BTreeMap<_, _> =
        body.targets.iter().map(|(name, t)| (name.clone(), due(t, place))).collect();
    let rollout = Rollout {
        id: id.clone(),
        plan: plan.clone(),
        environment: body.environment.clone(),
        started_by: words.by.clone(),
        confirmation: words.confirmation,
        acknowledged: words.acknowledged.clone(),
        bulk: bulk.clone(),
        started_at: place.at,
        overridden: None,
        not_undone: None,
        state: RolloutState::Running,
        moved_at: place.at,
        waves: only_wave(body).into_iter().collect(),
        targets,
    };
    for name in rollout.targets.keys() {
        state.rollouts_of.entry(name.clone()).or_default().push(id.clone());
    }
    state.open_rollouts.insert(id.clone());
    state.last_rollout.insert(body.environment.clone(), id.clone());
    match state.rollouts.insert(id.clone(), Arc::new(rollout)) {
        Some(_) => Err(place.exists(id)),
        None => Ok(()),
    }
}

/// Where there is nothing to divide, there is one wave, which starts with the rollout.
fn only_wave(body: &PlanBody) -> Option<Wave> {
    let undivided = body.course.waves.is_empty() || body.goal.only_records();
    let busy = body.targets.iter().filter(|(_, target)| !target.steps.is_empty());
    undivided.then(|| Wave::new(0, busy.map(|(name, _)| name.clone())))
}

fn due(plan: &TargetPlan, place: Place) -> Target {
    Target {
        backup: None,
        backup_after: 0,
        done: Vec::new(),
        expect: plan.expect.clone(),
        attempt: 0,
        pieces: 0,
        rehearsed: None,
        verified: false,
        cancelled: false,
        overdue: None,
        moved_at: place.at,
        state: TargetState::Due,
    }
}

pub(super) fn paused(
    state: &mut State,
    id: &RolloutId,
    reason: &PauseReason,
    place: Place,
) -> Result<(), IllegalEvent> {
    rollout(state, id, place)?.state = RolloutState::Paused { reason: reason.clone() };
    Ok(())
}

pub(super) fn resumed(state: &mut State, id: &RolloutId, place: Place) -> Result<(), IllegalEvent> {
    let rollout = rollout(state, id, place)?;
    (rollout.state, rollout.moved_at) = (RolloutState::Running, place.at);
    Ok(())
}

pub(super) fn aborted(state: &mut State, id: &RolloutId, place: Place) -> Result<(), IllegalEvent> {
    rollout(state, id, place)?.state = RolloutState::Aborting;
    Ok(())
}

pub(super) fn finished(
    state: &mut State,
    id: &RolloutId,
    verdict: Verdict,
    place: Place,
) -> Result<(), IllegalEvent> {
    let plan_id = rollout(state, id, place)?.plan.clone();
    let plan = state.plans.get(&plan_id).map(|known| Arc::clone(&known.plan));
    let plan = plan.ok_or_else(|| place.unknown("plan", &plan_id))?;
    let rollout = rollout(state, id, place)?;
    rollout.state = RolloutState::Finished { verdict, at: place.at };
    let mut unsettled = Vec::new();
    for (name, target) in &mut rollout.targets {
        unsettled.extend(target.state.command().cloned());
        if target.state == TargetState::Due {
            // One that only was to be asked how it is has been reached.
            let steps = plan.body.targets.get(name).map_or(0, |planned| planned.steps.len());
            let is_run = steps > 0 && target.done.len() >= steps;
            target.state = if is_run { TargetState::Done } else { TargetState::NotReached };
        }
    }
    if let (Verdict::Succeeded, Some(release)) = (verdict, plan.body.goal.release()) {
        proofs::verified(state, (&plan.body.environment, &release), true, place);
    }
    state.open_rollouts.remove(id);
    unsettled.iter().try_for_each(|command| settled(state, command, place))
}

/// Nobody waits for the command any longer: its database is free, and a late result of it is evidence only.
fn settled(state: &mut State, command: &CommandId, place: Place) -> Result<(), IllegalEvent> {
    let Some(known) = state.commands.remove(command) else { return Ok(()) };
    database(state, &known.command.database, place)?.in_flight = None;
    Ok(())
}

pub(super) fn up_to_date(
    state: &mut State,
    id: &RolloutId,
    name: &DatabaseName,
    place: Place,
) -> Result<(), IllegalEvent> {
    target(rollout(state, id, place)?, name, place)?.state = TargetState::Done;
    carries_goal(state, id, name, place)
}

pub(super) fn given_up(
    state: &mut State,
    (id, name): (&RolloutId, &DatabaseName),
    said: Option<&str>,
    place: Place,
) -> Result<(), IllegalEvent> {
    let revoked = state.agents.get(name).is_some_and(|agent| agent.revoked);
    let target = target(rollout(state, id, place)?, name, place)?;
    let of_agent = match (revoked, target.state.command()) {
        (true, Some(_)) => {
            "its agent was revoked while it worked on it: what it did can be read from the database"
                .to_owned()
        }
        (true, None) => "its agent was revoked".to_owned(),
        (false, _) => format!("its agent was interrupted {} times on it", target.attempt),
    };
    let held = target.state.command().cloned();
    target.state = TargetState::Refused { why: said.map_or(of_agent, ToOwned::to_owned) };
    held.iter().try_for_each(|command| settled(state, command, place))
}

/// What runs goes on until its agent has ended it; all else is over at once.
pub(super) fn cancelled(
    state: &mut State,
    id: &RolloutId,
    name: &DatabaseName,
    place: Place,
) -> Result<(), IllegalEvent> {
    let target = target(rollout(state, id, place)?, name, place)?;
    target.cancelled = true;
    if target.state.command().is_none() {
        target.state = TargetState::Cancelled;
    }
    Ok(())
}

/// The word counts for the next run on the database, which is due if one waited for it.
pub(super) fn resolved(
    state: &mut State,
    name: &DatabaseName,
    resolution: &Resolution,
    place: Place,
) -> Result<(), IllegalEvent> {
    database(state, name, place)?.resolution = Some(resolution.clone());
    let open = state.rollouts.values_mut().filter(|rollout| !rollout.state.is_finished());
    for rollout in open {
        let waits =
            rollout.targets.get(name).is_some_and(|t| matches!(t.state, TargetState::Unsettled { .. }));
        if waits {
            let target = target(Arc::make_mut(rollout), name, place)?;
            (target.attempt, target.state) = (0, TargetState::Due);
        }
    }
    Ok(())
}

/// The database carries the release that the rollout was for, if it was for one and nothing was taken away since.
pub(super) fn carries_goal(
    state: &mut State,
    id: &RolloutId,
    name: &DatabaseName,
    place: Place,
) -> Result<(), IllegalEvent> {
    let plan = rollout(state, id, place)?.plan.clone();
    let planned = state.plans.get(&plan).ok_or_else(|| place.unknown("plan", &plan))?;
    let Some(release) = planned.plan.body.goal.release() else { return Ok(()) };
    let release = state.releases.get(&release).cloned().ok_or_else(|| place.unknown("release", release))?;
    let database = database(state, name, place)?;
    if database.observed.as_ref().is_some_and(|(_, seen)| has_all(seen, &release)) {
        let is_new = database.carries.insert(release.id, place.at).is_none();
        let environment = database.environment.clone();
        if is_new {
            proofs::carries(state, &environment, release.id, place.at);
        }
    }
    Ok(())
}
