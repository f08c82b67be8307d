//! That the histories reach what the invariants speak of: a promise about what never happens proves nothing.

use std::collections::BTreeMap;

use pgbelay_core::command::Outcome;
use pgbelay_core::event::Event;
use pgbelay_core::plan::Goal;
use pgbelay_core::rollout::Verdict;
use pgbelay_core::state::State;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::history::any_history;
use super::play;

/// Each of them must be seen in that many of [`HISTORIES`], at least.
const REACHED: &[(&str, usize)] = &[
    ("migrated staging", 100),
    ("migrated production", 20),
    ("rolled back", 20),
    ("rolled back in production", 5),
    ("backed-up", 200),
    ("ran", 200),
    ("failed", 20),
    ("interrupted", 50),
    ("cancelled", 20),
    ("unknown", 50),
    ("refused", 20),
    ("rollout-paused", 100),
    ("rollout-resumed", 50),
    ("rollout-aborted", 30),
    ("target-up-to-date", 50),
    ("target-given-up", 5),
    ("database-unreachable", 50),
    ("database-reachable", 20),
    ("verdict Succeeded", 100),
    ("verdict Failed", 100),
    ("verdict Aborted", 30),
];

const HISTORIES: usize = 1_000;

fn reached(state: &State, event: &Event) -> Vec<String> {
    let mut names = vec![event.kind().to_owned()];
    if let Event::CommandFinished { outcome, .. } = event {
        let name = match outcome {
            Outcome::BackedUp { .. } => "backed-up",
            Outcome::Verified { .. } => "verified",
            Outcome::Rehearsed { .. } => "rehearsed",
            Outcome::Ran { .. } => "ran",
            Outcome::Failed { .. } => "failed",
            Outcome::Interrupted { .. } => "interrupted",
            Outcome::Cancelled { .. } => "cancelled",
            Outcome::Refused { .. } => "refused",
            Outcome::Unsettled { .. } => "unsettled",
            Outcome::Unknown { .. } => "unknown",
        };
        names.push(name.to_owned());
    }
    if let Event::RolloutFinished { rollout, verdict } = event {
        names.push(format!("verdict {verdict:?}"));
        let plan = state.plan_of(&state.rollouts[rollout]).unwrap();
        let worked = *verdict == Verdict::Succeeded && !plan.body.is_empty();
        match plan.body.goal {
            Goal::Release { .. } if worked => names.push(format!("migrated {}", plan.body.environment)),
            Goal::Back { .. } if worked => {
                names.push("rolled back".to_owned());
                names.push(format!("rolled back in {}", plan.body.environment));
            }
            Goal::Release { .. }
            | Goal::Back { .. }
            | Goal::Undo { .. }
            | Goal::Adopt { .. }
            | Goal::Baseline { .. } => {}
        }
    }
    names
}

#[test]
fn histories_reach_what_the_invariants_speak_of() {
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..HISTORIES {
        let history = any_history().new_tree(&mut runner).unwrap().current();
        let player = play(&history, |_| {});
        let state = &player.world.state;
        let mut names: Vec<_> = player.world.ledger.iter().flat_map(|r| reached(state, &r.event)).collect();
        names.sort();
        names.dedup();
        names.into_iter().for_each(|name| *counts.entry(name).or_default() += 1);
    }
    let rare: Vec<_> =
        REACHED.iter().filter(|(name, least)| counts.get(*name).is_none_or(|count| count < least)).collect();
    assert!(rare.is_empty(), "seldom reached: {rare:?} in {counts:#?}");
}
