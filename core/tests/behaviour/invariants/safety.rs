//! What never happens, whatever people and agents do.

use std::collections::{BTreeMap, BTreeSet};

use pgbelay_core::command::{Command, CommandKind, Outcome};
use pgbelay_core::decide::decide;
use pgbelay_core::event::{Actor, Event, Recorded};
use pgbelay_core::evolve::evolve;
use pgbelay_core::outstanding::{Effect, outstanding};
use pgbelay_core::policy::BackupEach;
use pgbelay_core::request::{Circumstances, Request};
use pgbelay_core::state::State;
use proptest::prelude::*;

use super::history::any_history;
use super::play;
use crate::snapshots::survives;
use crate::world::Asked;

/// The commands that a request caused.
pub(super) fn issued<'a>(asked: &Asked<'a>) -> impl Iterator<Item = &'a Command> {
    events(asked)
        .filter_map(|event| if let Event::CommandIssued { command } = event { Some(command) } else { None })
}

pub(super) fn events<'a>(asked: &Asked<'a>) -> impl Iterator<Item = &'a Event> {
    asked.result.iter().flatten()
}

fn at_most_one_command(state: &State) {
    for database in state.databases.values() {
        let known: Vec<_> =
            state.commands.values().filter(|known| known.command.database == database.name).collect();
        assert!(known.len() <= 1, "{} has several commands: {known:?}", database.name);
        assert_eq!(database.in_flight.as_ref(), known.first().map(|known| &known.command.id));
    }
    for known in state.commands.values() {
        let rollout = &state.rollouts[&known.command.rollout];
        assert!(!rollout.state.is_finished(), "{} outlived its rollout", known.command.id);
        assert_eq!(rollout.targets[&known.command.database].state.command(), Some(&known.command.id));
    }
}

