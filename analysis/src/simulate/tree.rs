//! Parents and children: inheritance and partitions.

use super::Scene;
use crate::catalog::{Catalog, RelId};
use crate::syntax::Bound;

/// The direct children of a table, by inheritance or partitioning, in the order of their ids.
pub(crate) fn children(catalog: &Catalog, id: RelId) -> Vec<RelId> {
    let mut found = catalog.dependents_of(id);
    found.retain(|child| {
        catalog.get(*child).is_some_and(|child| {
            child.inheritance.parents.contains(&id)
                || child.inheritance.partition.as_ref().is_some_and(|partition| partition.parent == id)
        })
    });
    found
}

/// A table and everything below it, itself first.
pub(crate) fn family(catalog: &Catalog, id: RelId) -> Vec<RelId> {
    let mut found = vec![id];
    let mut at = 0;
    while let Some(next) = found.get(at).copied() {
        for child in children(catalog, next) {
            if !found.contains(&child) {
                found.push(child);
            }
        }
        at += 1;
    }
    found
}

/// The table alone, or with everything below it.
pub(crate) fn reached(catalog: &Catalog, id: RelId, only: bool) -> Vec<RelId> {
    if only { vec![id] } else { family(catalog, id) }
}

/// The DEFAULT partition of a partitioned table.
pub(crate) fn default_partition(catalog: &Catalog, parent: RelId) -> Option<RelId> {
    children(catalog, parent).into_iter().find(|child| {
        catalog
            .get(*child)
            .and_then(|child| child.inheritance.partition.as_ref())
            .is_some_and(|partition| partition.bound == Bound::Default)
    })
}

/// The partitioned table that a table is a partition of.
pub(crate) fn partition_parent(catalog: &Catalog, id: RelId) -> Option<RelId> {
    Some(catalog.get(id)?.inheritance.partition.as_ref()?.parent)
}

impl Scene<'_> {
    /// A table and everything below it, or itself only.
    pub(crate) fn reached(&self, id: RelId, only: bool) -> Vec<RelId> {
        reached(self.catalog, id, only)
    }
}
