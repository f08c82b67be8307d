//! What must have come before: approvals before commands, staging before production.

use std::collections::BTreeSet;

use pgbelay_core::access::Role;
use pgbelay_core::command::{Command, CommandKind};
use pgbelay_core::digest::Digest;
use pgbelay_core::event::Event;
use pgbelay_core::migration::Version;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::{Goal, Plan};
use pgbelay_core::rollout::TargetState;
use pgbelay_core::state::State;
use proptest::prelude::*;

use super::history::any_history;
use super::play;
use super::safety::{events, issued};
use crate::world::Asked;

/// The plans that a request began to carry out.
fn started<'a>(asked: &Asked<'a>) -> impl Iterator<Item = &'a Plan> {
    let before = asked.before;
    events(asked).filter_map(move |event| {
        if let Event::RolloutStarted { plan, .. } = event {
            Some(before.plans[plan].plan.as_ref())
        } else {
            None
        }
    })
}

fn is_approved(state: &State, plan: &Plan) -> bool {
    let approvals = state.plans[&plan.id].approvals.iter().filter(|(by, version)| {
        let may = state.operators[*by].role.covers(Role::Approver) && **version == state.policy_version;
        **by != plan.author && may && !state.operators[*by].certificates.revoked
    });
    let policy = state.environment(&plan.body.environment).unwrap();
    let needed: u32 = serde_json::from_value(serde_json::to_value(&policy.approvals).unwrap()).unwrap();
    approvals.count() >= needed as usize
}

/// The command is the plan's: its digest, its steps in their order, its settings.
fn is_planned(state: &State, command: &Command) {
    let plan = state.plan_of(&state.rollouts[&command.rollout]).unwrap();
    assert_eq!(command.plan, plan.digest);
    assert_eq!(plan.digest, plan.body.digest());
    let CommandKind::Run(run) = &command.kind else { return };
    let planned = &plan.body.targets[&command.database];
    let mut rest = planned.steps.iter();
    assert!(run.steps.iter().all(|step| rest.any(|planned| planned == step)), "steps that were not planned");
    assert_eq!(run.settings, plan.body.settings);
    assert!(!run.steps.is_empty());
}

/// Where a release has been carried out, to its end.
fn succeeded(state: &State) -> impl Iterator<Item = (Digest, DatabaseName)> {
    state.rollouts.values().flat_map(|rollout| {
        let release = match state.plan_of(rollout).unwrap().body.goal {
            Goal::Release { release } => Some(release),
            Goal::Back { .. } | Goal::Undo { .. } | Goal::Adopt { .. } | Goal::Baseline { .. } => None,
        };
        let done = rollout.targets.iter().filter(|(_, target)| target.state == TargetState::Done);
        done.filter_map(move |(name, _)| Some((release?, name.clone())))
    })
}

proptest! {
    /// Every command belongs to a rollout of a plan that was approved, fits its digest, and does what it says.
    #[test]
    fn invariant_no_command_without_an_approved_plan_whose_digest_it_carries(history in any_history()) {
        let mut approved = BTreeSet::new();
        play(&history, move |asked| {
            for plan in started(asked) {
                assert!(is_approved(asked.before, plan), "{} was not approved", plan.id);
                assert_eq!(plan.body.policy_version, asked.before.policy_version);
                assert!(approved.insert(plan.digest), "{} was carried out twice", plan.id);
            }
            for command in issued(asked) {
                assert!(approved.contains(&command.plan));
                is_planned(asked.before, command);
            }
        });
    }

    /// A release starts in production only when every database of staging has had it whole, and still has.
    #[test]
    fn invariant_promotion_only_of_a_release_that_succeeded_everywhere_before(history in any_history()) {
        let mut proven = BTreeSet::new();
        play(&history, move |asked| {
            proven.extend(succeeded(asked.after));
            for plan in started(asked) {
                let Goal::Release { release } = plan.body.goal else { continue };
                for required in asked.before.policy.required_before(&plan.body.environment).all_of {
                    let mut there = asked.before.databases_of(&required).peekable();
                    assert!(there.peek().is_some(), "nothing was proven in {required}");
                    for database in there {
                        assert!(proven.contains(&(release, database.name.clone())));
                        let (_, seen) = database.observed.as_ref().unwrap();
                        let migrations = &asked.before.releases[&release].migrations;
                        let has = |version: &Version| seen.records.iter().any(|r| r.version == *version);
                        assert!(migrations.iter().all(|m| has(&m.version)));
                    }
                }
            }
        });
    }

    /// What is counted of an environment is what its databases say one by one, and time passes only while all are well.
    #[test]
    fn invariant_what_an_environment_shows_is_what_its_databases_say(history in any_history()) {
        play(&history, |asked| {
            for (environment, shown) in &asked.after.shown {
                let there: Vec<_> = asked.after.databases_of(environment).collect();
                let unreachable = there.iter().filter(|database| database.unreachable.is_some()).count();
                assert_eq!((shown.members as usize, shown.unreachable as usize), (there.len(), unreachable));
                for (release, proof) in &shown.releases {
                    let carry = there.iter().filter(|database| database.carries.contains_key(release)).count();
                    assert_eq!(proof.carriers as usize, carry);
                    let well = !there.is_empty() && carry == there.len() && unreachable == 0 && !proof.failed;
                    assert_eq!(proof.since.is_some(), well, "{proof:?} in {environment}");
                }
            }
        });
    }
}
