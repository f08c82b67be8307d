//! DROP of anything, and what CASCADE takes along.

use super::alter::owned_sequences;
use super::{Change, ObjectRef, Scene, foreign_key, index, tree};
use crate::catalog::{ConstraintKind, Lookup, Name, RelId, RelationKind};
use crate::report::LockMode;
use crate::syntax::{Drop, ObjectKind, ObjectName};

pub(super) fn drop(scene: &mut Scene<'_>, statement: &Drop) {
    match statement.kind {
        ObjectKind::Table
        | ObjectKind::ForeignTable
        | ObjectKind::View
        | ObjectKind::MaterializedView
        | ObjectKind::Sequence => relations(scene, statement),
        ObjectKind::Index => {
            for name in &statement.names {
                index::drop(
                    scene,
                    &name.name,
                    statement.if_exists,
                    statement.cascade,
                    statement.concurrently,
                );
            }
        }
        ObjectKind::Trigger | ObjectKind::Rule | ObjectKind::Policy => {
            for name in &statement.names {
                super::routines::drop_part(scene, statement, name);
            }
        }
        ObjectKind::Type | ObjectKind::Domain => {
            for name in &statement.names {
                super::types::drop(scene, statement, &name.name);
            }
        }
        ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Routine | ObjectKind::Aggregate => {
            for name in &statement.names {
                super::routines::drop_routine(scene, statement, name);
            }
        }
        ObjectKind::Schema => {
            for name in &statement.names {
                schema(scene, &name.name.name, statement);
            }
        }
        ObjectKind::Statistics => {
            for name in &statement.names {
                super::objects::drop_statistics(scene, &name.name);
            }
        }
        _ => others(scene, statement),
    }
}

/// Objects of which at most the name is known.
pub(super) const fn is_other(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::Aggregate
            | ObjectKind::Collation
            | ObjectKind::Operator
            | ObjectKind::Cast
            | ObjectKind::Publication
            | ObjectKind::Subscription
            | ObjectKind::EventTrigger
            | ObjectKind::Role
            | ObjectKind::Database
            | ObjectKind::Tablespace
            | ObjectKind::Language
            | ObjectKind::Server
            | ObjectKind::Other
    )
}

const fn wanted(kind: ObjectKind) -> RelationKind {
    match kind {
        ObjectKind::View => RelationKind::View,
        ObjectKind::MaterializedView => RelationKind::MaterializedView,
        ObjectKind::Sequence => RelationKind::Sequence,
        ObjectKind::ForeignTable => RelationKind::Foreign,
        _ => RelationKind::Table,
    }
}

fn relations(scene: &mut Scene<'_>, statement: &Drop) {
    let mut found = Vec::new();
    for name in &statement.names {
        let Some(id) = scene.need_if(&name.name, wanted(statement.kind), statement.if_exists) else {
            continue;
        };
        match wrong_kind(scene, id, statement.kind) {
            Some(why) => scene.out.fail(why),
            None => found.push(id),
        }
    }
    // All are named before any is dropped: they may depend on each other.
    let why = if statement.cascade { None } else { found.iter().find_map(|id| held_by(scene, *id, &found)) };
    let why = why.or_else(|| found.iter().find_map(|id| sequence_held(scene, *id, statement.cascade)));
    if let Some(why) = why {
        scene.lock_all(&found, LockMode::AccessExclusiveLock);
        scene.out.fail(why);
        return;
    }
    for id in found {
        relation(scene, id, false, statement.cascade);
    }
}

/// DROP VIEW of a table and the like.
fn wrong_kind(scene: &Scene<'_>, id: RelId, named: ObjectKind) -> Option<String> {
    let relation = scene.catalog.get(id)?;
    let fits = kind_of(relation.kind) == named || relation.partial;
    (!fits).then(|| format!("{} {} is not what is named", relation.kind.words(), relation.name))
}

