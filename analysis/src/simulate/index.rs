//! CREATE INDEX, ALTER INDEX.

use super::alter;
use super::{Cause, Change, ObjectRef, Scene, lock_level, naming, partition, tree};
use crate::catalog::{Index, IndexKey, Key, Lookup, Name, RelId, RelationKind};
use crate::report::{LockMode, WorkKind};
use crate::syntax::{AlterAction, AlterTable, CreateIndex, Expr, IndexElement, ObjectKind, QName};

/// A key as an element makes it.
pub(super) fn key(element: &IndexElement) -> IndexKey {
    let of = match &element.key {
        Expr::Column(path) if path.len() == 1 => Key::Column(path[0].clone()),
        other => Key::Expression(other.clone()),
    };
    IndexKey {
        collation: element.collation.as_ref().map(|name| name.name.clone()),
        operator_class: element.operator_class.as_ref().map(|name| name.name.clone()),
        descending: element.descending,
        nulls_swapped: element.nulls_first.is_some_and(|first| first != element.descending),
        ..IndexKey::of(of)
    }
}

fn made(name: String, statement: &CreateIndex) -> Index {
    Index {
        name,
        unique: statement.unique,
        constraint: false,
        method: statement.method.clone(),
        keys: statement.elements.iter().map(key).collect(),
        include: statement.include.clone(),
        predicate: statement.predicate.clone(),
        nulls_not_distinct: statement.nulls_not_distinct,
        valid: true,
        part_of: None,
        tablespace: statement.tablespace.clone(),
        clustered: false,
    }
}

pub(super) fn create(scene: &mut Scene<'_>, statement: &CreateIndex) {
    if statement.nulls_not_distinct {
        scene.needs(15, "NULLS NOT DISTINCT");
    }
    let Some(id) = scene.need(&statement.table, RelationKind::Table) else { return };
    let mode = if statement.concurrently { LockMode::ShareUpdateExclusiveLock } else { LockMode::ShareLock };
    scene.lock(id, mode);
    let Some(table) = scene.catalog.get(id) else { return };
    let (table_name, kind) = (table.name.clone(), table.kind);
    let keys: Vec<IndexKey> = statement.elements.iter().map(key).collect();
    let name = statement
        .name
        .clone()
        .unwrap_or_else(|| naming::index_name(scene.catalog, &table_name, &keys, "idx"));
    let full = Name::new(&table_name.schema, &name);
    if kind == RelationKind::Partitioned && !statement.only && !statement.concurrently {
        let family = scene.reached(id, false);
        scene.lock_all(&family, LockMode::ShareLock);
    }
    if statement.name.is_some() && (scene.catalog.has_index(&full) || scene.catalog.by_name(&full).is_some())
    {
        present(scene, statement, id, &full);
        return;
    }
    if matches!(
        kind,
        RelationKind::View | RelationKind::Foreign | RelationKind::Sequence | RelationKind::Composite
    ) {
        scene.out.fail(format!("{} {table_name} cannot have an index", kind.words()));
        return;
    }
    if kind == RelationKind::Partitioned && statement.concurrently {
        scene
            .out
            .fail(format!("an index of the partitioned table {table_name} cannot be built CONCURRENTLY"));
        return;
    }
    let index = made(name, statement);
    if kind == RelationKind::Partitioned {
        partitioned(scene, id, &index, statement);
    } else {
        let cause = Cause::CreateIndex { index: index.name.clone(), concurrently: statement.concurrently };
        scene.work(id, WorkKind::Index, cause);
        let copy = index.clone();
        scene.catalog.change(id, |table| table.indexes.push(copy));
    }
    scene.created(ObjectKind::Index, full.to_string(), Some(id));
    scene.change(Change::IndexCreated { table: id, index, concurrently: statement.concurrently });
}

fn present(scene: &mut Scene<'_>, statement: &CreateIndex, id: RelId, full: &Name) {
    if !statement.if_not_exists {
        scene.out.fail(format!("relation {full} exists already"));
        return;
    }
    let wanted = made(full.name.clone(), statement);
    let found = scene.catalog.get(id).and_then(|table| table.index(&full.name));
    let differs = found.is_none_or(|found| {
        found.keys != wanted.keys
            || found.unique != wanted.unique
            || found.predicate.is_some() != wanted.predicate.is_some()
            || !found.valid
    });
    let object = ObjectRef { kind: ObjectKind::Index, name: full.to_string(), relation: Some(id) };
    scene.change(Change::NothingToDo { object, differs });
}

/// Of a partitioned table: each partition gets a part, one that is there already is taken.
fn partitioned(scene: &mut Scene<'_>, id: RelId, index: &Index, statement: &CreateIndex) {
    let mut own = index.clone();
    let has_children = !tree::children(scene.catalog, id).is_empty();
    own.valid = !statement.only || !has_children;
    scene.catalog.change(id, |table| table.indexes.push(own));
    if statement.only {
        return;
    }
    let cause = Cause::CreateIndex { index: index.name.clone(), concurrently: false };
    for child in tree::children(scene.catalog, id) {
        partition::give_all(scene, (id, &index.name), child, index, &cause);
    }
}

