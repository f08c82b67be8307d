//! Partitions and inheritance: attaching, detaching, making one.

use super::alter;
use super::foreign_key;
use super::{Cause, Change, Scene, index, naming, proof, tree};
use crate::catalog::{Check, Constraint, ConstraintKind, Partition, RelId};
use crate::report::{LockMode, WorkKind};
use crate::syntax::{BoolOp, Bound, BoundValue, Expr, QName};

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
        for member in alter::storage(scene, child) {
            let proven = scene
                .catalog
                .get(child)
                .is_some_and(|table| proof::belongs(scene.catalog, parent, table, bound))
                || scene
                    .catalog
                    .get(member)
                    .is_some_and(|table| proof::belongs(scene.catalog, parent, table, bound));
            if !proven {
                scene.work(member, WorkKind::Scan, Cause::AttachPartition { parent: shown.clone() });
            }
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
    let excluded =
        scene.catalog.get(default).is_some_and(|table| proof::excludes(scene.catalog, parent, table, bound));
    if excluded {
        return;
    }
    scene.lock_all(&family, LockMode::AccessExclusiveLock);
    let shown = scene.shown(parent);
    for member in alter::storage(scene, default) {
        let spared = member != default
            && scene
                .catalog
                .get(member)
                .is_some_and(|table| proof::excludes(scene.catalog, parent, table, bound));
        if !spared {
            scene.work(member, WorkKind::Scan, Cause::DefaultPartition { parent: shown.clone() });
        }
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
fn give_all(
    scene: &mut Scene<'_>,
    parent: (RelId, &str),
    child: RelId,
    found: &crate::catalog::Index,
    cause: &Cause,
) {
    index::give_part(scene, child, parent, found, cause.clone());
    let own = scene.catalog.get(child).and_then(|table| {
        let part = |i: &&crate::catalog::Index| i.part_of == Some((parent.0, parent.1.to_owned()));
        table.indexes.iter().find(part).map(|i| i.name.clone())
    });
    let Some(own) = own else { return };
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
        let peers = scene.reached(to, false);
        let own = scene
            .catalog
            .get(child)
            .and_then(|table| table.constraints.iter().find(|c| c.kind == key.kind && c.valid))
            .map(|c| c.name.clone());
        if let Some(own) = own {
            scene.lock_all(&peers, LockMode::AccessExclusiveLock);
            scene.catalog.change(child, |table| {
                if let Some(found) = table.constraints.iter_mut().find(|c| c.name == own) {
                    found.inherited = true;
                }
            });
            continue;
        }
        scene.lock_all(&peers, LockMode::ShareRowExclusiveLock);
        if key.enforced && key.valid {
            for member in alter::storage(scene, child).into_iter().chain(alter::storage(scene, to)) {
                let cause =
                    Cause::AttachPartitionForeignKey { parent: shown.clone(), constraint: key.name.clone() };
                scene.work(member, WorkKind::Scan, cause);
            }
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

/// Tables that refer to the parent get triggers for the new partition.
fn lock_referencing(scene: &mut Scene<'_>, parent: RelId) {
    let mode = if scene.server.has(15) { LockMode::ShareRowExclusiveLock } else { LockMode::AccessShareLock };
    for (other, _) in foreign_key::referencing(scene.catalog, parent) {
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
            let peers = scene.reached(to, false);
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
    scene.lock_all(&partitioned, below);
    for (other, _) in foreign_key::referenced(scene.catalog, parent) {
        let peers = scene.reached(other, false);
        scene.lock_all(&peers, LockMode::ShareRowExclusiveLock);
    }
    for (other, key) in foreign_key::referencing(scene.catalog, parent) {
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

/// DETACH CONCURRENTLY leaves the bound behind as a CHECK, so that attaching again needs no scan.
fn keep_bound(scene: &mut Scene<'_>, parent: RelId, child: RelId) {
    let Some(key) = scene.catalog.get(parent).and_then(|table| table.partition_key.clone()) else { return };
    let Some(bound) =
        scene.catalog.get(child).and_then(|t| t.inheritance.partition.as_ref()).map(|p| p.bound.clone())
    else {
        return;
    };
    let ([Expr::Column(path)], Bound::Range { from, to }) = (key.keys.as_slice(), &bound) else {
        let shown = scene.shown(child);
        scene.out.unknown(format!("the CHECK that {shown} keeps of its bound"));
        return;
    };
    let column = || Expr::Column(path.clone());
    let mut args = vec![Expr::IsNull { arg: Box::new(column()), negated: true }];
    for (operator, value) in [(">=", from.first()), ("<", to.first())] {
        if let Some(BoundValue::Value(value)) = value {
            args.push(Expr::Operator { name: operator.to_owned(), args: vec![column(), value.clone()] });
        }
    }
    let name = naming::constraint_name(scene.catalog, child, path, "check");
    let check = Check { expression: Expr::Bool { op: BoolOp::And, args }, no_inherit: false };
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
