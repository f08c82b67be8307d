//! An ordered map of which copies are cheap: a copy shares everything with what it was made from, and
//! has its own only of the parts that one of the two changes. So the schemas before and after each of many
//! scripts can be kept and compared without going through all of them.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Entries of a leaf: what a change copies at most. With fewer, copies of the map cost more.
const LEAF: usize = 32;

type Leaf<K, V> = Vec<(K, V)>;

/// An ordered map whose copies share what they have in common.
#[derive(Clone)]
pub struct SharedMap<K, V> {
    /// Each in order and never empty; all keys of one before those of the next.
    leaves: Vec<Arc<Leaf<K, V>>>,
}

impl<K, V> SharedMap<K, V> {
    /// The entries, in the order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.leaves.iter().flat_map(|leaf| leaf.iter()).map(|(key, value)| (key, value))
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// The values, in the order of their keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.leaves.iter().map(|leaf| leaf.len()).sum()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }
}

impl<K: Ord, V> SharedMap<K, V> {
    /// The leaf that a key is in, or belongs into.
    fn leaf<Q: Ord + ?Sized>(&self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        self.leaves.partition_point(|leaf| starts_before(leaf, key)).saturating_sub(1)
    }

    /// The value of a key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// The key as it is in the map, and its value.
    pub fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        let leaf = self.leaves.get(self.leaf(key))?;
        let (key, value) = leaf.get(place(leaf, key).ok()?)?;
        Some((key, value))
    }

    /// Whether there is such a key.
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// The entries from a key on.
    pub(super) fn from<'a>(&'a self, first: &'a K) -> impl Iterator<Item = (&'a K, &'a V)> {
        let leaves = self.leaves.get(self.leaf(first)..).unwrap_or_default();
        let entries = leaves.iter().flat_map(|leaf| leaf.iter()).map(|(key, value)| (key, value));
        entries.skip_while(move |(key, _)| *key < first)
    }

    /// The keys whose values are not the `same` in both, in order. What the two share is not looked at.
    pub(crate) fn unlike<'a>(
        &'a self,
        other: &'a Self,
        same: impl Fn(Option<&V>, Option<&V>) -> bool,
    ) -> impl Iterator<Item = &'a K> {
        let keys: BTreeSet<&K> = self.own(other).chain(other.own(self)).collect();
        keys.into_iter().filter(move |key| !same(self.get(*key), other.get(*key)))
    }

    /// The keys of the leaves that the other does not have.
    fn own<'a>(&'a self, other: &Self) -> impl Iterator<Item = &'a K> {
        let theirs: BTreeSet<_> = other.leaves.iter().map(Arc::as_ptr).collect();
        let own = self.leaves.iter().filter(move |leaf| !theirs.contains(&Arc::as_ptr(leaf)));
        own.flat_map(|leaf| leaf.iter()).map(|(key, _)| key)
    }
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    /// The value of a key, to be changed.
    pub fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.leaf(key);
        let leaf = self.leaves.get_mut(at)?;
        let place = place(leaf, key).ok()?;
        Arc::make_mut(leaf).get_mut(place).map(|(_, value)| value)
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.leaves.iter_mut().flat_map(Arc::make_mut).map(|(_, value)| value)
    }

    /// Puts a value there; gives the one that was there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let at = self.leaf(&key);
        let Some(leaf) = self.leaves.get_mut(at) else {
            self.leaves.push(Arc::new(vec![(key, value)]));
            return None;
        };
        let found = place(leaf, &key);
        let leaf = Arc::make_mut(leaf);
        match found {
            Ok(place) => leaf.get_mut(place).map(|(_, old)| std::mem::replace(old, value)),
            Err(place) => {
                leaf.insert(place, (key, value));
                if leaf.len() > LEAF {
                    let second = leaf.split_off(LEAF / 2);
                    self.leaves.insert(at + 1, Arc::new(second));
                }
                None
            }
        }
    }

    /// Takes an entry away.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.leaf(key);
        let leaf = self.leaves.get_mut(at)?;
        let place = place(leaf, key).ok()?;
        let leaf = Arc::make_mut(leaf);
        let (_, value) = leaf.remove(place);
        if leaf.is_empty() {
            self.leaves.remove(at);
        }
        Some(value)
    }

    /// Keeps some entries only.
    pub fn retain(&mut self, keep: impl Fn(&K, &V) -> bool) {
        for leaf in &mut self.leaves {
            if !leaf.iter().all(|(key, value)| keep(key, value)) {
                Arc::make_mut(leaf).retain(|(key, value)| keep(key, value));
            }
        }
        self.leaves.retain(|leaf| !leaf.is_empty());
    }

    /// The value of a key, to be changed; one of its own if there is none.
    pub fn get_or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if !self.contains_key(&key) {
            self.insert(key.clone(), V::default());
        }
        let at = self.leaf(&key);
        let leaf = Arc::make_mut(&mut self.leaves[at]);
        let place = place(leaf, &key).unwrap_or_else(|place| place);
        &mut leaf[place].1
    }
}

