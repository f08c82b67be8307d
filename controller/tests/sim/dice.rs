//! All chance of a history.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Chance, from one number.
pub(crate) struct Dice {
    chance: StdRng,
    /// Whether nothing goes wrong any more.
    pub(crate) calm: bool,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { chance: StdRng::seed_from_u64(seed), calm: false }
    }

    /// From `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        self.chance.random_range(least..=most)
    }

    /// Below `count`; 0 if that is 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        if count == 0 { 0 } else { self.chance.random_range(0..count) }
    }

    /// Whether one of `count` throws.
    pub(crate) fn one_in(&mut self, count: u32) -> bool {
        self.chance.random_ratio(1, count)
    }

    /// Whether something goes wrong, once in `count` throws.
    pub(crate) fn mishap(&mut self, count: u32) -> bool {
        self.one_in(count) && !self.calm
    }

    /// One of them.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let at = self.below(all.len());
        all.get(at)
    }
}
