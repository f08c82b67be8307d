//! A fleet in one thread, under a clock of its own: the real decisions and the real talk with agents, a network that
//! delays, doubles and cuts, agents with databases that tell the truth, crashes of everything, clocks that jump, and
//! people who do things at random.
//!
//! One number makes one history. `PGBELAY_SIM_SEED=7` plays that one and prints it; `PGBELAY_SIM_SEEDS=100000` plays as
//! many, from `PGBELAY_SIM_FROM` on.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod agent;
mod bugs;
mod chaos;
mod desk;
mod dice;
mod end;
mod fleet;
mod hours;
mod link;
mod moves;
mod people;
mod proofs;
mod rules;
mod sight;
mod undo;
mod waits;
mod work;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use bugs::Bug;
use world::{Ended, World};

/// Histories of each run of the tests.
const SEEDS: u64 = 2_000;

/// Histories in which a seeded bug has to be found.
const ENOUGH: u64 = 400;

#[expect(clippy::disallowed_methods, reason = "what the tests are asked to play")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

/// Plays every seed in turn with as many threads as there are processors, until `stop` says so.
fn play(seeds: std::ops::Range<u64>, one: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    one(seed);
                }
            });
        }
    });
}

#[test]
fn invariant_whatever_happens_the_promises_hold() {
    if let Some(seed) = number("PGBELAY_SIM_SEED") {
        let ended = World::new(seed, None).printed().live();
        println!("{}", ended.summary());
        assert!(ended.trouble.is_none(), "seed {seed}: {}", ended.trouble.unwrap_or_default());
        return;
    }
    let from = number("PGBELAY_SIM_FROM").unwrap_or(0);
    let seeds = from..from + number("PGBELAY_SIM_SEEDS").unwrap_or(SEEDS);
    let (troubles, all) = (std::sync::Mutex::new(Vec::new()), std::sync::Mutex::new(Ended::default()));
    play(seeds.clone(), |seed| {
        let first = World::new(seed, None).live();
        let second = World::new(seed, None).live();
        if let Some(trouble) = &first.trouble {
            troubles.lock().unwrap().push(format!("seed {seed}: {trouble}"));
        } else if first.ledger != second.ledger {
            troubles.lock().unwrap().push(format!("seed {seed}: played twice, it is not the same history"));
        }
        all.lock().unwrap().add(&first);
    });
    let (troubles, all) = (troubles.into_inner().unwrap(), all.into_inner().unwrap());
    println!("{} histories, each twice: {}", seeds.end - seeds.start, all.summary());
    assert!(troubles.is_empty(), "{} of them broke a promise:\n{}", troubles.len(), troubles.join("\n"));
    assert!(all.is_lively(seeds.end - seeds.start), "too little happens: {}", all.summary());
}

#[test]
fn every_seeded_bug_is_found() {
    let mut missed = Vec::new();
    for bug in Bug::ALL {
        let found = std::sync::Mutex::new(None::<(u64, String)>);
        play(0..ENOUGH, |seed| {
            if found.lock().unwrap().is_none()
                && let Some(trouble) = World::new(seed, Some(bug)).live().trouble
                && bug.shows_as().iter().any(|text| trouble.contains(text))
            {
                found.lock().unwrap().get_or_insert((seed, trouble));
            }
        });
        match found.into_inner().unwrap() {
            Some((seed, trouble)) => println!("{bug:?}: seed {seed}: {trouble}"),
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "not found in {ENOUGH} histories: {missed:?}");
}
