//! What holds when everything has come to rest: agents answer, and are listened to.

use pgbelay_core::event::Actor;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::outstanding::{Effect, outstanding};
use pgbelay_core::request::Request;
use pgbelay_core::rollout::{PauseReason, RolloutState, Stage, TargetState};
use pgbelay_core::time::Span;
use proptest::prelude::*;

use super::history::honest;
use super::play;
use super::player::Player;
use crate::agent::Fate;
use crate::world::START;

/// The rollback window of every policy here.
const DAY: Span = Span::hours(24);

/// More rounds than commands of any history: each round carries out everything that is outstanding.
const ROUNDS: usize = 100;

impl Player {
    /// Every agent does what it is asked, and tells what it has not told, until nothing moves any more.
    fn come_to_rest(&mut self) {
        self.accept_ledger();
        for _ in 0..ROUNDS {
            let before = self.world.state.seq;
            self.world.advance();
            while !self.untold.is_empty() {
                self.tell(0);
            }
            for effect in outstanding(&self.world.state, self.world.now) {
                match effect {
                    Effect::Deliver { database, .. } => self.answer(&database, &Fate::Well),
                    Effect::Cancel { database, .. } => self.answer(&database, &Fate::CancelledAfter(0)),
                    Effect::Advance { .. }
                    | Effect::Undo { .. }
                    | Effect::StartJob { .. }
                    | Effect::CancelJob { .. }
                    | Effect::GiveUpJob { .. }
                    | Effect::DeleteBackup { .. }
                    | Effect::Disconnect { .. } => {}
                }
            }
            for name in self.fleet.clone() {
                drop(self.world.ask(&Actor::Agent(name.clone()), &Request::AgentBack { database: name }));
            }
            if self.world.state.seq == before {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    fn answer(&mut self, name: &DatabaseName, fate: &Fate) {
        if self.is_revoked(name) {
            drop(self.world.ask(&Actor::Controller, &Request::AgentSilent { database: name.clone() }));
        } else {
            self.work(name, fate, true);
            self.find_out(name);
        }
    }

    fn is_revoked(&self, name: &DatabaseName) -> bool {
        self.world.state.agents[name].revoked
    }

    fn steer_all(&mut self, request: impl Fn(pgbelay_core::rollout::RolloutId) -> Request) {
        for id in self.world.state.rollouts.keys().cloned().collect::<Vec<_>>() {
            drop(self.world.ask(&Actor::Controller, &request(id)));
        }
        self.come_to_rest();
    }

    fn agrees_with_the_truth(&self) {
        for name in self.fleet.iter().filter(|name| !self.is_revoked(name)) {
            let database = &self.world.state.databases[name];
            let truth = &self.world.agents[name].applied;
            let (_, seen) = database.observed.as_ref().unwrap();
            assert_eq!(&seen.records, truth, "{name}");
            if !self.ever_unheard.contains(name) {
                let applied: Vec<_> = truth.iter().map(|record| &record.version).collect();
                let windows: Vec<_> = database.windows.keys().collect();
                let lost = applied.iter().any(|version| !windows.contains(version));
                assert!(windows.iter().all(|version| applied.contains(version)), "{name}: {windows:?}");
                // What an old look did not show may be forgotten when its time is over.
                assert!(!lost || self.world.now >= START + DAY, "{name} lost a window: {windows:?}");
            }
            for release in database.carries.keys() {
                let migrations = &self.world.state.releases[release].migrations;
                assert!(migrations.iter().all(|m| truth.iter().any(|r| r.checksum == m.up.checksum)));
            }
        }
    }
}

proptest! {
    /// When agents answer, a rollout ends or says what it waits for; and when that is granted, it ends.
    #[test]
    fn invariant_every_rollout_ends_or_names_its_pause(history in honest()) {
        let mut player = play(&history, |_| {});
        player.come_to_rest();
        for rollout in player.world.state.rollouts.values() {
            match &rollout.state {
                RolloutState::Finished { .. }
                | RolloutState::Paused {
                    reason:
                        PauseReason::Operator
                        | PauseReason::NoProgress { .. }
                        | PauseReason::Wave { .. }
                        | PauseReason::ApprovalStale { .. }
                        | PauseReason::Window { .. }
                        | PauseReason::Freeze { .. },
                } => {}
                RolloutState::Paused { reason: PauseReason::Budget { allowed, .. } } => {
                    prop_assert!(rollout.failures() > *allowed, "{rollout:?}");
                }
                RolloutState::Paused { reason: PauseReason::Verification { database } } => prop_assert!(
                    matches!(rollout.targets[database].state, TargetState::Unverified { .. }),
                    "{rollout:?}"
                ),
                RolloutState::Running
                    if rollout.waves.last().is_some_and(|wave| matches!(wave.stage, Stage::Baking { .. })) => {}
                RolloutState::Paused {
                    reason: PauseReason::AgentUnreachable { database } | PauseReason::Unknown { database },
                } => prop_assert!(player.is_revoked(database), "{rollout:?}"),
                RolloutState::Paused { reason: PauseReason::Unsettled { database } } => prop_assert!(
                    matches!(rollout.targets[database].state, TargetState::Unsettled { .. }),
                    "{rollout:?}"
                ),
                RolloutState::Running | RolloutState::Aborting => panic!("{rollout:?}"),
            }
        }
        player.steer_all(|rollout| Request::ResumeRollout { rollout });
        player.steer_all(|rollout| Request::AbortRollout { rollout });
        prop_assert!(player.world.state.rollouts.values().all(|rollout| rollout.state.is_finished()));
        prop_assert!(player.world.state.commands.is_empty());
    }

    /// A target that is done has every step of its plan recorded, once.
    #[test]
    fn invariant_done_means_that_every_step_is_recorded_once(history in honest()) {
        let mut player = play(&history, |_| {});
        player.come_to_rest();
        let state = &player.world.state;
        for rollout in state.rollouts.values() {
            let plan = state.plan_of(rollout).unwrap();
            for (name, target) in rollout.targets.iter().filter(|(_, t)| t.state == TargetState::Done) {
                let planned = plan.body.targets[name].steps.iter().map(|step| &step.version);
                prop_assert!(planned.eq(target.done.iter().map(|done| &done.version)), "{name}: {target:?}");
            }
        }
    }

    /// What the controller believes of a database is what is in it, when the agent has told all that it has to tell;
    /// what was never told any other way has a window for each migration that is applied.
    #[test]
    fn invariant_state_agrees_with_the_agents_truth(history in honest()) {
        let mut player = play(&history, |_| {});
        player.come_to_rest();
        player.steer_all(|rollout| Request::ResumeRollout { rollout });
        // What could not be told, and nobody waits for any longer, is read the next time that the agent looks.
        let untold = |name: &&DatabaseName| !player.world.agents[*name].truth.is_empty();
        let untold: Vec<_> = player.fleet.iter().filter(untold).cloned().collect();
        for name in untold.iter().chain(&player.unheard.clone()) {
            player.observe(name);
            player.ever_unheard.insert(name.clone());
        }
        player.agrees_with_the_truth();
    }
}