/// Gives a partition its part of a parent's index: one that it has, or a new one, which is built. The new one's name.
pub(super) fn give_part(
    scene: &mut Scene<'_>,
    member: RelId,
    (parent, parent_index): (RelId, &str),
    index: &Index,
    cause: Cause,
) -> Option<String> {
    let table = scene.catalog.get(member)?;
    let fitting = table.indexes.iter().find(|own| {
        own.part_of.is_none()
            && own.valid
            && same(own, index)
            && (!index.constraint || matches_constraint(scene, member, own, parent, parent_index))
    });
    let part_of = Some((parent, parent_index.to_owned()));
    if let Some(name) = fitting.map(|own| own.name.clone()) {
        scene.catalog.change(member, |table| {
            if let Some(own) = table.indexes.iter_mut().find(|own| own.name == name) {
                own.part_of = part_of;
            }
        });
        return None;
    }
    let table_name = table.name.clone();
    scene.work(member, WorkKind::Index, cause);
    let label = if index.constraint { constraint_label(scene, parent, parent_index) } else { "idx" };
    let name = if label == "pkey" {
        naming::object_name(scene.catalog, &table_name, None, label)
    } else {
        naming::index_name(scene.catalog, &table_name, &index.keys, label)
    };
    let constraint = scene
        .catalog
        .get(parent)
        .and_then(|table| table.constraint(parent_index))
        .filter(|_| index.constraint)
        .map(|c| crate::catalog::Constraint { name: name.clone(), inherited: true, ..c.clone() });
    let part = Index { name: name.clone(), part_of, clustered: false, ..index.clone() };
    scene.catalog.change(member, |table| {
        table.indexes.push(part);
        table.constraints.extend(constraint);
    });
    Some(name)
}

