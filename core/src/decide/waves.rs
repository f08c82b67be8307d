//! From one wave to the next: what may start, what is waited for, and what takes too long.

use std::collections::BTreeMap;

use crate::command::CommandKind;
use crate::event::Event;
use crate::name::DatabaseName;
use crate::plan::{Plan, next_wave};
use crate::policy::{EnvironmentPolicy, WaveRules};
use crate::rollout::{PauseReason, Rollout, Stage, Target, TargetState, Wave};
use crate::state::{CommandState, State};
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
    // Of what it cannot be told how it ended, it cannot be told that it ended well.
    let last = rollout.waves.last();
    let is_open = |(name, target): (&DatabaseName, &Target)| match &target.state {
        TargetState::Running { .. } => true,
        TargetState::Unknown { .. } => last.is_some_and(|wave| wave.members.contains_key(name)),
        TargetState::Due
        | TargetState::Done
        | TargetState::Failed { .. }
        | TargetState::Refused { .. }
        | TargetState::Cancelled
        | TargetState::Unsettled { .. }
        | TargetState::Unverified { .. }
        | TargetState::Skipped { .. }
        | TargetState::NotReached => false,
    };
    if rollout.targets.iter().any(is_open) {
        return None;
    }
    let id = rollout.id.clone();
    let next = next_wave(state, &plan.body, rollout);
    let start = next.map(|next| {
        vec![Event::WaveStarted { rollout: id.clone(), place: next.place, databases: next.databases }]
    });
    let Some(wave) = last else { return start };
    let waits_for_person = || {
        let number = u32::try_from(wave.place).unwrap_or(u32::MAX);
        let paused = Event::RolloutPaused { rollout: id.clone(), reason: PauseReason::Wave { wave: number } };
        let pauses = start.is_some() && rules(plan, wave).is_some_and(|rules| rules.pause);
        pauses.then(|| vec![paused])
    };
    let asks = !plan.body.queries().is_empty();
    match wave.stage {
        Stage::Passed => start,
        // A way back is in a hurry, and a wave in which nothing was to be done shows nothing. One in which something was left
        // out or failed shows less than it should: that is no reason to wait for less.
        Stage::Working if plan.body.goal.is_back() || is_idle(rollout, wave) => start,
        Stage::Working => match bake(rollout, plan, (wave, start.is_none())) {
            Some(span) => Some(vec![Event::WaveBakes { rollout: id.clone(), until: now + span }]),
            None => waits_for_person().or(start),
        },
        // Where nothing is asked at its end and nothing comes after it, nothing is waited for.
        Stage::Baking { until } if now < until => asks.then(Vec::new),
        Stage::Baking { .. } if asks => Some(vec![Event::WaveVerifies { rollout: id.clone() }]),
        Stage::Baking { .. } | Stage::Verifying => waits_for_person().or(start),
    }
}

/// Whether nothing was to be done in a wave.
fn is_idle(rollout: &Rollout, wave: &Wave) -> bool {
    let idle = |target: &Target| target.state == TargetState::Done && target.done.is_empty();
    wave.members.keys().filter_map(|name| rollout.targets.get(name)).all(idle)
}

/// How long is waited after a wave. After the last one there is a wait only for what is asked at its end.
fn bake(rollout: &Rollout, plan: &Plan, (wave, is_last): (&Wave, bool)) -> Option<Span> {
    let own = rules(plan, wave).and_then(|rules| rules.bake);
    if is_last {
        return own.filter(|_| !plan.body.queries().is_empty());
    }
    let before = rollout.waves.iter().take(rollout.waves.len().saturating_sub(1));
    let is_first = before.into_iter().all(|wave| is_idle(rollout, wave));
    own.max(plan.body.course.first_bake.filter(|_| is_first))
}

/// Commands that take longer than policy allows. The time before an agent has one is not counted: nothing runs then.
pub(super) fn overdue(state: &State, rollout: &Rollout, plan: &Plan, now: Timestamp) -> Vec<Event> {
    let Some(deadline) = plan.body.course.step_deadline else { return Vec::new() };
    let late = rollout.targets.iter().filter(|(_, target)| {
        let TargetState::Running { command } = &target.state else { return false };
        // Queries have bounds of their own.
        let is_run = |known: &CommandState| !matches!(known.command.kind, CommandKind::Verify(_));
        let accepted = state.commands.get(command).is_some_and(|known| known.accepted && is_run(known));
        accepted && !target.cancelled && target.overdue.is_none() && now > target.moved_at + deadline
    });
    let event = |name: &DatabaseName| Event::TargetOverdue {
        rollout: rollout.id.clone(),
        database: name.clone(),
        deadline,
    };
    late.map(|(name, _)| event(name)).collect()
}
