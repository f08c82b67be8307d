//! Looking up many keys of one map.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Range;
use std::iter::Peekable;

/// How many entries are passed before the tree is gone down again: about as many comparisons as that takes.
const NEAR: usize = 16;

/// A map in which each key is looked for where the last one was: quick for keys that ascend, right for any.
pub(super) struct Along<'m, K, V> {
    map: &'m BTreeMap<K, V>,
    rest: Peekable<Range<'m, K, V>>,
    /// The key before the rest, where it is known.
    passed: Option<&'m K>,
}

impl<'m, K: Ord, V> Along<'m, K, V> {
    pub(super) fn new(map: &'m BTreeMap<K, V>) -> Self {
        Self { map, rest: map.range(..).peekable(), passed: None }
    }

    /// What the map has for a key.
    pub(super) fn get(&mut self, key: &K) -> Option<&'m V>
    where
        K: Clone,
    {
        self.reach(|other| other.cmp(key), || key.clone());
        self.rest.peek().filter(|(other, _)| *other == key).map(|(_, value)| *value)
    }

    /// What the map has for the keys that are equal by `order`, a part of the order of keys; none of them is less than
    /// `first`.
    pub(super) fn all(
        &mut self,
        order: impl Fn(&K) -> Ordering,
        first: impl FnOnce() -> K,
    ) -> impl Iterator<Item = &'m V> {
        self.reach(&order, first);
        std::iter::from_fn(move || {
            let (key, value) = self.rest.next_if(|(key, _)| order(key).is_eq())?;
            self.passed = Some(key);
            Some(value)
        })
    }

    /// Puts the rest where the first key is that is not less by `order`.
    fn reach(&mut self, order: impl Fn(&K) -> Ordering, first: impl FnOnce() -> K) {
        if self.map.is_empty() {
            return;
        }
        for _ in 0..NEAR {
            let Some((key, _)) = self.rest.next_if(|(key, _)| order(key).is_lt()) else { break };
            self.passed = Some(key);
        }
        let is_after = self.passed.is_some_and(|key| order(key).is_lt());
        if !is_after || self.rest.peek().is_some_and(|(key, _)| order(key).is_lt()) {
            (self.rest, self.passed) = (self.map.range(first()..).peekable(), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_finds_what_the_map_finds(
            map in proptest::collection::btree_map((0_u8..60, 0_u8..3), any::<u32>(), 0..80),
            asked in proptest::collection::vec((0_u8..60, 0_u8..3, any::<bool>()), 0..80),
            sorted: bool,
        ) {
            let mut asked = asked;
            if sorted {
                asked.sort_unstable();
            }
            let mut along = Along::new(&map);
            for (group, place, all) in asked {
                if all {
                    let found: Vec<_> = along.all(|(other, _)| other.cmp(&group), || (group, 0)).collect();
                    let expected: Vec<_> = map.range((group, 0)..=(group, u8::MAX)).map(|(_, value)| value).collect();
                    prop_assert_eq!(found, expected);
                } else {
                    prop_assert_eq!(along.get(&(group, place)), map.get(&(group, place)));
                }
            }
        }
    }
}
