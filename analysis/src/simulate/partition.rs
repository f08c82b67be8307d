//! Partitions and inheritance: attaching, detaching, making one.

use super::alter;
use super::foreign_key;
use super::{Cause, Change, Scene, index, naming, proof, tree};
use crate::catalog::{Catalog, Check, Constraint, ConstraintKind, Partition, RelId, Relation, RelationKind};
use crate::report::{LockMode, WorkKind};
use crate::syntax::{Bound, QName};

pub(super) fn attach(scene: &mut Scene<'_>, parent: RelId, name: &QName, bound: Option<&Bound>) {
    let Some(bound) = bound else { return };
    let Some(child) = alter::other(scene, name, LockMode::AccessExclusiveLock) else { return };
    let mut above = tree::partition_parent(scene.catalog, parent);
    while let Some(next) = above {
        scene.lock(next, LockMode::AccessShareLock);
        above = tree::partition_parent(scene.catalog, next);
    }
    let shown = scene.shown(parent);
    let family = scene.reached(child, false);
    scene.lock_all(&family, LockMode::AccessExclusiveLock);
    let default = tree::default_partition(scene.catalog, parent);
    if let Some(default) = default {
        look_at_default(scene, parent, default, bound);
    }
    if *bound == Bound::Default && tree::children(scene.catalog, parent).is_empty() {
        // Nothing to keep out: every row belongs.
    } else {
        let unproven =
            unproven(scene.catalog, child, &|table| proof::belongs(scene.catalog, parent, table, bound));
        for member in unproven {
            scene.work(member, WorkKind::Scan, Cause::AttachPartition { parent: shown.clone() });
        }
    }
    for other in missing_not_null(scene, parent, child) {
        let child = scene.shown(child);
        scene.out.fail(format!("column {child}.{other} must be NOT NULL, as in the parent"));
    }
    give_indexes(scene, parent, child);
    give_foreign_keys(scene, parent, child);
    lock_referencing(scene, parent);
    let partition = Partition { parent, bound: bound.clone() };
    scene.catalog.change(child, |table| {
        table.inheritance.partition = Some(partition);
        for column in &mut table.columns {
            column.inherited = true;
        }
    });
    scene.change(Change::PartitionAttached { parent, partition: child });
}

/// A table and what is below it, as far as their rows must be looked at: where a table proves what is asked, all below
/// it does too. Nothing is known of the rows of another server.
fn unproven(catalog: &Catalog, id: RelId, proves: &dyn Fn(&Relation) -> bool) -> Vec<RelId> {
    match catalog.get(id) {
        Some(table) if proves(table) => Vec::new(),
        Some(table) if table.kind == RelationKind::Partitioned => {
            let below = tree::children(catalog, id).into_iter();
            below.flat_map(|child| unproven(catalog, child, proves)).collect()
        }
        Some(table) if table.has_storage() => vec![id],
        _ => Vec::new(),
    }
}

/// Columns that the parent has as NOT NULL and the table does not.
fn missing_not_null(scene: &Scene<'_>, parent: RelId, child: RelId) -> Vec<String> {
    let (Some(parent), Some(child)) = (scene.catalog.get(parent), scene.catalog.get(child)) else {
        return Vec::new();
    };
    if child.partial {
        return Vec::new();
    }
    let required = parent.columns.iter().filter(|column| column.not_null);
    required
        .filter(|column| child.column(&column.name).is_some_and(|own| !own.not_null))
        .map(|column| column.name.clone())
        .collect()
}

/// The DEFAULT partition loses the rows of a new bound: none may be in it.
fn look_at_default(scene: &mut Scene<'_>, parent: RelId, default: RelId, bound: &Bound) {
    let family = scene.reached(default, false);
    scene.lock(default, LockMode::AccessExclusiveLock);
    if matches!(bound, Bound::Default) || alter::by_hash(scene, parent) {
        return;
    }
    let unproven =
        unproven(scene.catalog, default, &|table| proof::excludes(scene.catalog, parent, table, bound));
    if unproven.is_empty() {
        return;
    }
    scene.lock_all(&family, LockMode::AccessExclusiveLock);
    let shown = scene.shown(parent);
    for member in unproven {
        scene.work(member, WorkKind::Scan, Cause::DefaultPartition { parent: shown.clone() });
    }
}

