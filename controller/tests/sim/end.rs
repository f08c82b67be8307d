//! What must be so in the end, when nothing goes wrong any more and people have answered.

use std::collections::{BTreeMap, BTreeSet};

use pgbelay_core::command::CommandId;
use pgbelay_core::event::Event;
use pgbelay_core::migration::Version;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::rollout::{Rollout, RolloutId, TargetState};

use crate::agent::Agent;
use crate::world::World;

impl World {
    /// Whatever has happened, people can bring every rollout to its end: without ending it by force.
    pub(crate) fn must_be_quiet(&self) {
        let mut book = self.book();
        let open = book.state.rollouts.values().find(|rollout| !rollout.state.is_finished());
        let never = open.map(|rollout| {
            let left = rollout.targets.iter().filter(|(_, target)| target.state != TargetState::Done);
            let left: Vec<_> = left.map(|(name, target)| format!("{name} {:?}", target.state)).collect();
            format!("{} never ends by itself: {:?}, {}", rollout.id, rollout.state, left.join(", "))
        });
        if let Some(never) = never {
            book.trouble.get_or_insert(never);
        }
    }

    /// Every rollout is over, every command has come to its end or is of one that people gave up, and what the controller
    /// says was done is what the databases say.
    pub(crate) fn check_the_end(&self) {
        let mut book = self.book();
        let issued = |recorded: &pgbelay_core::event::Recorded| match &recorded.event {
            Event::CommandIssued { command } => Some((command.id.clone(), command.rollout.clone())),
            _ => None,
        };
        let of: BTreeMap<CommandId, RolloutId> = book.ledger.iter().filter_map(issued).collect();
        // An agent that was given up is not listened to any more.
        let given_up = |recorded: &pgbelay_core::event::Recorded| match &recorded.event {
            Event::TargetGivenUp { rollout, database, .. } => Some((rollout.clone(), database.clone())),
            _ => None,
        };
        let given_up: BTreeSet<_> = book.ledger.iter().filter_map(given_up).collect();
        let state = book.state.clone();
        let open = state.rollouts.values().find(|rollout| !rollout.state.is_finished());
        let never = open.map(|rollout| {
            let open = rollout.targets.iter().find(|(_, target)| target.state.command().is_some());
            format!("{} never ends: {:?}, {open:?}", rollout.id, rollout.state)
        });
        let told = || state.rollouts.values().find_map(|rollout| self.untrue(rollout, &of, &given_up));
        let same = !self.reads || book.read_again() == *state;
        let other = || (!same).then(|| "what is read from the ledger is not what was known".to_owned());
        if let Some(trouble) = never.or_else(told).or_else(other) {
            book.trouble.get_or_insert(trouble);
        }
    }

    /// What a rollout says of a database that is not so.
    fn untrue(
        &self,
        rollout: &Rollout,
        of: &BTreeMap<CommandId, RolloutId>,
        given_up: &BTreeSet<(RolloutId, DatabaseName)>,
    ) -> Option<String> {
        rollout.targets.iter().find_map(|(name, target)| {
            let truth = committed(self.agents.get(name)?, &rollout.id, of);
            let told: BTreeSet<&Version> = target.done.iter().map(|done| &done.version).collect();
            if let Some(version) = told.iter().find(|version| !truth.contains(*version)) {
                return Some(format!("{}: {version} is told to be done on {name}, and is not", rollout.id));
            }
            let settled = match &target.state {
                TargetState::Done
                | TargetState::Refused { .. }
                | TargetState::Cancelled
                | TargetState::Skipped { .. }
                | TargetState::Failed { .. } => !given_up.contains(&(rollout.id.clone(), name.clone())),
                TargetState::Due
                | TargetState::Running { .. }
                | TargetState::Unknown { .. }
                | TargetState::Unsettled { .. }
                | TargetState::Unverified { .. }
                | TargetState::NotReached => false,
            };
            let missing = truth.iter().find(|version| settled && !told.contains(*version))?;
            Some(format!(
                "{}: {missing} was done on {name}, and is not told ({:?})",
                rollout.id, target.state
            ))
        })
    }
}

/// What really took effect of a rollout.
fn committed<'a>(
    agent: &'a Agent,
    rollout: &RolloutId,
    of: &BTreeMap<CommandId, RolloutId>,
) -> BTreeSet<&'a Version> {
    let commits = agent.database.commits.iter();
    commits.filter(|commit| of.get(&commit.command) == Some(rollout)).map(|commit| &commit.version).collect()
}
