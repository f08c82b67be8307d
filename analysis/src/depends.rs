//! Which migrations stand on which: one that uses, changes or drops what another has made has to be
//! rolled back before it.
//!
//! Objects are followed through renames. What dynamic SQL uses is not known, and said so.

mod changes;
mod references;
mod statements;
#[cfg(test)]
mod tests;
mod things;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::analyze::analyze_watched;
use crate::catalog::Catalog;
use crate::{Analysis, Options};
use things::{Thing, Things};

/// The migrations, in order, each with those that it stands on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// In the order in which they run.
    pub nodes: Vec<Node>,
}

/// A migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its version.
    pub version: String,
    /// What it stands on, in order.
    pub stands_on: Vec<Edge>,
    /// What it does that was not looked into: it may stand on more.
    pub unknown: Vec<String>,
}

/// Why one migration stands on another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The other.
    pub version: String,
    /// What the other has made or changed, by kind and name.
    pub objects: Vec<String>,
}

impl Graph {
    /// The migrations that stand on one, directly or not: what has to be rolled back before it, in that
    /// order.
    pub fn stands_on(&self, version: &str) -> Vec<&str> {
        let mut below = BTreeSet::from([version]);
        for node in &self.nodes {
            if node.stands_on.iter().any(|edge| below.contains(edge.version.as_str())) {
                below.insert(&node.version);
            }
        }
        let above = self.nodes.iter().rev().map(|node| node.version.as_str());
        above.filter(|other| *other != version && below.contains(other)).collect()
    }

    /// The migrations that stand on one directly, in order.
    pub fn under(&self, version: &str) -> Vec<&str> {
        let on = |node: &&Node| node.stands_on.iter().any(|edge| edge.version == version);
        self.nodes.iter().filter(on).map(|node| node.version.as_str()).collect()
    }
}

/// Which of these migrations stand on which. Each is its version and its SQL, in the order in which they
/// run on an empty database.
pub fn dependencies(scripts: &[(&str, &str)], options: Options) -> Graph {
    let mut makers = Makers::default();
    let mut catalog = Catalog::nothing();
    let mut nodes = Vec::with_capacity(scripts.len());
    for (index, (version, sql)) in scripts.iter().enumerate() {
        let before = catalog.clone();
        let mut used = Things::default();
        let analysis = analyze_watched(sql, &mut catalog, options, &mut |statement| {
            statements::used(statement, &mut used);
        });
        // Each runs in a session of its own.
        catalog.settings = before.settings.clone();
        let made = changes::between(&before, &catalog, &mut used);
        let edges = makers.stands_on(index, &used, &made);
        let edge = |(other, objects): (usize, BTreeSet<String>)| Edge {
            version: scripts.get(other).map_or_else(String::new, |(version, _)| (*version).to_owned()),
            objects: objects.into_iter().collect(),
        };
        nodes.push(Node {
            version: (*version).to_owned(),
            stands_on: edges.into_iter().map(edge).collect(),
            unknown: unknown(&analysis),
        });
    }
    Graph { nodes }
}

fn unknown(analysis: &Analysis) -> Vec<String> {
    let mut found: Vec<String> = analysis.faults.iter().map(ToString::to_string).collect();
    for statement in &analysis.statements {
        let dark = statement.unknown.iter().filter(|what| what.starts_with("not analysed"));
        found.extend(dark.map(|what| format!("line {}: {what}", statement.position.line)));
    }
    found
}

/// Who has made or changed what, by the migration's place.
#[derive(Debug, Default)]
struct Makers(BTreeMap<Thing, BTreeSet<usize>>);

impl Makers {
    /// What a migration stands on; it counts as a maker of what it has changed from here on.
    fn stands_on(&mut self, index: usize, used: &Things, made: &Things) -> BTreeMap<usize, BTreeSet<String>> {
        let mut edges: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for (thing, name) in used.iter().chain(made.iter()) {
            for maker in self.0.get(thing).into_iter().flatten() {
                edges.entry(*maker).or_default().insert(name.clone());
            }
        }
        for (thing, _) in made.iter() {
            self.0.entry(thing.clone()).or_default().insert(index);
        }
        edges
    }
}
