//! What is waited for between waves, by hand.

use std::collections::{BTreeMap, BTreeSet};

use pgbelay_core::event::{Actor, Event};
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::Goal;
use pgbelay_core::rollout::{Rollout, RolloutId, Target, TargetState, Wave};
use pgbelay_core::state::State;
use pgbelay_core::time::{Span, Timestamp};

#[derive(Default)]
struct Wait {
    /// Until when is waited after the last wave; `None`: it has not begun.
    until: Option<Timestamp>,
    /// Whether somebody let the next one start.
    passed: bool,
}

/// Where each rollout waits.
#[derive(Default)]
pub(crate) struct Waits(BTreeMap<RolloutId, Wait>);

impl Waits {
    pub(crate) fn before(
        &mut self,
        state: &State,
        (actor, event): (&Actor, &Event),
        now: Timestamp,
    ) -> Option<String> {
        match event {
            Event::WaveBakes { rollout, until } => {
                self.0.entry(rollout.clone()).or_default().until = Some(*until);
                let known = state.rollouts.get(rollout)?;
                let short = needed(state, known).is_some_and(|(span, _)| *until < now + span);
                return short
                    .then(|| format!("the wait after a wave of {rollout} is too short for its first bake"));
            }
            Event::WaveVerifies { rollout } => {
                let wait = self.0.entry(rollout.clone()).or_default();
                let early =
                    !matches!(actor, Actor::Operator(_)) && wait.until.is_none_or(|until| now < until);
                // It is over, whatever the clock says later.
                wait.until = Some(Timestamp(0));
                return early.then(|| format!("a wave of {rollout} is asked before its time"));
            }
            Event::WavePassed { rollout, .. } => {
                self.0.entry(rollout.clone()).or_default().passed = true;
                if !matches!(actor, Actor::Operator(_)) {
                    return Some(format!("{actor} lets the next wave of {rollout} start"));
                }
            }
            Event::RolloutRetried { rollout, databases } => {
                self.again(state.rollouts.get(rollout)?, databases);
            }
            Event::WaveStarted { rollout, .. } => {
                let wait = self.0.remove(rollout).unwrap_or_default();
                return too_early(state, state.rollouts.get(rollout)?, &wait, now);
            }
            _ => {}
        }
        None
    }

    /// What failed in the last wave is tried again: then all of it is waited for anew.
    fn again(&mut self, rollout: &Rollout, databases: &BTreeSet<DatabaseName>) {
        let is_of_last = rollout
            .waves
            .last()
            .is_some_and(|last| databases.iter().any(|name| last.members.contains_key(name)));
        if let Some(wait) = self.0.get_mut(&rollout.id).filter(|wait| is_of_last && !wait.passed) {
            wait.until = None;
        }
    }
}

fn too_early(state: &State, rollout: &Rollout, wait: &Wait, now: Timestamp) -> Option<String> {
    let (last, plan) = (rollout.waves.last()?, state.plan_of(rollout)?);
    let rules = plan.body.course.waves.get(last.place)?;
    let members = || last.members.keys().filter_map(|name| rollout.targets.get(name));
    let idle = |target: &Target| target.state == TargetState::Done && target.done.is_empty();
    let open = |target: &Target| target.state.command().is_some();
    if members().any(open) {
        return Some(format!("a wave of {} starts while the one before has not ended", rollout.id));
    }
    if wait.passed || !matches!(plan.body.goal, Goal::Release { .. }) || members().all(idle) {
        return None;
    }
    let baked = wait.until.is_some_and(|until| now >= until);
    let first = needed(state, rollout).is_some_and(|(_, is_first)| is_first);
    match () {
        () if rules.pause => Some(format!("a wave of {} starts without a person's word", rollout.id)),
        () if rules.bake.is_some() && !baked => {
            Some(format!("a wave of {} starts before its time", rollout.id))
        }
        () if first && !baked => {
            Some(format!("a wave of {} starts before the first bake is over", rollout.id))
        }
        () => None,
    }
}

/// How long is waited after the last wave at the least, and whether that is because it is the first that changed something.
/// After the very last one only its own bake counts.
fn needed(state: &State, rollout: &Rollout) -> Option<(Span, bool)> {
    let course = &state.plan_of(rollout)?.body.course;
    let (last, before) = rollout.waves.split_last()?;
    let changed = |wave: &Wave| {
        let mut members = wave.members.keys().filter_map(|name| rollout.targets.get(name));
        members.any(|target| target.state != TargetState::Done || !target.done.is_empty())
    };
    let own = course.waves.get(last.place).and_then(|rules| rules.bake);
    let more = rollout.targets.iter().any(|(name, target)| {
        target.state == TargetState::Due && !rollout.waves.iter().any(|wave| wave.members.contains_key(name))
    });
    let first = course.first_bake.filter(|_| more && !before.iter().any(changed));
    let span = own.max(first)?;
    Some((span, first.is_some()))
}
