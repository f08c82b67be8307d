//! A catalog as one line for each object, and what differs between two catalogs.
//!
//! Lines do not depend on ids, sizes, settings, or on who wrote an expression, so that a catalog that
//! was simulated, one that was read from a server, and one of another database can be compared.

mod objects;
mod parts;
mod relations;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::{Catalog, RelId, Relation, ViewUse};

/// What an object is called: its kind and its full name.
type Key = (&'static str, String);

impl Catalog {
    /// One line for each object, under its kind and its full name (`column public.t.a`). What
    /// extensions brought along is left out.
    pub fn facts(&self) -> BTreeMap<String, String> {
        self.lines(None).into_iter().map(|((kind, name), line)| (format!("{kind} {name}"), line)).collect()
    }

    /// Those of what is not the same in `other`, if one is given.
    fn lines(&self, other: Option<&Self>) -> BTreeMap<Key, String> {
        let mut lines = Lines(BTreeMap::new());
        objects::add(self, other, &mut lines);
        let ids = other.map_or_else(|| self.relations.keys().copied().collect(), |other| self.unlike(other));
        for relation in ids.into_iter().filter_map(|id| self.get(id)) {
            relations::add(self, relation, &mut lines);
            parts::add(self, relation, &mut lines);
        }
        lines.0.retain(|key, _| !self.is_of_extension(key));
        lines.0
    }

    /// The relations that are not the same in both, and what refers to them.
    fn unlike(&self, other: &Self) -> BTreeSet<RelId> {
        let mut found: BTreeSet<RelId> = self.relations.unlike(&other.relations, is_same).copied().collect();
        for id in found.clone() {
            found.extend(self.dependents_of(id));
            found.extend(other.dependents_of(id));
        }
        found
    }

    fn is_of_extension(&self, (kind, name): &Key) -> bool {
        let part_of = |member: &str| {
            let relation = member.strip_prefix("relation ").unwrap_or("\0");
            name.strip_prefix(relation).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let object = format!("{kind} {name}");
        self.extension_members.values().any(|members| {
            members.contains(&object)
                || members
                    .range("relation ".to_owned()..)
                    .take_while(|member| member.starts_with("relation "))
                    .any(|member| part_of(member))
        })
    }

    /// The full name of a relation.
    fn named(&self, id: RelId) -> String {
        self.get(id).map_or_else(|| "?".to_owned(), |relation| relation.name.to_string())
    }

    /// Relations with columns.
    fn uses(&self, uses: &[ViewUse]) -> String {
        let used = |used: &ViewUse| {
            let columns: Vec<&str> = used.columns.iter().map(String::as_str).collect();
            format!("{}({})", self.named(used.relation), columns.join(", "))
        };
        let mut listed: Vec<String> = uses.iter().map(used).collect();
        listed.sort();
        listed.join(", ")
    }
}

/// Whether a relation is the same in two catalogs; most are even one.
pub(crate) fn is_same(one: Option<&Arc<Relation>>, other: Option<&Arc<Relation>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The lines so far.
struct Lines(BTreeMap<Key, String>);

impl Lines {
    fn add(&mut self, kind: &'static str, name: impl fmt::Display, line: impl Into<String>) {
        self.0.insert((kind, name.to_string()), line.into());
    }
}

/// Words that are there or not.
fn words(list: &[(bool, &str)]) -> String {
    let there = list.iter().filter(|(there, _)| *there);
    there.map(|(_, word)| format!(" {word}")).collect()
}

/// Something that is there or not, behind a word.
fn with(word: &str, what: Option<impl fmt::Display>) -> String {
    what.map(|what| format!(" {word} {what}")).unwrap_or_default()
}

/// What differs in one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactDifference {
    /// It was there before, and is not after.
    Missing {
        /// As in `column`.
        kind: &'static str,
        /// Its full name.
        name: String,
        /// What it was.
        before: String,
    },
    /// It was not there before, and is after.
    Added {
        /// As in `column`.
        kind: &'static str,
        /// Its full name.
        name: String,
        /// What it is.
        after: String,
    },
    /// It is there before and after, and not the same.
    Differs {
        /// As in `column`.
        kind: &'static str,
        /// Its full name.
        name: String,
        /// What it was.
        before: String,
        /// What it is.
        after: String,
    },
}

impl FactDifference {
    /// What it is called: its kind and its full name.
    pub fn object(&self) -> (&'static str, &str) {
        match self {
            Self::Missing { kind, name, .. }
            | Self::Added { kind, name, .. }
            | Self::Differs { kind, name, .. } => (kind, name),
        }
    }

    /// Whether only the order of the same columns differs.
    pub fn is_order(&self) -> bool {
        self.object().0 == relations::COLUMN_ORDER
    }
}

impl fmt::Display for FactDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { kind, name, before } => write!(f, "{kind} {name} is missing: {before}"),
            Self::Added { kind, name, after } => write!(f, "{kind} {name} is new: {after}"),
            Self::Differs { kind, name, before, after } => {
                write!(f, "{kind} {name} differs: {before} before, {after} after")
            }
        }
    }
}

/// What differs between two catalogs, object by object. The order of columns counts only where the
/// columns are the same.
pub fn differences(before: &Catalog, after: &Catalog) -> Vec<FactDifference> {
    compared(before.lines(None), after.lines(None))
}

/// The same for two catalogs of which one came from the other: what has not changed is not looked at.
pub(crate) fn changes(before: &Catalog, after: &Catalog) -> Vec<FactDifference> {
    compared(before.lines(Some(after)), after.lines(Some(before)))
}

fn compared(old: BTreeMap<Key, String>, mut new: BTreeMap<Key, String>) -> Vec<FactDifference> {
    let mut found = Vec::new();
    for ((kind, name), before) in old {
        match new.remove(&(kind, name.clone())) {
            None => found.push(FactDifference::Missing { kind, name, before }),
            Some(after) if after == before => {}
            Some(after) => found.push(FactDifference::Differs { kind, name, before, after }),
        }
    }
    let added = new.into_iter().map(|((kind, name), after)| FactDifference::Added { kind, name, after });
    found.extend(added);
    found.retain(|difference| !relations::follows(difference));
    found
}
