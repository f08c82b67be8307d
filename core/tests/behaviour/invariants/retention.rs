//! Backups that go, and ways back that rest on backups.

use pgbelay_core::backup::KnownBackup;
use pgbelay_core::event::Event;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::outstanding::{Effect, outstanding};
use pgbelay_core::plan::Direction;
use pgbelay_core::request::Request;
use pgbelay_core::retention::{Fate, judge};
use pgbelay_core::state::State;
use pgbelay_core::time::Span;
use proptest::prelude::*;

use super::history::{any_history, honest};
use super::play;
use super::safety::events;
use crate::world::Asked;

/// The backups that a request gave up, as they were before.
fn given_up<'a>(asked: &Asked<'a>) -> Vec<&'a KnownBackup> {
    let before = asked.before;
    let known = |event: &Event| {
        let Event::BackupCondemned { database, backup, .. } = event else { return None };
        Some(before.backup(database, backup).unwrap())
    };
    events(asked).filter_map(known).collect()
}

fn is_complete(known: &&KnownBackup) -> bool {
    known.condemned.is_none()
        && known.looked.as_ref().is_none_or(|look| look.problems.is_empty())
        && known.checked.as_ref().is_none_or(|check| check.problems.is_empty())
}

/// The complete ones that were made later.
fn newer(state: &State, than: &KnownBackup) -> usize {
    let later = |known: &&KnownBackup| (known.made_at, known.id()) > (than.made_at, than.id());
    state.backups_of(&than.database).filter(is_complete).filter(later).count()
}

/// Whether something that is or may have been run after a backup can still be rolled back.
fn is_needed(asked: &Asked<'_>, known: &KnownBackup) -> bool {
    let state = asked.before;
    let open = |(_, window): &(&_, &pgbelay_core::database::Window)| !window.expired(asked.now);
    let target = &state.rollouts[&known.rollout].targets[&known.database];
    let mut windows = state.databases[&known.database].windows.iter().filter(open);
    windows.any(|(version, window)| {
        window.backup.as_deref() == Some(known.id())
            || target.done.iter().any(|d| d.version == *version)
                && state.plan_of(&state.rollouts[&known.rollout]).unwrap().body.targets[&known.database]
                    .steps
                    .iter()
                    .any(|step| step.direction == Direction::Up && step.version == *version)
    })
}

fn is_busy(state: &State, name: &DatabaseName) -> bool {
    state.rollouts.values().any(|r| !r.state.is_finished() && r.targets.contains_key(name))
}

proptest! {
    /// Nothing is given up, and nobody is asked to delete anything, without a newer complete backup that stays.
    #[test]
    fn invariant_no_backup_goes_without_a_newer_complete_one(history in any_history()) {
        play(&history, |asked| {
            for known in given_up(asked) {
                assert!(newer(asked.before, known) > 0 && newer(asked.after, known) > 0, "{known:?}");
            }
            for effect in outstanding(asked.after, asked.now) {
                if let Effect::DeleteBackup { database, backup } = effect {
                    assert!(newer(asked.after, asked.after.backup(&database, &backup).unwrap()) > 0);
                }
            }
        });
    }

    /// What an open rollback window may need stays, and so does everything while a rollout is about the database.
    #[test]
    fn invariant_no_backup_goes_inside_an_open_window_or_rollout(history in any_history()) {
        play(&history, |asked| {
            for known in given_up(asked) {
                assert!(!is_needed(asked, known), "{known:?}");
                assert!(!is_busy(asked.before, &known.database), "{known:?}");
            }
            for effect in outstanding(asked.after, asked.now) {
                if let Effect::DeleteBackup { database, .. } = effect {
                    assert!(!is_busy(asked.after, &database), "{database}");
                }
            }
        });
    }

    /// The backup that was read again and found whole last stays.
    #[test]
    fn invariant_the_last_proven_backup_stays(history in any_history()) {
        play(&history, |asked| {
            for known in given_up(asked) {
                let proven = |known: &&KnownBackup| known.checked.is_some() && is_complete(known);
                let all = asked.before.backups_of(&known.database).filter(proven);
                let last = all.filter_map(|known| known.checked.as_ref()).map(|check| check.at).max();
                let own = Some(known).filter(proven).and_then(|known| known.checked.as_ref());
                let others = asked.before.backups_of(&known.database).filter(proven)
                    .filter(|other| other.id() != known.id())
                    .filter_map(|other| other.checked.as_ref()).map(|check| check.at).max();
                assert!(own.is_none_or(|own| Some(own.at) < last || others == last), "{known:?}");
            }
        });
    }

    /// Policy has to say so: both of its numbers, where it has two.
    #[test]
    fn invariant_nothing_goes_that_policy_keeps(history in any_history()) {
        play(&history, |asked| {
            for known in given_up(asked) {
                let environment = &asked.before.databases[&known.database].environment;
                let policy = asked.before.policy.environment(environment).unwrap().backup_retention.unwrap();
                assert!(policy.keep.is_none_or(|keep| newer(asked.before, known) >= keep as usize));
                let age = Span(asked.now.0 - known.made_at.0);
                assert!(policy.days.is_none_or(|days| age >= Span::hours(24 * i64::from(days))), "{known:?}");
            }
        });
    }

    /// The same state has one answer, and what was given up is not given up again. What goes is always what was shown.
    #[test]
    fn invariant_retention_has_one_answer(history in honest()) {
        play(&history, |asked| {
            for name in asked.after.databases.keys() {
                let judged = judge(asked.after, name, asked.now);
                assert_eq!(judged, judge(asked.after, name, asked.now));
                assert_eq!(judged.len(), asked.after.backups_of(name).count());
            }
            for known in given_up(asked) {
                assert!(known.condemned.is_none(), "twice: {known:?}");
                let before = judge(asked.before, &known.database, asked.now);
                let shown = before.iter().find(|judged| judged.backup.id() == known.id()).unwrap();
                assert!(matches!(shown.fate, Fate::Goes(_)), "{shown:?}");
            }
        });
    }

    /// No rollback starts on a backup that is known to be of no use, or that nobody has just looked at.
    #[test]
    fn invariant_no_rollback_starts_on_an_unusable_backup(history in any_history()) {
        play(&history, |asked| {
            let Request::StartRollout { plan, looks, .. } = asked.request else { return };
            if asked.result.is_err() {
                return;
            }
            let plan = &asked.before.plans[plan].plan;
            for (name, target) in &plan.body.targets {
                for step in target.steps.iter().filter(|step| step.direction == Direction::Down) {
                    let window = &asked.before.databases[name].windows[&step.version];
                    let Some(id) = &window.backup else { continue };
                    let known = asked.before.backup(name, id).unwrap();
                    assert!(is_complete(&known), "{known:?}");
                    assert_eq!(looks.get(&(name.clone(), id.clone())), Some(&Ok(())));
                }
            }
        });
    }
}
