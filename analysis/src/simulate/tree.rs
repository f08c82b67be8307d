//! Parents and children: inheritance and partitions.

use super::Scene;
use crate::catalog::{Catalog, RelId, Relation, RelationKind};
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

/// A table and the partitions below it; tables that only inherit are left out.
pub(crate) fn partitions(catalog: &Catalog, id: RelId) -> Vec<RelId> {
    let partitioned = catalog.get(id).is_some_and(|table| table.kind == RelationKind::Partitioned);
    reached(catalog, id, !partitioned)
}

/// A table and what is below it as far as something new goes down: the tables that get it, and those that have it,
/// below which nobody looks.
pub(crate) fn reached_until(
    catalog: &Catalog,
    id: RelId,
    only: bool,
    has: &dyn Fn(&Relation) -> bool,
) -> (Vec<RelId>, Vec<RelId>) {
    let (mut new, mut merged) = (vec![id], Vec::new());
    let mut at = 0;
    while let Some(next) = new.get(at).copied().filter(|_| !only) {
        for child in children(catalog, next) {
            let list = if catalog.get(child).is_some_and(has) { &mut merged } else { &mut new };
            if !list.contains(&child) {
                list.push(child);
            }
        }
        at += 1;
    }
    (new, merged)
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

    /// A table and the partitions below it.
    pub(crate) fn partitions(&self, id: RelId) -> Vec<RelId> {
        partitions(self.catalog, id)
    }
}
