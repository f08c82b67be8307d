//! What never happens between waves, and when too much has failed.

use std::collections::BTreeMap;

use pgbelay_core::event::Event;
use pgbelay_core::rollout::{PauseReason, Rollout, RolloutState, TargetState};
use pgbelay_core::state::State;
use proptest::prelude::*;

use super::history::any_history;
use super::play;
use super::safety::{events, issued};

fn held(rollout: &Rollout) -> usize {
    rollout.targets.values().filter(|target| target.state.command().is_some()).count()
}

fn of_command<'a>(state: &'a State, command: &pgbelay_core::command::Command) -> &'a Rollout {
    &state.rollouts[&command.rollout]
}

proptest! {
    /// No more databases are worked on than policy allows, in all and in each wave.
    #[test]
    fn invariant_never_more_at_work_than_max_parallel(history in any_history()) {
        play(&history, |asked| {
            for command in issued(asked) {
                let rollout = of_command(asked.after, command);
                let policy = asked.after.environment(&rollout.environment).unwrap();
                assert!(held(rollout) <= policy.max_parallel as usize, "{rollout:?}");
                let plan = asked.after.plan_of(rollout).unwrap();
                for wave in &rollout.waves {
                    let rules = plan.body.course.waves.get(wave.place);
                    let Some(most) = rules.and_then(|rules| rules.max_parallel) else { continue };
                    let is_member = |name: &&_| wave.members.contains_key(*name);
                    let held = rollout.targets.keys().filter(is_member);
                    let held = held.filter(|name| rollout.targets[*name].state.command().is_some());
                    assert!(held.count() <= most as usize, "{rollout:?}");
                }
            }
        });
    }

    /// When more have failed than policy allows, nothing is started any more; and the same for what is not known.
    #[test]
    fn invariant_over_budget_nothing_is_started(history in any_history()) {
        play(&history, |asked| {
            for command in issued(asked) {
                let before = of_command(asked.before, command);
                let course = &asked.before.plan_of(before).unwrap().body.course;
                let unknown = |target: &&_| -> bool {
                    let target: &pgbelay_core::rollout::Target = target;
                    matches!(target.state, TargetState::Unknown { .. })
                };
                let unknown = before.targets.values().filter(unknown).count();
                assert!(before.failures() <= course.max_failures, "{before:?}");
                assert!(unknown <= course.max_unknown as usize, "{before:?}");
                assert_eq!(before.state, RolloutState::Running);
            }
        });
    }

    /// A command goes to a database of a wave that has started, and every wave before it is done.
    #[test]
    fn invariant_waves_come_one_after_the_other(history in any_history()) {
        play(&history, |asked| {
            for command in issued(asked) {
                let before = of_command(asked.before, command);
                assert!(before.waves.iter().any(|wave| wave.members.contains_key(&command.database)));
            }
            for event in events(asked) {
                let Event::WaveStarted { rollout, databases, .. } = event else { continue };
                let before = &asked.before.rollouts[rollout];
                for name in before.waves.iter().flat_map(|wave| wave.members.keys()) {
                    let open = matches!(before.targets[name].state, TargetState::Due | TargetState::Running { .. });
                    assert!(!open && !databases.contains(name), "{name} in {before:?}");
                }
            }
        });
    }

    /// What a wave has when it starts, it has for ever, whatever labels and policies become.
    #[test]
    fn invariant_waves_keep_their_databases(history in any_history()) {
        let mut known = BTreeMap::new();
        play(&history, move |asked| {
            for (id, rollout) in &asked.after.rollouts {
                for (at, wave) in rollout.waves.iter().enumerate() {
                    let members = known.entry((id.clone(), at)).or_insert_with(|| wave.members.clone());
                    assert_eq!(members, &wave.members);
                }
            }
        });
    }

    /// The next wave starts only when the wait after the one before is over, or somebody says so.
    #[test]
    fn invariant_a_bake_is_waited_for(history in any_history()) {
        let mut until = BTreeMap::new();
        play(&history, move |asked| {
            for event in events(asked) {
                if let Event::WaveBakes { rollout, until: end } = event {
                    until.insert(rollout.clone(), *end);
                }
                if let Event::WavePassed { rollout, .. } = event {
                    until.remove(rollout);
                }
                if let Event::WaveStarted { rollout, .. } = event {
                    assert!(until.remove(rollout).is_none_or(|end| asked.now >= end), "{rollout}");
                }
            }
        });
    }

    /// A halt is left only by a person's word, and says how many have failed.
    #[test]
    fn invariant_a_halt_names_its_failures(history in any_history()) {
        play(&history, |asked| {
            for event in events(asked) {
                let Event::RolloutPaused { rollout, reason: PauseReason::Budget { failed, allowed } } = event else {
                    continue;
                };
                assert_eq!(asked.after.rollouts[rollout].failures(), *failed);
                assert!(failed > allowed);
            }
        });
    }
}
