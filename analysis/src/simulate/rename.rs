//! RENAME and SET SCHEMA.

use super::alter::owned_sequences;
use super::{Change, ObjectRef, Scene, columns, drop, tree};
use crate::catalog::{ConstraintKind, Key, Lookup, Name, RelId, Relation, RelationKind, ViewUse};
use crate::report::LockMode;
use crate::syntax::{Expr, ObjectKind, Rename, SetSchema};

pub(super) fn rename(scene: &mut Scene<'_>, statement: &Rename) {
    match statement.kind {
        ObjectKind::Table
        | ObjectKind::ForeignTable
        | ObjectKind::View
        | ObjectKind::MaterializedView
        | ObjectKind::Sequence => relation(scene, statement),
        ObjectKind::Index => index(scene, statement),
        ObjectKind::Column | ObjectKind::Attribute => column(scene, statement),
        ObjectKind::TableConstraint => constraint(scene, statement),
        ObjectKind::Trigger | ObjectKind::Policy | ObjectKind::Rule => part(scene, statement),
        ObjectKind::Type | ObjectKind::Domain => super::types::rename(scene, statement),
        ObjectKind::Schema => schema(scene, statement),
        _ => {
            let name = drop::shown(scene, &statement.name);
            let object = ObjectRef { kind: statement.kind, name: name.clone(), relation: None };
            if is_named_by_code(statement.kind) {
                scene.breaks(name, format!("is renamed to {}", statement.to));
            }
            super::routines::rename(scene, statement);
            scene.change(Change::Renamed { object, to: statement.to.clone() });
        }
    }
}

const fn is_named_by_code(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::Function
            | ObjectKind::Procedure
            | ObjectKind::Routine
            | ObjectKind::Aggregate
            | ObjectKind::Role
    )
}

const fn relation_kind(kind: ObjectKind) -> RelationKind {
    match kind {
        ObjectKind::View => RelationKind::View,
        ObjectKind::MaterializedView => RelationKind::MaterializedView,
        ObjectKind::Sequence => RelationKind::Sequence,
        ObjectKind::ForeignTable => RelationKind::Foreign,
        _ => RelationKind::Table,
    }
}

fn relation(scene: &mut Scene<'_>, statement: &Rename) {
    if scene.catalog.find(&statement.name.name).is_none()
        && matches!(scene.catalog.index(&statement.name.name), Lookup::Found(_))
    {
        index(scene, statement);
        return;
    }
    let kind = relation_kind(statement.kind);
    let Some(id) = scene.need_if(&statement.name.name, kind, statement.if_exists) else { return };
    scene.lock(id, LockMode::AccessExclusiveLock);
    let to = Name { name: statement.to.clone(), ..scene.subject(id).name };
    if is_taken(scene, &to) {
        return;
    }
    let name = scene.shown(id);
    scene.breaks(name.clone(), format!("is renamed to {}", statement.to));
    scene.catalog.change(id, |found| found.name.name.clone_from(&statement.to));
    let object = ObjectRef { kind: statement.kind, name, relation: Some(id) };
    scene.change(Change::Renamed { object, to: statement.to.clone() });
}

/// A name that something else has makes the statement fail.
fn is_taken(scene: &mut Scene<'_>, name: &Name) -> bool {
    let taken = scene.catalog.by_name(name).is_some() || scene.catalog.has_index(name);
    if taken {
        scene.out.fail(format!("relation {name} exists already"));
    }
    taken
}

fn index(scene: &mut Scene<'_>, statement: &Rename) {
    let mode = LockMode::ShareUpdateExclusiveLock;
    if statement.if_exists && scene.catalog.index(&statement.name.name) == Lookup::Absent {
        return;
    }
    let Some((table, index)) = super::index::named(scene, &statement.name.name, mode) else { return };
    scene.lock_index(table, &index, mode);
    let schema = scene.subject(table).name.schema;
    if is_taken(scene, &Name { schema, name: statement.to.clone() }) {
        return;
    }
    let name = super::drop_column::index_shown(scene, table, &index);
    rename_index(scene, table, &index, &statement.to);
    let object = ObjectRef { kind: ObjectKind::Index, name, relation: Some(table) };
    scene.change(Change::Renamed { object, to: statement.to.clone() });
}