fn give_indexes(scene: &mut Scene<'_>, parent: RelId, child: RelId) {
    let indexes = scene.catalog.get(parent).map(|table| table.indexes.clone()).unwrap_or_default();
    let shown = scene.shown(parent);
    for found in indexes {
        scene.lock_index(parent, &found.name, LockMode::ShareUpdateExclusiveLock);
        let cause = Cause::AttachPartitionIndex { parent: shown.clone(), index: found.name.clone() };
        give_all(scene, (parent, &found.name), child, &found, &cause);
    }
}

/// A partition that is partitioned itself passes the index on.
pub(super) fn give_all(
    scene: &mut Scene<'_>,
    parent: (RelId, &str),
    child: RelId,
    found: &crate::catalog::Index,
    cause: &Cause,
) {
    // One that is there already has all its parts.
    let Some(own) = index::give_part(scene, child, parent, found, cause.clone()) else { return };
    for below in tree::children(scene.catalog, child) {
        give_all(scene, (child, &own), below, found, cause);
    }
}

/// Foreign keys of the parent: one that the table has is taken, others are made and checked.
fn give_foreign_keys(scene: &mut Scene<'_>, parent: RelId, child: RelId) {
    let keys: Vec<Constraint> = scene
        .catalog
        .get(parent)
        .map(|table| table.constraints.iter().filter(|c| is_foreign(c)).cloned().collect())
        .unwrap_or_default();
    let shown = scene.shown(parent);
    for key in keys {
        let ConstraintKind::Foreign { to, .. } = key.kind else { continue };
        let peers = scene.partitions(to);
        let own =
            scene.catalog.get(child).and_then(|t| foreign_key::same_key(t, &key, scene.server)).cloned();
        let unchecked = match &own {
            Some(own) => foreign_key::take(scene, child, own, &key),
            None => key.enforced && key.valid,
        };
        scene.lock_all(&peers, LockMode::ShareRowExclusiveLock);
        if unchecked {
            for member in alter::storage(scene, child).into_iter().chain(alter::storage(scene, to)) {
                let cause =
                    Cause::AttachPartitionForeignKey { parent: shown.clone(), constraint: key.name.clone() };
                scene.work(member, WorkKind::Scan, cause);
            }
        }
        if own.is_some() {
            continue;
        }
        let copy = Constraint { inherited: true, ..key };
        for member in scene.reached(child, false) {
            scene.catalog.change(member, |table| table.constraints.push(copy.clone()));
        }
    }
}

const fn is_foreign(constraint: &Constraint) -> bool {
    matches!(constraint.kind, ConstraintKind::Foreign { .. })
}

/// The tables that refer to a partitioned one; their partitions have no foreign key of their own to it.
fn referencing(scene: &Scene<'_>, parent: RelId) -> Vec<(RelId, Constraint)> {
    let mut found = foreign_key::referencing(scene.catalog, parent);
    found.retain(|(_, key)| !key.inherited);
    found
}

/// Tables that refer to the parent get triggers for the new partition.
fn lock_referencing(scene: &mut Scene<'_>, parent: RelId) {
    let mode = if scene.server.has(15) { LockMode::ShareRowExclusiveLock } else { LockMode::AccessShareLock };
    for (other, _) in referencing(scene, parent) {
        scene.lock(other, mode);
    }
}

/// CREATE TABLE … PARTITION OF, after the table is there.
pub(super) fn created(scene: &mut Scene<'_>, id: RelId, parent: &QName, bound: &Bound) {
    let Some(parent) = scene.catalog.relation(parent).found() else { return };
    // Itself is a child by now; only another DEFAULT partition is looked at.
    if let Some(default) = tree::default_partition(scene.catalog, parent).filter(|found| *found != id) {
        look_at_default(scene, parent, default, bound);
    }
    let indexes = scene.catalog.get(parent).map(|table| table.indexes.clone()).unwrap_or_default();
    let shown = scene.shown(parent);
    for found in indexes {
        let cause = Cause::AttachPartitionIndex { parent: shown.clone(), index: found.name.clone() };
        index::give_part(scene, id, (parent, &found.name), &found, cause);
    }
    let keys: Vec<Constraint> = scene
        .catalog
        .get(parent)
        .map(|table| table.constraints.iter().filter(|c| is_foreign(c)).cloned().collect())
        .unwrap_or_default();
    for key in keys {
        if let ConstraintKind::Foreign { to, .. } = key.kind {
            let peers = scene.partitions(to);
            scene.lock_all(&peers, LockMode::ShareRowExclusiveLock);
        }
        let copy = Constraint { inherited: true, ..key };
        scene.catalog.change(id, |table| table.constraints.push(copy));
    }
    lock_referencing(scene, parent);
}