proptest! {
    /// Any state can be written and read again (after every story's command, too: `story.rs`).
    #[test]
    fn invariant_a_state_survives_being_written(history in any_history()) {
        play(&history, |asked| {
            if asked.after.seq != asked.before.seq {
                survives(asked.after);
            }
        });
    }

    /// At any time a database has at most one command, and the rollout, the database and the command agree on it.
    #[test]
    fn invariant_one_mutating_command_in_flight_per_database(history in any_history()) {
        play(&history, |asked| at_most_one_command(asked.after));
    }

    /// A command has a higher fence than any before it for its database, and no fence ever falls.
    #[test]
    fn invariant_fences_only_rise(history in any_history()) {
        play(&history, |asked| {
            for command in issued(asked) {
                assert!(command.fence > asked.before.databases[&command.database].fence);
            }
            for (name, database) in &asked.before.databases {
                assert!(asked.after.databases[name].fence >= database.fence);
            }
        });
    }

    /// No two commands of a history have one identity: an agent answers an old one from its journal.
    #[test]
    fn invariant_no_two_commands_have_one_identity(history in any_history()) {
        let mut seen = BTreeSet::new();
        play(&history, move |asked| {
            for command in issued(asked) {
                assert!(seen.insert(command.id.clone()), "{} was given out twice", command.id);
            }
        });
    }

    /// A rollout that is over stays as it is, for ever.
    #[test]
    fn invariant_finished_rollouts_never_move(history in any_history()) {
        play(&history, |asked| {
            for (id, rollout) in asked.before.rollouts.iter().filter(|(_, r)| r.state.is_finished()) {
                assert_eq!(&asked.after.rollouts[id], rollout);
            }
        });
    }

    /// What is refused changes nothing, and the same question has the same answer.
    #[test]
    fn invariant_refusals_change_nothing(history in any_history()) {
        play(&history, |asked| {
            if asked.result.as_ref().is_ok_and(|events| !events.is_empty()) {
                return;
            }
            assert_eq!(asked.before, asked.after);
        });
    }

    /// A result that was told before, of another run, or of somebody else's command changes nothing.
    #[test]
    fn invariant_a_result_counts_once(history in any_history()) {
        play(&history, |asked| {
            let Request::Report { command, attempt, .. } = asked.request else { return };
            let Actor::Agent(teller) = asked.actor else { return };
            let fits = asked.before.commands.get(command).is_some_and(|known| {
                known.command.attempt == *attempt && known.command.database == *teller
            });
            if fits {
                let here = Circumstances { actor: asked.actor.clone(), now: pgbelay_core::time::Timestamp(0) };
                let again = decide(asked.after, asked.request, &here);
                let open = asked.after.commands.contains_key(command);
                assert!(again.is_err() || open || again.unwrap().is_empty());
            } else {
                assert!(events(asked).next().is_none());
            }
        });
    }

    /// Nobody who was revoked causes an event, and no agent that was revoked gets a command.
    #[test]
    fn invariant_no_event_for_a_revoked_identity(history in any_history()) {
        play(&history, |asked| {
            let revoked = |name| asked.before.agents.get(name).is_some_and(|agent| agent.revoked);
            let silenced = match asked.actor {
                Actor::Agent(name) => revoked(name),
                Actor::Operator(name) => asked.before.operators[name].certificates.revoked,
                Actor::Controller => false,
            };
            assert!(!silenced || asked.result.is_err(), "{} was listened to", asked.actor);
            assert!(issued(asked).all(|command| !revoked(&command.database)));
        });
    }

    /// While an agent's word stands against the ledger, nothing that changes a database is issued or sent, and nothing
    /// but an admin's word (or the end of that agent) lets it go on.
    #[test]
    fn invariant_nothing_is_sent_while_the_ledger_is_in_doubt(history in any_history()) {
        play(&history, |asked| {
            if asked.before.trust.is_doubted() {
                assert!(issued(asked).next().is_none());
                let ends = matches!(
                    asked.request,
                    Request::AcceptLedger { .. }
                        | Request::SetAside { .. }
                        | Request::Enrol { .. }
                        | Request::RevokeAgent { .. }
                        | Request::RemoveDatabase { .. }
                );
                assert!(asked.after.trust.is_doubted() || ends, "{:?}", asked.request);
            }
            if asked.after.trust.is_doubted() {
                let sends = |effect: &Effect| matches!(
                    effect,
                    Effect::Deliver { .. } | Effect::StartJob { .. } | Effect::DeleteBackup { .. }
                );
                assert!(!outstanding(asked.after, asked.now).iter().any(sends));
            }
        });
    }

    /// A rollout wants to be advanced exactly when something comes of it: the effects are no busy loop, and complete.
    #[test]
    fn invariant_outstanding_is_idempotent(history in any_history()) {
        play(&history, |asked| {
            let effects = outstanding(asked.after, asked.now);
            for id in asked.after.rollouts.keys() {
                let request = Request::Advance { rollout: id.clone() };
                let here = Circumstances { actor: Actor::Controller, now: asked.now };
                let comes_of_it = !decide(asked.after, &request, &here).unwrap().is_empty();
                assert_eq!(effects.contains(&Effect::Advance { rollout: id.clone() }), comes_of_it, "{id}");
            }
        });
    }

    /// The ledger, written as JSON and read again, folds to the same state.
    #[test]
    fn invariant_a_second_fold_gives_an_equal_state(history in any_history()) {
        let player = play(&history, |_| {});
        let mut again = State::default();
        for recorded in &player.world.ledger {
            let text = serde_json::to_string(&recorded.event).unwrap();
            let event: Event = serde_json::from_str(&text).unwrap();
            assert_eq!(event, recorded.event);
            assert!(text.contains(&format!("\"kind\":\"{}\"", event.kind())));
            evolve(&mut again, &Recorded { seq: recorded.seq, at: recorded.at, event }).unwrap();
        }
        assert_eq!(again, player.world.state);
    }

    /// Migrations run only after a backup that was reported, for the same database and in the same rollout, unless
    /// the plan says by name that there is none.
    #[test]
    fn invariant_no_run_without_a_verified_backup_in_the_same_rollout_unless_policy_says_off(
        history in any_history()
    ) {
        let mut backups = BTreeMap::new();
        play(&history, move |asked| {
            for event in events(asked) {
                if let Event::CommandFinished { command, outcome: Outcome::BackedUp { backup } } = event {
                    let known = &asked.before.commands[command].command;
                    assert!(matches!(known.kind, CommandKind::Backup { .. }));
                    let target = &asked.before.rollouts[&known.rollout].targets[&known.database];
                    let place = (known.rollout.clone(), known.database.clone());
                    backups.insert(place, (backup.clone(), target.done.len()));
                }
            }
            for command in issued(asked) {
                let CommandKind::Run(run) = &command.kind else { continue };
                let plan = asked.before.plan_of(&asked.before.rollouts[&command.rollout]).unwrap();
                let rules = plan.body.backup.rules();
                let off = rules.is_none();
                let place = (command.rollout.clone(), command.database.clone());
                assert!(off || run.backup.is_some());
                assert_eq!(run.backup.as_ref(), backups.get(&place).map(|(backup, _)| backup));
                if let (Some(BackupEach::Migration), Some((_, done))) =
                    (rules.map(|rules| rules.each), backups.get(&place))
                {
                    // What is done since is not in it.
                    let target = &asked.before.rollouts[&command.rollout].targets[&command.database];
                    assert_eq!((run.steps.len(), *done), (1, target.done.len()));
                }
            }
        });
    }
}