/// What stops a DROP without CASCADE, others that are dropped with it aside.
fn held_by(scene: &Scene<'_>, id: RelId, dropped: &[RelId]) -> Option<String> {
    let name = scene.shown(id);
    let partition_of = |child: RelId| tree::partition_parent(scene.catalog, child) == Some(id);
    scene.catalog.dependents_of(id).into_iter().filter(|other| !dropped.contains(other)).find_map(|other| {
        let relation = scene.catalog.get(other)?;
        // Partitions and sequences of its own go with it.
        let own = partition_of(other) || relation.owned_by.as_ref().is_some_and(|(owner, _)| *owner == id);
        if own {
            return held_below(scene, other, dropped);
        }
        let words = relation.kind.words();
        Some(format!("{name} cannot be dropped: {words} {} depends on it", relation.name))
    })
}

/// A sequence that a default uses, or that is the identity of a column.
fn sequence_held(scene: &Scene<'_>, id: RelId, cascade: bool) -> Option<String> {
    let sequence = scene.catalog.get(id).filter(|relation| relation.kind == RelationKind::Sequence)?;
    if let Some((table, column)) = &sequence.owned_by
        && scene.catalog.get(*table)?.column(column).is_some_and(|column| column.identity.is_some())
    {
        return Some(format!("{} cannot be dropped: it is the identity of {column}", sequence.name));
    }
    if cascade {
        return None;
    }
    let user = scene.catalog.users_of_function("nextval").into_iter().find(|table| {
        scene.catalog.get(*table).is_some_and(|table| {
            let mut defaults = table.columns.iter().filter_map(|column| column.default.as_ref());
            defaults.any(|default| super::sequence::names(default, &sequence.name))
        })
    })?;
    Some(format!("{} cannot be dropped: a default of {} uses it", sequence.name, scene.shown(user)))
}

fn held_below(scene: &Scene<'_>, id: RelId, dropped: &[RelId]) -> Option<String> {
    let mut with = dropped.to_vec();
    with.push(id);
    if let Some((owner, _)) = scene.catalog.get(id).and_then(|relation| relation.owned_by.as_ref()) {
        with.push(*owner);
    }
    held_by(scene, id, &with)
}

const fn kind_of(kind: RelationKind) -> ObjectKind {
    match kind {
        RelationKind::Table | RelationKind::Partitioned => ObjectKind::Table,
        RelationKind::Foreign => ObjectKind::ForeignTable,
        RelationKind::View => ObjectKind::View,
        RelationKind::MaterializedView => ObjectKind::MaterializedView,
        RelationKind::Sequence => ObjectKind::Sequence,
        RelationKind::Composite => ObjectKind::Type,
    }
}

/// Drops a relation, with what goes along.
pub(super) fn relation(scene: &mut Scene<'_>, id: RelId, implied: bool, cascade: bool) {
    let Some(found) = scene.catalog.get(id) else { return };
    let (kind, name) = (found.kind, found.name.to_string());
    scene.lock(id, LockMode::AccessExclusiveLock);
    if let Some(parent) = tree::partition_parent(scene.catalog, id) {
        scene.lock(parent, LockMode::AccessExclusiveLock);
        if let Some(default) = tree::default_partition(scene.catalog, parent) {
            scene.lock(default, LockMode::AccessExclusiveLock);
        }
        scene.change(Change::PartitionDropped { parent, partition: id });
    }
    let data = matches!(kind, RelationKind::Table | RelationKind::Partitioned);
    scene.lost(name.clone(), kind.words(), data && !scene.is_born(id));
    scene.breaks(name.clone(), "is gone".to_owned());
    let object = ObjectRef { kind: kind_of(kind), name, relation: Some(id) };
    scene.change(Change::Dropped { object, implied, cascade });
    drop_keys(scene, id, cascade);
    for sequence in owned_sequences(scene, id, None) {
        relation(scene, sequence, true, cascade);
    }
    for child in tree::children(scene.catalog, id) {
        let partition = tree::partition_parent(scene.catalog, child) == Some(id);
        if partition || cascade {
            relation(scene, child, true, cascade);
        }
    }
    if kind == RelationKind::Sequence {
        defaults_of(scene, id);
    }
    if cascade {
        views_over(scene, id, None);
        row_type(scene, id);
    }
    scene.catalog.remove(id);
}

