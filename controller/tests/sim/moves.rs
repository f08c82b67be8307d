//! When something of a rollout last moved, and what labels databases have: by hand, for what deadlines and waves say.

use std::collections::{BTreeMap, BTreeSet};

use pgbelay_core::command::CommandId;
use pgbelay_core::event::Event;
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::rollout::{PauseReason, RolloutId, RolloutState};
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;

/// What has moved.
#[derive(Default)]
pub(crate) struct Moves {
    /// Labels that agents were let in with, by their tokens, and those that databases have.
    tokens: BTreeMap<String, (DatabaseName, BTreeMap<String, String>)>,
    labels: BTreeMap<DatabaseName, BTreeMap<String, String>>,
    /// When something of a rollout last moved.
    moved: BTreeMap<RolloutId, Timestamp>,
    /// When an agent took a command, and of which rollout and database that is.
    of: BTreeMap<CommandId, (RolloutId, DatabaseName)>,
    taken: BTreeMap<(RolloutId, DatabaseName), Timestamp>,
    /// Rollouts of which nothing has moved for too long.
    stuck: BTreeSet<RolloutId>,
}

impl Moves {
    /// What an event breaks, in the state before it.
    pub(crate) fn before(&mut self, state: &State, event: &Event, now: Timestamp) -> Option<String> {
        let broken = self.look(state, event, now);
        if let Some(rollout) = self.moves(event) {
            self.moved.insert(rollout, now);
        }
        broken
    }

    fn look(&mut self, state: &State, event: &Event, now: Timestamp) -> Option<String> {
        match event {
            Event::TokenCreated { token } => {
                let (id, labels) = (token.id.to_string(), token.labels.clone());
                self.tokens.insert(id, (token.database.clone(), labels));
            }
            Event::AgentEnrolled { token, .. } => {
                self.labels.extend(self.tokens.remove(&token.to_string()));
            }
            Event::WaveStarted { rollout, place, databases } => {
                return self.selects(state, (rollout, *place), databases);
            }
            Event::CommandIssued { command } => {
                let of = (command.rollout.clone(), command.database.clone());
                self.taken.remove(&of);
                self.of.insert(command.id.clone(), of);
                let stuck = self.stuck.contains(&command.rollout);
                return stuck
                    .then(|| format!("{} is issued, and {} does not move", command.id, command.rollout));
            }
            Event::CommandAccepted { command } => {
                self.taken.insert(self.of.get(command)?.clone(), now);
            }
            Event::RolloutPaused { rollout, reason } => {
                self.stuck.remove(rollout);
                if matches!(reason, PauseReason::NoProgress { .. }) {
                    self.stuck.insert(rollout.clone());
                    return self.too_soon(state, rollout, now);
                }
            }
            Event::RolloutResumed { rollout } | Event::RolloutAborted { rollout } => {
                self.stuck.remove(rollout);
            }
            // Only the deadline of a step ends one: that nothing moves is no reason.
            Event::TargetOverdue { rollout, database, .. } => {
                let plan = state.plan_of(state.rollouts.get(rollout)?)?;
                let (deadline, taken) =
                    (plan.body.course.step_deadline, self.taken.get(&(rollout.clone(), database.clone())));
                let late = deadline.zip(taken).is_some_and(|(deadline, taken)| now > *taken + deadline);
                return (!late).then(|| format!("{database} is cancelled in {rollout} before its deadline"));
            }
            _ => {}
        }
        None
    }

    /// The rollout of which something moves, or that a person lets go on.
    fn moves(&self, event: &Event) -> Option<RolloutId> {
        match event {
            Event::RolloutStarted { rollout, .. }
            | Event::RolloutResumed { rollout }
            | Event::RolloutRetried { rollout, .. }
            | Event::WaveStarted { rollout, .. }
            | Event::WaveBakes { rollout, .. }
            | Event::WaveVerifies { rollout }
            | Event::WavePassed { rollout, .. }
            | Event::TargetSkipped { rollout, .. }
            | Event::TargetOverdue { rollout, .. }
            | Event::TargetUpToDate { rollout, .. }
            | Event::TargetCancelled { rollout, .. }
            | Event::TargetGivenUp { rollout, .. } => Some(rollout.clone()),
            Event::CommandIssued { command } => Some(command.rollout.clone()),
            Event::CommandAccepted { command } | Event::CommandFinished { command, .. } => {
                self.of.get(command).map(|(rollout, _)| rollout.clone())
            }
            _ => None,
        }
    }

    /// A wave has only what its selector names, by the labels at the moment at which it starts.
    fn selects(
        &self,
        state: &State,
        (rollout, place): (&RolloutId, usize),
        databases: &[DatabaseName],
    ) -> Option<String> {
        let plan = state.plan_of(state.rollouts.get(rollout)?)?;
        let rules = serde_json::to_value(plan.body.course.waves.get(place)?).unwrap();
        let wanted = rules["select"].as_array().into_iter().flatten().map(|pair| pair.as_str().unwrap());
        let wanted: Vec<_> = wanted.map(|pair| pair.split_once('=').unwrap()).collect();
        let has = |name: &DatabaseName, (key, value): (&str, &str)| {
            self.labels.get(name).and_then(|labels| labels.get(key)).is_some_and(|label| label == value)
        };
        let foreign = databases.iter().find(|name| !wanted.iter().all(|pair| has(name, *pair)))?;
        Some(format!("wave {place} of {rollout} has {foreign}, which it does not select"))
    }

    fn too_soon(&self, state: &State, rollout: &RolloutId, now: Timestamp) -> Option<String> {
        let plan = state.plan_of(state.rollouts.get(rollout)?)?;
        let late = plan.body.course.progress_deadline.zip(self.moved.get(rollout));
        let late = late.is_some_and(|(deadline, moved)| now > *moved + deadline);
        (!late).then(|| format!("{rollout} is paused because nothing moves, and something has"))
    }

    /// What the controller leaves as it is: a rollout that does not move, while agents have work of it.
    pub(crate) fn at_rest(
        &self,
        state: &State,
        at_work: impl Fn(&RolloutId) -> bool,
        now: Timestamp,
    ) -> Option<String> {
        let late = |id: &RolloutId| {
            let plan = state.plan_of(state.rollouts.get(id)?)?;
            let moved = self.moved.get(id)?;
            Some(now > *moved + plan.body.course.progress_deadline?)
        };
        let goes_on = state.open_rollouts().filter(|rollout| rollout.state == RolloutState::Running);
        let mut stuck = goes_on.filter(|rollout| late(&rollout.id) == Some(true) && at_work(&rollout.id));
        stuck.next().map(|rollout| format!("{} goes on, and nothing of it moves", rollout.id))
    }
}

/// Why nothing may begin by the word of policy alone.
pub(crate) fn frozen_by_policy(state: &State, environment: &EnvironmentName) -> bool {
    let written = state.policy.environment(environment).is_some_and(|policy| policy.freeze.is_some());
    state.policy.freeze.is_some() || written
}