fn starts_before<K: Borrow<Q>, V, Q: Ord + ?Sized>(leaf: &Leaf<K, V>, key: &Q) -> bool {
    leaf.first().is_some_and(|(first, _)| first.borrow() <= key)
}

fn place<K: Borrow<Q>, V, Q: Ord + ?Sized>(leaf: &Leaf<K, V>, key: &Q) -> Result<usize, usize> {
    leaf.binary_search_by(|(other, _)| other.borrow().cmp(key))
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self { leaves: Vec::new() }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for SharedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for SharedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

impl<K: Serialize, V: Serialize> Serialize for SharedMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, K: Deserialize<'de> + Ord + Clone, V: Deserialize<'de> + Clone> Deserialize<'de>
    for SharedMap<K, V>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(BTreeMap::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Map = SharedMap<u16, u16>;

    /// Carries out on both: `None` takes a key away.
    fn step(map: &mut Map, model: &mut BTreeMap<u16, u16>, (key, value): (u16, Option<u16>)) {
        let (old, expected) = match value {
            Some(value) => (map.insert(key, value), model.insert(key, value)),
            None => (map.remove(&key), model.remove(&key)),
        };
        assert_eq!(old, expected);
    }

    fn steps() -> impl Strategy<Value = Vec<(u16, Option<u16>)>> {
        prop::collection::vec((0..300u16, prop::option::weighted(0.7, any::<u16>())), 0..400)
    }

    proptest! {
        #[test]
        fn invariant_it_is_what_an_ordered_map_is(before in steps(), after in steps(), from in 0..300u16) {
            let (mut map, mut model) = (Map::default(), BTreeMap::new());
            before.into_iter().for_each(|change| step(&mut map, &mut model, change));
            let (kept, kept_model) = (map.clone(), model.clone());
            after.into_iter().for_each(|change| step(&mut map, &mut model, change));

            prop_assert!(map.iter().eq(model.iter()) && kept.iter().eq(kept_model.iter()));
            prop_assert!((0..300).all(|key| map.get(&key) == model.get(&key)));
            prop_assert!(map.from(&from).eq(model.range(from..)));
            prop_assert_eq!(map.len(), model.len());
            let unlike: Vec<u16> = kept.unlike(&map, |a, b| a == b).copied().collect();
            let expected: Vec<u16> =
                (0..300).filter(|key| kept_model.get(key) != model.get(key)).collect();
            prop_assert_eq!(unlike, expected);
            map.retain(|key, _| key % 3 == 0);
            model.retain(|key, _| key % 3 == 0);
            prop_assert!(map.iter().eq(model.iter()));
            *map.get_or_default(7) += 0;
            prop_assert_eq!(map.get(&7).copied(), Some(model.get(&7).copied().unwrap_or_default()));
        }
    }

    #[test]
    fn a_copy_shares_what_was_not_changed() {
        let map: Map = (0..1_000).map(|n| (n, n)).collect();
        let mut copy = map.clone();
        copy.insert(500, 0);
        assert_eq!(map.unlike(&copy, |_, _| false).count(), LEAF / 2);
        assert_eq!(map.unlike(&copy, |a, b| a == b).collect::<Vec<_>>(), [&500]);
    }
}
