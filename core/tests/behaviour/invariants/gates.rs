//! Nothing begins outside of windows, nor in a freeze.

use pgbelay_core::command::Command;
use pgbelay_core::decide::{frozen, hours};
use pgbelay_core::outstanding::{Effect, outstanding};
use pgbelay_core::rollout::{PauseReason, RolloutState};
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;
use proptest::prelude::*;

use super::history::any_history;
use super::play;
use super::safety::issued;

fn may_begin(state: &State, command: &Command, now: Timestamp) -> bool {
    let rollout = &state.rollouts[&command.rollout];
    let open = rollout.overridden.is_some() || hours(state, &rollout.environment).is_open(now);
    open && frozen(state, &rollout.environment).is_none()
}

proptest! {
    /// A command is issued only while its environment is open and not frozen, and reaches an agent only then.
    #[test]
    fn invariant_nothing_begins_outside_of_windows_or_in_a_freeze(history in any_history()) {
        play(&history, |asked| {
            for command in issued(asked) {
                assert!(may_begin(asked.before, command, asked.now), "{} at {}", command.id, asked.now);
            }
            for effect in outstanding(asked.after, asked.now) {
                let Effect::Deliver { command, .. } = effect else { continue };
                let known = &asked.after.commands[&command];
                assert!(known.accepted || may_begin(asked.after, &known.command, asked.now), "{command}");
            }
        });
    }

    /// Whoever is held back by the clock or a freeze is held back only while that is so.
    #[test]
    fn invariant_a_gate_that_opens_holds_nothing_back(history in any_history()) {
        let mut player = play(&history, |_| {});
        player.world.advance();
        let (state, now) = (&player.world.state, player.world.now);
        for rollout in state.rollouts.values() {
            let RolloutState::Paused { reason } = &rollout.state else { continue };
            let (open, freeze) = (hours(state, &rollout.environment).is_open(now), frozen(state, &rollout.environment));
            match reason {
                PauseReason::Window { .. } => prop_assert!(!open && freeze.is_none(), "{rollout:?}"),
                PauseReason::Freeze { .. } => prop_assert!(freeze.as_ref() == Some(reason), "{rollout:?}"),
                PauseReason::Operator
                | PauseReason::Unknown { .. }
                | PauseReason::AgentUnreachable { .. }
                | PauseReason::Unsettled { .. }
                | PauseReason::Budget { .. }
                | PauseReason::Wave { .. }
                | PauseReason::NoProgress { .. }
                | PauseReason::Verification { .. }
                | PauseReason::ApprovalStale { .. } => {}
            }
        }
    }
}