fn constraint_label(scene: &Scene<'_>, parent: RelId, index: &str) -> &'static str {
    use crate::catalog::ConstraintKind;
    match scene.catalog.get(parent).and_then(|table| table.constraint(index)).map(|c| &c.kind) {
        Some(ConstraintKind::Primary { .. }) => "pkey",
        Some(ConstraintKind::Exclude { .. }) => "excl",
        _ => "key",
    }
}

/// A part of a constraint's index must belong to such a constraint.
fn matches_constraint(
    scene: &Scene<'_>,
    member: RelId,
    own: &Index,
    parent: RelId,
    parent_index: &str,
) -> bool {
    let kind = |id: RelId, name: &str| {
        scene
            .catalog
            .get(id)
            .and_then(|table| table.constraint(name))
            .map(|c| std::mem::discriminant(&c.kind))
    };
    own.constraint && kind(member, &own.name) == kind(parent, parent_index)
}

/// Whether an index can be a part of another (`CompareIndexInfo`): the order of keys does not count.
pub(super) fn same(a: &Index, b: &Index) -> bool {
    let keys = |index: &Index| -> Vec<IndexKey> {
        index
            .keys
            .iter()
            .map(|key| IndexKey { descending: false, nulls_swapped: false, ..key.clone() })
            .collect()
    };
    keys(a) == keys(b)
        && a.unique == b.unique
        && a.method == b.method
        && a.predicate == b.predicate
        && a.include == b.include
        && a.nulls_not_distinct == b.nulls_not_distinct
}

pub(super) fn alter(scene: &mut Scene<'_>, statement: &AlterTable) {
    let (table, index) = match scene.catalog.index(&statement.relation) {
        Lookup::Found(found) => found,
        Lookup::Absent if statement.if_exists => return,
        Lookup::Absent => {
            scene.out.fail(format!("index {} does not exist", statement.relation));
            return;
        }
        Lookup::Unknown => {
            unknown(scene, &statement.relation, lock_level::of_all(ObjectKind::Index, &statement.actions));
            return;
        }
    };
    let lock = lock_level::of_all(ObjectKind::Index, &statement.actions);
    scene.lock_index(table, &index, lock);
    for action in &statement.actions {
        match action {
            AlterAction::AttachPartition { partition, .. } => attach(scene, table, &index, partition),
            AlterAction::SetTablespace { tablespace } => set_tablespace(scene, table, &index, tablespace),
            _ => {}
        }
    }
}

/// An index that is in no catalog.
pub(super) fn unknown(scene: &mut Scene<'_>, name: &QName, mode: LockMode) {
    let full = scene.catalog.new_name(name);
    scene.out.unknown(format!("index {full} is not in the catalog, nor the table that it belongs to"));
    scene.out.lock(super::effects::Subject { name: full, id: None }, mode);
}

fn attach(scene: &mut Scene<'_>, table: RelId, index: &str, partition: &QName) {
    scene.lock(table, LockMode::AccessShareLock);
    match scene.catalog.index(partition) {
        Lookup::Found((child, part)) => {
            scene.lock(child, LockMode::AccessShareLock);
            scene.lock_index(child, &part, LockMode::AccessExclusiveLock);
            let part_of = Some((table, index.to_owned()));
            scene.catalog.change(child, |table| {
                if let Some(found) = table.indexes.iter_mut().find(|found| found.name == part) {
                    found.part_of = part_of;
                }
            });
            complete(scene, table, index);
        }
        Lookup::Absent => scene.out.fail(format!("index {partition} does not exist")),
        Lookup::Unknown => unknown(scene, partition, LockMode::AccessExclusiveLock),
    }
}

/// A partitioned index is valid once every partition has its part.
fn complete(scene: &mut Scene<'_>, table: RelId, index: &str) {
    let all = tree::children(scene.catalog, table).into_iter().all(|child| {
        scene.catalog.get(child).is_some_and(|child| {
            child
                .indexes
                .iter()
                .any(|i| i.valid && i.part_of.as_ref().is_some_and(|(t, n)| *t == table && n == index))
        })
    });
    if all {
        scene.catalog.change(table, |table| {
            if let Some(found) = table.indexes.iter_mut().find(|found| found.name == index) {
                found.valid = true;
            }
        });
    }
}

fn set_tablespace(scene: &mut Scene<'_>, table: RelId, index: &str, tablespace: &str) {
    let wanted = (tablespace != "pg_default").then(|| tablespace.to_owned());
    let present = scene.catalog.get(table).and_then(|table| table.index(index)).map(|i| i.tablespace.clone());
    if present != Some(wanted.clone()) {
        scene.work(table, WorkKind::Index, Cause::SetTablespace);
    }
    scene.catalog.change(table, |table| {
        if let Some(found) = table.indexes.iter_mut().find(|found| found.name == index) {
            found.tablespace = wanted;
        }
    });
}

/// DROP INDEX.
pub(super) fn drop(scene: &mut Scene<'_>, name: &QName, if_exists: bool, cascade: bool, concurrently: bool) {
    let mode = if concurrently { LockMode::ShareUpdateExclusiveLock } else { LockMode::AccessExclusiveLock };
    let (table, index) = match scene.catalog.index(name) {
        Lookup::Found(found) => found,
        Lookup::Absent => {
            let shown = scene.catalog.new_name(name).to_string();
            if if_exists {
                let object = ObjectRef { kind: ObjectKind::Index, name: shown, relation: None };
                scene.change(Change::NothingToDo { object, differs: false });
            } else {
                scene.out.fail(format!("index {shown} does not exist"));
            }
            return;
        }
        Lookup::Unknown => {
            unknown(scene, name, mode);
            let shown = scene.catalog.new_name(name).to_string();
            scene.lost(shown.clone(), "index", false);
            let object = ObjectRef { kind: ObjectKind::Index, name: shown, relation: None };
            scene.change(Change::Dropped { object, implied: false, cascade });
            return;
        }
    };
    let Some(found) = scene.catalog.get(table).and_then(|table| table.index(&index)).cloned() else { return };
    if found.constraint {
        scene.out.fail(format!("index {index} belongs to a constraint: drop that instead"));
        return;
    }
    if found.part_of.is_some() {
        scene.out.fail(format!("index {index} is a part of a partitioned one: drop that instead"));
        return;
    }
    scene.lock(table, mode);
    scene.lock_index(table, &index, mode);
    if found.unique
        && found.predicate.is_none()
        && let Some(columns) = found.plain_columns()
    {
        let columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
        super::drop_column::drop_resting(scene, table, &columns, &index, cascade);
    }
    let shown = super::drop_column::index_shown(scene, table, &index);
    scene.lost(shown, "index", false);
    take(scene, table, &index, mode);
    scene.change(Change::IndexDropped { table, index: found, implied: false, concurrently });
}

/// Takes an index out of a table, with its parts in the partitions.
fn take(scene: &mut Scene<'_>, table: RelId, index: &str, mode: LockMode) {
    for child in tree::children(scene.catalog, table) {
        let part = scene.catalog.get(child).and_then(|child| {
            let is_part =
                |i: &&Index| i.part_of.as_ref().is_some_and(|(of, name)| *of == table && name == index);
            child.indexes.iter().find(is_part).map(|found| found.name.clone())
        });
        if let Some(part) = part {
            scene.lock(child, mode);
            take(scene, child, &part, mode);
        }
    }
    scene.catalog.change(table, |table| table.indexes.retain(|found| found.name != index));
}

/// A table by the name of one of its indexes, for statements that work on indexes.
pub(super) fn named(scene: &mut Scene<'_>, name: &QName, mode: LockMode) -> Option<(RelId, String)> {
    match scene.catalog.index(name) {
        Lookup::Found(found) => Some(found),
        Lookup::Absent => {
            scene.out.fail(format!("index {name} does not exist"));
            None
        }
        Lookup::Unknown => {
            unknown(scene, name, mode);
            None
        }
    }
}

/// The partitions of a table that have rows.
pub(super) fn leaves(scene: &Scene<'_>, table: RelId) -> Vec<RelId> {
    alter::storage(scene, table)
}