/// An index and the constraint that it belongs to have one name.
fn rename_index(scene: &mut Scene<'_>, table: RelId, from: &str, to: &str) {
    scene.catalog.change(table, |found| {
        for index in &mut found.indexes {
            if index.name == from {
                to.clone_into(&mut index.name);
            }
        }
        for constraint in &mut found.constraints {
            if constraint.name == from {
                to.clone_into(&mut constraint.name);
            }
        }
    });
    for child in tree::children(scene.catalog, table) {
        scene.catalog.change(child, |found| {
            for index in &mut found.indexes {
                if index.part_of.as_ref().is_some_and(|(of, name)| *of == table && name == from) {
                    index.part_of = Some((table, to.to_owned()));
                }
            }
        });
    }
}

fn column(scene: &mut Scene<'_>, statement: &Rename) {
    let kind = if statement.kind == ObjectKind::Attribute {
        RelationKind::Composite
    } else {
        relation_kind(statement.relation_kind)
    };
    let Some(from) = statement.name.part.as_deref() else { return };
    let Some(id) = scene.need_if(&statement.name.name, kind, statement.if_exists) else { return };
    let composite = scene.catalog.get(id).is_some_and(|found| found.kind == RelationKind::Composite);
    if !composite {
        let family = scene.reached(id, false);
        scene.lock_all(&family, LockMode::AccessExclusiveLock);
    } else {
        let typed = scene.catalog.dependents_of(id);
        let typed: Vec<RelId> = typed
            .into_iter()
            .filter(|table| scene.catalog.get(*table).is_some_and(|table| table.of_type == Some(id)))
            .collect();
        scene.lock_all(&typed, LockMode::AccessExclusiveLock);
    }
    let name = format!("{}.{from}", scene.shown(id));
    if columns::known(scene, id, from).is_none() {
        return;
    }
    if scene.catalog.get(id).is_some_and(|table| table.column(&statement.to).is_some()) {
        scene.out.fail(format!("column {} of {} exists already", statement.to, scene.shown(id)));
        return;
    }
    scene.breaks(name.clone(), format!("is renamed to {}", statement.to));
    columns::rename(scene, id, from, &statement.to);
    let object = ObjectRef { kind: statement.kind, name, relation: Some(id) };
    scene.change(Change::Renamed { object, to: statement.to.clone() });
}

/// A table whose own column has another name.
pub(super) fn column_in_table(table: &mut Relation, id: RelId, from: &str, to: &str) {
    let swap = |name: &mut String| {
        if name == from {
            to.clone_into(name);
        }
    };
    let in_expression = |expression: &mut Expr| rename_in(expression, from, to);
    for column in &mut table.columns {
        swap(&mut column.name);
        column.generated.iter_mut().for_each(|generated| in_expression(&mut generated.expression));
    }
    for constraint in &mut table.constraints {
        match &mut constraint.kind {
            ConstraintKind::Check(check) => in_expression(&mut check.expression),
            ConstraintKind::NotNull { column } => swap(column),
            ConstraintKind::Primary { columns }
            | ConstraintKind::Unique { columns, .. }
            | ConstraintKind::Exclude { columns } => columns.iter_mut().for_each(swap),
            ConstraintKind::Foreign { columns, to: peer, to_columns, .. } => {
                columns.iter_mut().for_each(swap);
                if *peer == id {
                    to_columns.iter_mut().for_each(swap);
                }
            }
        }
    }
    for index in &mut table.indexes {
        for key in &mut index.keys {
            match &mut key.key {
                Key::Column(name) => swap(name),
                Key::Expression(expression) => in_expression(expression),
            }
        }
        index.include.iter_mut().for_each(swap);
        index.predicate.iter_mut().for_each(in_expression);
    }
    if let Some(key) = &mut table.partition_key {
        key.keys.iter_mut().for_each(in_expression);
    }
    let in_set = |set: &mut std::collections::BTreeSet<String>| {
        if set.remove(from) {
            set.insert(to.to_owned());
        }
    };
    table.triggers.iter_mut().for_each(|trigger| in_set(&mut trigger.columns));
    table.policies.iter_mut().for_each(|policy| in_set(&mut policy.columns));
    table.statistics.values_mut().for_each(|columns| columns.iter_mut().for_each(swap));
}

