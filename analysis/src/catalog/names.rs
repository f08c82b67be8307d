//! From names to what they name, by schema and name apart, so that looking one up makes nothing.

use std::collections::BTreeMap;

use super::{Name, RelId, SharedMap};

/// Relations (or the tables of indexes) by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Names(BTreeMap<String, SharedMap<String, RelId>>);

impl Names {
    pub(super) fn get(&self, schema: &str, name: &str) -> Option<RelId> {
        self.0.get(schema)?.get(name).copied()
    }

    pub(super) fn insert(&mut self, name: &Name, id: RelId) -> Option<RelId> {
        match self.0.get_mut(&name.schema) {
            Some(schema) => schema.insert(name.name.clone(), id),
            None => self.0.entry(name.schema.clone()).or_default().insert(name.name.clone(), id),
        }
    }

    pub(super) fn remove(&mut self, name: &Name) {
        if let Some(schema) = self.0.get_mut(&name.schema) {
            schema.remove(&name.name);
        }
    }
}