/// Foreign keys of the table lock what they refer to; those that refer to it go with CASCADE.
fn drop_keys(scene: &mut Scene<'_>, id: RelId, cascade: bool) {
    for (to, key) in foreign_key::referenced(scene.catalog, id) {
        if !key.inherited || !partition_drop(scene, id) {
            foreign_key::lock_triggers(scene, &key);
            scene.change(Change::ReferenceDropped { to, constraint: key.name });
        }
    }
    if !cascade {
        return;
    }
    for (other, key) in foreign_key::referencing(scene.catalog, id) {
        scene.lock(other, LockMode::AccessExclusiveLock);
        let object = format!("{}.{}", scene.shown(other), key.name);
        scene.lost(object, "constraint", false);
        scene.catalog.change(other, |table| {
            table.constraints.retain(|c| {
                c.name != key.name || !matches!(c.kind, ConstraintKind::Foreign { to, .. } if to == id)
            });
        });
        scene.change(Change::ConstraintDropped { table: other, constraint: key, implied: true });
    }
}

/// A partition's part of the parent's foreign key has no triggers of its own on the other side.
fn partition_drop(scene: &Scene<'_>, id: RelId) -> bool {
    tree::partition_parent(scene.catalog, id).is_some()
}

/// Views and materialized views that read a relation (or a column of it), and policies and rules of
/// other tables.
pub(super) fn views_over(scene: &mut Scene<'_>, id: RelId, column: Option<&str>) {
    for other in scene.catalog.dependents_of(id) {
        let Some(dependent) = scene.catalog.get(other) else { continue };
        let reads = |used: &crate::catalog::ViewUse| {
            used.relation == id && column.is_none_or(|column| used.columns.contains(column))
        };
        if dependent.reads.iter().any(reads) {
            relation(scene, other, true, true);
            continue;
        }
        let part = dependent.policies.iter().any(|p| p.uses.iter().any(reads))
            || dependent.rules.iter().any(|r| r.uses.iter().any(reads));
        if part {
            scene.lock(other, LockMode::AccessExclusiveLock);
            scene.catalog.change(other, |table| {
                table.policies.retain(|p| !p.uses.iter().any(reads));
                table.rules.retain(|r| !r.uses.iter().any(reads));
            });
        }
    }
}

/// Defaults that call `nextval` of a sequence that goes.
fn defaults_of(scene: &mut Scene<'_>, sequence: RelId) {
    let Some(name) = scene.catalog.get(sequence).map(|relation| relation.name.clone()) else { return };
    for table in scene.catalog.users_of_function("nextval") {
        let users: Vec<String> = scene
            .catalog
            .get(table)
            .map(|found| {
                let uses = found.columns.iter().filter(|column| {
                    column.default.as_ref().is_some_and(|default| super::sequence::names(default, &name))
                });
                uses.map(|column| column.name.clone()).collect()
            })
            .unwrap_or_default();
        if users.is_empty() {
            continue;
        }
        scene.lock(table, LockMode::AccessExclusiveLock);
        scene.catalog.change(table, |found| {
            for column in &mut found.columns {
                if users.contains(&column.name) {
                    column.default = None;
                }
            }
        });
    }
}

/// Columns of other tables that have a relation's row type.
fn row_type(scene: &mut Scene<'_>, id: RelId) {
    let Some(name) = scene.catalog.get(id).map(|relation| relation.name.clone()) else { return };
    super::types::drop_columns_of(scene, &name);
}