fn rename_in(expression: &mut Expr, from: &str, to: &str) {
    expression.each_mut(&mut |part| match part {
        Expr::Column(path) => {
            if let Some(last) = path.last_mut().filter(|last| *last == from) {
                to.clone_into(last);
            }
        }
        Expr::Deep { columns, .. } => {
            for last in columns.iter_mut().filter_map(|path| path.last_mut()).filter(|last| *last == from) {
                to.clone_into(last);
            }
        }
        _ => {}
    });
}

/// Another relation that refers to the column.
pub(super) fn column_of_other(other: &mut Relation, id: RelId, from: &str, to: &str) {
    for constraint in &mut other.constraints {
        if let ConstraintKind::Foreign { to: peer, to_columns, .. } = &mut constraint.kind
            && *peer == id
        {
            for name in to_columns.iter_mut().filter(|name| *name == from) {
                to.clone_into(name);
            }
        }
    }
    if let Some((owner, column)) = &mut other.owned_by
        && *owner == id
        && column == from
    {
        to.clone_into(column);
    }
    let in_use = |used: &mut ViewUse| {
        if used.relation == id && used.columns.remove(from) {
            used.columns.insert(to.to_owned());
        }
    };
    other.reads.iter_mut().for_each(in_use);
    other.rules.iter_mut().for_each(|rule| rule.uses.iter_mut().for_each(in_use));
    other.policies.iter_mut().for_each(|policy| policy.uses.iter_mut().for_each(in_use));
    if other.of_type == Some(id)
        && let Some(column) = other.column_mut(from)
    {
        to.clone_into(&mut column.name);
    }
}

fn constraint(scene: &mut Scene<'_>, statement: &Rename) {
    let Some(from) = statement.name.part.as_deref() else { return };
    let Some(id) = scene.need_if(&statement.name.name, RelationKind::Table, statement.if_exists) else {
        return;
    };
    scene.lock(id, LockMode::AccessExclusiveLock);
    let Some(table) = scene.catalog.get(id) else { return };
    let name = format!("{}.{from}", table.name);
    match table.constraint(from) {
        Some(found) => {
            let inherits = matches!(&found.kind, ConstraintKind::Check(check) if !check.no_inherit);
            let indexed = table.index(from).is_some();
            if indexed {
                scene.lock_index(id, from, LockMode::ShareUpdateExclusiveLock);
            }
            if inherits {
                for member in scene.reached(id, false) {
                    scene.lock(member, LockMode::AccessExclusiveLock);
                    rename_index(scene, member, from, &statement.to);
                }
            }
        }
        None if table.partial => scene.out.unknown(format!("constraint {name} is not in the catalog")),
        None => scene.out.fail(format!("constraint {name} does not exist")),
    }
    rename_index(scene, id, from, &statement.to);
    let object = ObjectRef { kind: ObjectKind::TableConstraint, name, relation: Some(id) };
    scene.change(Change::Renamed { object, to: statement.to.clone() });
}

