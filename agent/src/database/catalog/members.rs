//! What belongs to extensions.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::rows::Oid;

#[derive(Deserialize)]
pub(super) struct MemberRow {
    extension: String,
    kind: String,
    oid: Oid,
}

/// The words for functions, types and relations, by their rows.
#[derive(Default)]
pub(super) struct Described(BTreeMap<(&'static str, Oid), String>);

impl Described {
    pub(super) fn add(&mut self, kind: &'static str, oid: Oid, name: &str) {
        self.0.insert((kind, oid), format!("{kind} {name}"));
    }

    /// The members of each extension, in words.
    pub(super) fn members(&self, rows: &[MemberRow]) -> BTreeMap<String, BTreeSet<String>> {
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in rows {
            if let Some(words) = self.0.get(&(row.kind.as_str(), row.oid)) {
                found.entry(row.extension.clone()).or_default().insert(words.clone());
            }
        }
        found
    }
}