fn schema(scene: &mut Scene<'_>, name: &str, statement: &Drop) {
    if !scene.catalog.schemas.contains(name) {
        if scene.catalog.is_whole() && !statement.if_exists {
            scene.out.fail(format!("schema {name} does not exist"));
            return;
        }
        if !scene.catalog.is_whole() {
            scene.out.unknown(format!("what is in schema {name}"));
        }
    } else if !scene.catalog.is_whole() {
        scene.out.unknown(format!("whether schema {name} holds anything else"));
    }
    let inside: Vec<RelId> = scene
        .catalog
        .relations
        .iter()
        .filter(|(_, relation)| relation.name.schema == name)
        .map(|(id, _)| *id)
        .collect();
    let types: Vec<Name> = scene.catalog.types.keys().filter(|known| known.schema == name).cloned().collect();
    if !statement.cascade && (!inside.is_empty() || !types.is_empty()) {
        scene.out.fail(format!("schema {name} cannot be dropped: it is not empty"));
        return;
    }
    scene.lost(name.to_owned(), "schema", false);
    scene.breaks(name.to_owned(), "is gone".to_owned());
    let object = ObjectRef { kind: ObjectKind::Schema, name: name.to_owned(), relation: None };
    scene.change(Change::Dropped { object, implied: false, cascade: statement.cascade });
    for id in inside {
        relation(scene, id, true, true);
    }
    for known in types {
        super::types::drop_named(scene, &known, true);
    }
    scene.catalog.functions.retain(|known, _| known.schema != name);
    scene.catalog.schemas.remove(name);
}

/// Objects that have nothing to do with rows: only their names are known.
fn others(scene: &mut Scene<'_>, statement: &Drop) {
    for name in &statement.names {
        let shown = shown(scene, name);
        scene.lost(shown.clone(), words(statement.kind), false);
        if statement.kind == ObjectKind::Extension {
            extension(scene, &name.name.name, statement.cascade);
        }
        let object = ObjectRef { kind: statement.kind, name: shown, relation: None };
        scene.change(Change::Dropped { object, implied: false, cascade: statement.cascade });
        if statement.cascade {
            scene.out.unknown(format!("what depends on {} and goes with it by CASCADE", name.name));
        }
    }
}

fn extension(scene: &mut Scene<'_>, name: &str, cascade: bool) {
    scene.catalog.extensions.remove(name);
    if name == "citext" {
        scene.catalog.types.retain(|known, _| known.name != "citext");
    }
    if cascade {
        scene.out.unknown(format!("what extension {name} holds"));
    }
}

pub(super) fn shown(scene: &Scene<'_>, name: &ObjectName) -> String {
    let full = match scene.catalog.relation(&name.name) {
        Lookup::Found(id) => scene.shown(id),
        Lookup::Absent | Lookup::Unknown => name.name.to_string(),
    };
    match &name.part {
        Some(part) => format!("{full}.{part}"),
        None => full,
    }
}

pub(super) const fn words(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Table => "table",
        ObjectKind::ForeignTable => "foreign table",
        ObjectKind::View => "view",
        ObjectKind::MaterializedView => "materialized view",
        ObjectKind::Index => "index",
        ObjectKind::Sequence => "sequence",
        ObjectKind::Column => "column",
        ObjectKind::TableConstraint | ObjectKind::DomainConstraint => "constraint",
        ObjectKind::Type => "type",
        ObjectKind::Attribute => "attribute",
        ObjectKind::Domain => "domain",
        ObjectKind::Function => "function",
        ObjectKind::Procedure => "procedure",
        ObjectKind::Routine => "routine",
        ObjectKind::Aggregate => "aggregate",
        ObjectKind::Trigger => "trigger",
        ObjectKind::Rule => "rule",
        ObjectKind::Policy => "policy",
        ObjectKind::Schema => "schema",
        ObjectKind::Extension => "extension",
        ObjectKind::Statistics => "statistics",
        ObjectKind::Collation => "collation",
        ObjectKind::Operator => "operator",
        ObjectKind::Cast => "cast",
        ObjectKind::Publication => "publication",
        ObjectKind::Subscription => "subscription",
        ObjectKind::EventTrigger => "event trigger",
        ObjectKind::Role => "role",
        ObjectKind::Database => "database",
        ObjectKind::Tablespace => "tablespace",
        ObjectKind::Language => "language",
        ObjectKind::Server => "server",
        ObjectKind::Other => "object",
    }
}