pub(super) fn detach(scene: &mut Scene<'_>, parent: RelId, name: &QName, concurrently: bool) {
    if concurrently {
        scene.needs(14, "DETACH PARTITION CONCURRENTLY");
    }
    let mode = if concurrently { LockMode::ShareUpdateExclusiveLock } else { LockMode::AccessExclusiveLock };
    let below =
        if scene.server.has(14) { LockMode::AccessExclusiveLock } else { LockMode::ShareUpdateExclusiveLock };
    let Some(child) = alter::other(scene, name, below) else { return };
    if let Some(default) = tree::default_partition(scene.catalog, parent) {
        if concurrently {
            scene
                .out
                .fail("a partition cannot be detached CONCURRENTLY beside a DEFAULT partition".to_owned());
            return;
        }
        scene.lock(default, mode);
    }
    let partitioned = scene.reached(child, false);
    for member in partitioned.iter().filter(|member| **member != child) {
        scene.lock(*member, LockMode::AccessExclusiveLock);
    }
    for (other, _) in foreign_key::referenced(scene.catalog, parent) {
        let peers = scene.partitions(other);
        scene.lock_all(&peers, LockMode::ShareRowExclusiveLock);
    }
    for (other, key) in referencing(scene, parent) {
        let below = scene.partitions(other);
        scene.lock_all(&below, LockMode::AccessShareLock);
        scene.lock(other, LockMode::AccessExclusiveLock);
        scene.lock_all(&partitioned, LockMode::AccessExclusiveLock);
        for member in alter::storage(scene, other).into_iter().chain(alter::storage(scene, child)) {
            scene.work(member, WorkKind::Scan, Cause::Validate { constraint: key.name.clone() });
        }
    }
    if concurrently {
        keep_bound(scene, parent, child);
    }
    loosen(scene, child);
    scene.change(Change::PartitionDetached { parent, partition: child, concurrently });
}

/// DETACH CONCURRENTLY leaves the bound behind as a CHECK, so that attaching again needs no scan, where none says it
/// already.
fn keep_bound(scene: &mut Scene<'_>, parent: RelId, child: RelId) {
    let Some(table) = scene.catalog.get(child) else { return };
    let Some(bound) = table.inheritance.partition.as_ref().map(|partition| &partition.bound) else { return };
    if proof::belongs(scene.catalog, parent, table, bound) {
        return;
    }
    let Some(expression) = proof::demand(scene.catalog, parent, bound) else {
        let shown = scene.shown(child);
        scene.out.unknown(format!("the CHECK that {shown} keeps of its bound"));
        return;
    };
    let columns = super::constraints::check_columns(&expression);
    let name = naming::constraint_name(scene.catalog, child, &columns, "check");
    let check = Check { expression, no_inherit: false };
    let constraint = Constraint::new(&name, ConstraintKind::Check(check));
    scene.catalog.change(child, |table| table.constraints.push(constraint));
}

/// What a partition got from its parent becomes its own.
fn loosen(scene: &mut Scene<'_>, child: RelId) {
    scene.catalog.change(child, |table| {
        table.inheritance.partition = None;
        for column in &mut table.columns {
            column.inherited = false;
            column.identity = None;
        }
        for constraint in &mut table.constraints {
            constraint.inherited = false;
        }
        for index in &mut table.indexes {
            index.part_of = None;
        }
    });
}

pub(super) fn inherit(scene: &mut Scene<'_>, id: RelId, parent: &QName) {
    let Some(parent) = alter::other(scene, parent, LockMode::ShareUpdateExclusiveLock) else { return };
    scene.catalog.change(id, |table| {
        if !table.inheritance.parents.contains(&parent) {
            table.inheritance.parents.push(parent);
        }
    });
}

pub(super) fn no_inherit(scene: &mut Scene<'_>, id: RelId, parent: &QName) {
    let Some(parent) = alter::other(scene, parent, LockMode::AccessShareLock) else { return };
    scene.catalog.change(id, |table| {
        table.inheritance.parents.retain(|other| *other != parent);
        if table.inheritance.parents.is_empty() {
            for column in &mut table.columns {
                column.inherited = false;
            }
            for constraint in &mut table.constraints {
                constraint.inherited = false;
            }
        }
    });
}