fn part(scene: &mut Scene<'_>, statement: &Rename) {
    let Some(from) = statement.name.part.as_deref() else { return };
    let Some(id) = scene.need_if(&statement.name.name, RelationKind::Table, statement.if_exists) else {
        return;
    };
    scene.lock(id, LockMode::AccessExclusiveLock);
    let partitioned = scene.catalog.get(id).is_some_and(|table| table.kind == RelationKind::Partitioned);
    if partitioned && statement.kind == ObjectKind::Trigger && scene.server.has(15) {
        for member in scene.reached(id, false) {
            scene.lock(member, LockMode::AccessExclusiveLock);
            scene.catalog.change(member, |table| {
                for trigger in table.triggers.iter_mut().filter(|trigger| trigger.name == from) {
                    trigger.name.clone_from(&statement.to);
                }
            });
        }
    }
    scene.catalog.change(id, |table| {
        for trigger in table.triggers.iter_mut().filter(|trigger| trigger.name == from) {
            trigger.name.clone_from(&statement.to);
        }
        for policy in table.policies.iter_mut().filter(|policy| policy.name == from) {
            policy.name.clone_from(&statement.to);
        }
        for rule in table.rules.iter_mut().filter(|rule| rule.name == from) {
            rule.name.clone_from(&statement.to);
        }
    });
    let name = format!("{}.{from}", scene.shown(id));
    let object = ObjectRef { kind: statement.kind, name, relation: Some(id) };
    scene.change(Change::Renamed { object, to: statement.to.clone() });
}

fn schema(scene: &mut Scene<'_>, statement: &Rename) {
    let from = statement.name.name.name.clone();
    let to = statement.to.clone();
    if scene.catalog.schemas.contains(&to) {
        scene.out.fail(format!("schema {to} exists already"));
        return;
    }
    scene.breaks(from.clone(), format!("is renamed to {to}"));
    let inside: Vec<RelId> = scene
        .catalog
        .relations
        .iter()
        .filter(|(_, relation)| relation.name.schema == from)
        .map(|(id, _)| *id)
        .collect();
    for id in inside {
        scene.catalog.change(id, |relation| relation.name.schema.clone_from(&to));
    }
    scene.catalog.schemas.remove(&from);
    scene.catalog.schemas.insert(to.clone());
    super::types::move_all(scene, &from, &to);
    let object = ObjectRef { kind: ObjectKind::Schema, name: from, relation: None };
    scene.change(Change::Renamed { object, to });
}

pub(super) fn set_schema(scene: &mut Scene<'_>, statement: &SetSchema) {
    let object = match statement.kind {
        ObjectKind::Table
        | ObjectKind::ForeignTable
        | ObjectKind::View
        | ObjectKind::MaterializedView
        | ObjectKind::Sequence => {
            let kind = relation_kind(statement.kind);
            let Some(id) = scene.need_if(&statement.name.name, kind, statement.if_exists) else { return };
            scene.lock(id, LockMode::AccessExclusiveLock);
            let name = scene.shown(id);
            let to = Name { schema: statement.schema.clone(), ..scene.subject(id).name };
            if to != scene.subject(id).name && is_taken(scene, &to) {
                return;
            }
            let sequences = owned_sequences(scene, id, None);
            scene.lock_all(&sequences, LockMode::AccessExclusiveLock);
            for moved in sequences.into_iter().chain([id]) {
                scene.catalog.change(moved, |found| found.name.schema.clone_from(&statement.schema));
            }
            ObjectRef { kind: statement.kind, name, relation: Some(id) }
        }
        ObjectKind::Type | ObjectKind::Domain => {
            let name = scene.catalog.full_name(&statement.name.name);
            let to = Name::new(&statement.schema, &name.name);
            super::types::rename_to(scene, &statement.name.name, &to);
            ObjectRef { kind: statement.kind, name: name.to_string(), relation: None }
        }
        _ => {
            super::routines::move_to(scene, &statement.name, &statement.schema);
            ObjectRef { kind: statement.kind, name: drop::shown(scene, &statement.name), relation: None }
        }
    };
    scene.breaks(object.name.clone(), format!("moves to schema {}", statement.schema));
    scene.change(Change::Moved { object, schema: statement.schema.clone() });
}
