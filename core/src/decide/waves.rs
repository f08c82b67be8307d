//! From one wave to the next: what may start, what is waited for, and what takes too long.

use std::collections::BTreeMap;

use crate::event::Event;
use crate::name::DatabaseName;
use crate::plan::{Direction, Plan, next_wave};
use crate::policy::{EnvironmentPolicy, WaveRules};
use crate::rollout::{PauseReason, Rollout, Stage, TargetState, Wave};
use crate::state::State;
use crate::time::{Span, Timestamp};

/// The wave of a database, if it has started: its place among those that have, and the place of the database in it.
pub(super) fn of(rollout: &Rollout, name: &DatabaseName) -> Option<(usize, usize)> {
    let place = |(at, wave): (usize, &Wave)| Some((at, *wave.members.get(name)?));
    rollout.waves.iter().enumerate().find_map(place)
}

/// How many more may be started, in all and in each wave.
pub(super) struct Room {
    all: usize,
    of_waves: BTreeMap<usize, usize>,
}

impl Room {
    pub(super) fn new(rollout: &Rollout, plan: &Plan, policy: &EnvironmentPolicy) -> Self {
        let held = |name: &DatabaseName| {
            rollout.targets.get(name).is_some_and(|target| target.state.command().is_some())
        };
        let left = |most: u32, held: usize| (most as usize).saturating_sub(held);
        let in_all = rollout.targets.keys().filter(|name| held(name)).count();
        let narrow = rollout.waves.iter().enumerate().filter_map(|(at, wave)| {
            let most = rules(plan, wave)?.max_parallel?;
            Some((at, left(most, wave.members.keys().filter(|name| held(name)).count())))
        });
        Self { all: left(policy.max_parallel, in_all), of_waves: narrow.collect() }
    }

    /// Whether there is room for a database, which is then taken.
    pub(super) fn take(&mut self, rollout: &Rollout, name: &DatabaseName) -> bool {
        let of_wave = of(rollout, name).and_then(|(at, _)| self.of_waves.get_mut(&at));
        if self.all == 0 || of_wave.as_ref().is_some_and(|left| **left == 0) {
            return false;
        }
        self.all -= 1;
        if let Some(left) = of_wave {
            *left -= 1;
        }
        true
    }
}

fn rules<'a>(plan: &'a Plan, wave: &Wave) -> Option<&'a WaveRules> {
    plan.body.course.waves.get(wave.place)
}

/// What comes after the waves that have started, when nothing of them is due: a wait, or the next one.
pub(super) fn step(state: &State, rollout: &Rollout, plan: &Plan, now: Timestamp) -> Option<Vec<Event>> {
    let at_work = rollout.targets.values().any(|target| matches!(target.state, TargetState::Running { .. }));
    if at_work {
        return None;
    }
    let next = next_wave(state, &plan.body, rollout)?;
    let id = rollout.id.clone();
    let start = Event::WaveStarted { rollout: id.clone(), place: next.place, databases: next.databases };
    let Some(wave) = rollout.waves.last() else { return Some(vec![start]) };
    let waits_for_person = || {
        let number = u32::try_from(wave.place).unwrap_or(u32::MAX);
        let paused = Event::RolloutPaused { rollout: id.clone(), reason: PauseReason::Wave { wave: number } };
        let pauses = rules(plan, wave).is_some_and(|rules| rules.pause);
        pauses.then(|| vec![paused])
    };
    match wave.stage {
        Stage::Passed => Some(vec![start]),
        // Nothing is to be seen of a wave in which nothing was changed, and a way back is in a hurry.
        Stage::Working if !changed(rollout, plan, wave) => Some(vec![start]),
        Stage::Working => match bake(rollout, plan, wave) {
            Some(span) => Some(vec![Event::WaveBakes { rollout: id.clone(), until: now + span }]),
            None => waits_for_person().or(Some(vec![start])),
        },
        Stage::Baking { until } if now < until => None,
        Stage::Baking { .. } => waits_for_person().or(Some(vec![start])),
    }
}

/// Whether something was changed forward on a database of a wave.
fn changed(rollout: &Rollout, plan: &Plan, wave: &Wave) -> bool {
    let forward = |name: &DatabaseName| {
        let steps = plan.body.targets.get(name).map(|target| target.steps.as_slice()).unwrap_or_default();
        steps.iter().all(|step| step.direction == Direction::Up)
    };
    let done = |name: &DatabaseName| rollout.targets.get(name).is_some_and(|target| !target.done.is_empty());
    wave.members.keys().any(|name| done(name) && forward(name))
}

/// How long is waited after a wave.
fn bake(rollout: &Rollout, plan: &Plan, wave: &Wave) -> Option<Span> {
    let own = rules(plan, wave).and_then(|rules| rules.bake);
    let before = rollout.waves.iter().take(rollout.waves.len().saturating_sub(1));
    let is_first = !before.into_iter().any(|wave| changed(rollout, plan, wave));
    own.max(plan.body.course.first_bake.filter(|_| is_first))
}

/// Commands that take longer than policy allows. The time before an agent has one is not counted: nothing runs then.
pub(super) fn overdue(state: &State, rollout: &Rollout, plan: &Plan, now: Timestamp) -> Vec<Event> {
    let Some(deadline) = plan.body.course.step_deadline else { return Vec::new() };
    let late = rollout.targets.iter().filter(|(_, target)| {
        let TargetState::Running { command } = &target.state else { return false };
        let accepted = state.commands.get(command).is_some_and(|known| known.accepted);
        accepted && !target.cancelled && target.overdue.is_none() && now > target.moved_at + deadline
    });
    let event = |name: &DatabaseName| Event::TargetOverdue {
        rollout: rollout.id.clone(),
        database: name.clone(),
        deadline,
    };
    late.map(|(name, _)| event(name)).collect()
}
