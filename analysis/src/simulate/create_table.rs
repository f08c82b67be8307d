//! CREATE TABLE in all its forms but AS.

use super::constraints;
use super::{Change, ObjectRef, Scene, alter, columns, foreign_key, naming, partition};
use crate::catalog::{
    Check, Column, Constraint, ConstraintKind, Name, PartitionKey, Persistence, RelId, Relation, RelationKind,
};
use crate::report::LockMode;
use crate::syntax::{
    ColumnConstraint, CreateTable, LikeClause, NewConstraint, NewConstraintKind, ObjectKind,
};

pub(super) fn create(scene: &mut Scene<'_>, statement: &CreateTable) {
    let name = new_name(scene, statement);
    if let Some(present) = scene.catalog.by_name(&name) {
        exists(scene, statement, &name, present);
        return;
    }
    let kind = if statement.foreign {
        RelationKind::Foreign
    } else if statement.partition_by.is_some() {
        RelationKind::Partitioned
    } else {
        RelationKind::Table
    };
    let mut relation = Relation::new(name.clone(), kind);
    relation.persistence = if statement.temporary {
        Persistence::Temporary
    } else if statement.unlogged {
        Persistence::Unlogged
    } else {
        Persistence::Permanent
    };
    relation.access_method = statement.access_method.clone().filter(|method| method != "heap");
    relation.tablespace = statement.tablespace.clone().filter(|tablespace| tablespace != "pg_default");
    relation.partition_key = statement
        .partition_by
        .as_ref()
        .map(|spec| PartitionKey { strategy: spec.strategy, keys: spec.keys.clone() });
    let id = scene.add(relation);
    scene.created(ObjectKind::Table, name.to_string(), Some(id));
    from_parents(scene, id, statement);
    for like in &statement.likes {
        copy_like(scene, id, like);
    }
    own_columns(scene, id, statement);
    own_constraints(scene, id, statement);
    if let Some((parent, bound)) = &statement.partition_of {
        partition::created(scene, id, parent, bound);
    }
}

fn new_name(scene: &Scene<'_>, statement: &CreateTable) -> Name {
    if statement.temporary {
        return Name::new("pg_temp", &statement.name.name);
    }
    scene.catalog.new_name(&statement.name)
}

fn exists(scene: &mut Scene<'_>, statement: &CreateTable, name: &Name, present: RelId) {
    if !statement.if_not_exists {
        scene.out.fail(format!("relation {name} exists already"));
        return;
    }
    let wanted: Vec<Column> = statement.columns.iter().map(|column| columns::made(scene, column)).collect();
    let differs = scene.catalog.get(present).is_some_and(|table| {
        !table.partial
            && (wanted.len() != table.columns.len()
                || wanted.iter().any(|w| {
                    table
                        .column(&w.name)
                        .is_none_or(|c| c.data_type != w.data_type || c.not_null != w.not_null)
                }))
    });
    let object = ObjectRef { kind: ObjectKind::Table, name: name.to_string(), relation: Some(present) };
    scene.change(Change::NothingToDo { object, differs });
}

fn from_parents(scene: &mut Scene<'_>, id: RelId, statement: &CreateTable) {
    let mut parents = Vec::new();
    for parent in &statement.inherits {
        let Some(parent) = alter::other(scene, parent, LockMode::ShareUpdateExclusiveLock) else { continue };
        parents.push(parent);
    }
    if let Some((parent, bound)) = &statement.partition_of
        && let Some(parent) = alter::other(scene, parent, LockMode::AccessExclusiveLock)
    {
        scene.catalog.change(id, |table| {
            table.inheritance.partition = Some(crate::catalog::Partition { parent, bound: bound.clone() });
        });
        inherit(scene, id, parent);
    }
    for parent in &parents {
        inherit(scene, id, *parent);
    }
    scene.catalog.change(id, |table| table.inheritance.parents.extend(parents));
    if let Some(of) = &statement.of_type
        && let Some(of) = scene.catalog.relation(of).found()
    {
        let columns = scene.catalog.get(of).map(|found| found.columns.clone()).unwrap_or_default();
        scene.catalog.change(id, |table| {
            table.of_type = Some(of);
            table.columns.extend(columns);
        });
    }
}

/// Columns and CHECKs of a parent.
fn inherit(scene: &mut Scene<'_>, id: RelId, parent: RelId) {
    let Some(from) = scene.catalog.get(parent).cloned() else { return };
    scene.catalog.change(id, |table| {
        for column in from.columns {
            if table.column(&column.name).is_none() {
                let identity = if table.inheritance.partition.is_some() { column.identity } else { None };
                table.columns.push(Column { inherited: true, identity, ..column });
            }
        }
        for constraint in from.constraints {
            let inherits = match &constraint.kind {
                ConstraintKind::Check(check) => !check.no_inherit,
                ConstraintKind::NotNull { .. } => true,
                _ => false,
            };
            if inherits && table.constraint(&constraint.name).is_none() {
                table.constraints.push(Constraint { inherited: true, ..constraint });
            }
        }
    });
}

fn copy_like(scene: &mut Scene<'_>, id: RelId, like: &LikeClause) {
    let Some(source) = alter::other(scene, &like.source, LockMode::AccessShareLock) else {
        scene.catalog.change(id, |table| table.partial = true);
        return;
    };
    let Some(from) = scene.catalog.get(source).cloned() else { return };
    let mut identities = Vec::new();
    scene.catalog.change(id, |table| {
        table.partial |= from.partial;
        for column in &from.columns {
            let mut copy = Column::new(&column.name, column.data_type.clone());
            copy.collation.clone_from(&column.collation);
            copy.not_null = column.not_null;
            if like.defaults {
                copy.default.clone_from(&column.default);
            }
            if like.generated {
                copy.generated.clone_from(&column.generated);
            }
            if like.identity && column.identity.is_some() {
                copy.identity = column.identity;
                identities.push(column.name.clone());
            }
            table.columns.push(copy);
        }
    });
    if like.defaults && scene.server.has(16) {
        for default in from.columns.iter().filter_map(|column| column.default.as_ref()) {
            super::sequence::lock_called(scene, default, LockMode::AccessShareLock);
        }
    }
    for column in identities {
        columns::make_sequence(scene, id, &column);
    }
    copy_parts(scene, id, &from, like);
}

fn copy_parts(scene: &mut Scene<'_>, id: RelId, from: &Relation, like: &LikeClause) {
    for constraint in &from.constraints {
        let kept = match constraint.kind {
            ConstraintKind::Check(_) => like.constraints,
            ConstraintKind::NotNull { .. } => true,
            _ => false,
        };
        if kept {
            let copy = Constraint { inherited: false, ..constraint.clone() };
            scene.catalog.change(id, |table| table.constraints.push(copy));
        }
    }
    if !like.indexes {
        return;
    }
    for index in &from.indexes {
        let Some(table) = scene.catalog.get(id).map(|table| table.name.clone()) else { return };
        let constraint = from.constraint(&index.name).filter(|_| index.constraint);
        let label = match constraint.map(|c| &c.kind) {
            Some(ConstraintKind::Primary { .. }) => "pkey",
            Some(ConstraintKind::Exclude { .. }) => "excl",
            Some(_) => "key",
            None => "idx",
        };
        let name = if label == "pkey" {
            naming::object_name(scene.catalog, &table, None, label)
        } else {
            naming::index_name(scene.catalog, &table, &index.keys, label)
        };
        let index =
            crate::catalog::Index { name: name.clone(), part_of: None, clustered: false, ..index.clone() };
        let constraint = constraint.map(|c| Constraint { name, inherited: false, ..c.clone() });
        scene.catalog.change(id, |table| {
            table.indexes.push(index);
            table.constraints.extend(constraint);
        });
    }
}

fn own_columns(scene: &mut Scene<'_>, id: RelId, statement: &CreateTable) {
    for definition in &statement.columns {
        let mut column = columns::made(scene, definition);
        let serial = columns::is_serial(definition);
        if let Some(default) = &column.default
            && scene.server.has(16)
        {
            super::sequence::lock_called(scene, default, LockMode::AccessShareLock);
        }
        if let Some(sequence) = serial.then(|| columns::make_sequence(scene, id, &definition.name)).flatten()
        {
            column.default = Some(columns::next_value(&sequence));
        }
        if column.identity.is_some() {
            columns::make_sequence(scene, id, &definition.name);
        }
        scene.catalog.change(id, |table| merge(table, column, definition.data_type.is_none()));
        scene_needs(scene, id, &definition.name);
    }
    for definition in &statement.columns {
        for constraint in &definition.constraints {
            match constraint {
                ColumnConstraint::Constraint(constraint) => {
                    constraint_of(scene, id, constraint, Some(&definition.name));
                }
                ColumnConstraint::NotNull { name, .. } => {
                    constraints::named_not_null(scene, id, &definition.name, name.as_deref());
                }
                ColumnConstraint::Identity(_) => {
                    constraints::named_not_null(scene, id, &definition.name, None);
                }
                ColumnConstraint::Default(_)
                | ColumnConstraint::Generated { .. }
                | ColumnConstraint::Null => {}
            }
        }
        if columns::is_serial(definition) {
            constraints::named_not_null(scene, id, &definition.name, None);
        }
    }
}

fn scene_needs(scene: &mut Scene<'_>, id: RelId, column: &str) {
    let is_virtual = scene.catalog.get(id).and_then(|table| table.column(column)).is_some_and(|column| {
        column.generated.as_ref().is_some_and(|g| g.kind == crate::syntax::GeneratedKind::Virtual)
    });
    if is_virtual {
        scene.needs(18, "a virtual generated column");
    }
}

/// A column that a parent has already gets what is written here on top.
fn merge(table: &mut Relation, column: Column, options_only: bool) {
    let Some(present) = table.column_mut(&column.name) else {
        table.columns.push(column);
        return;
    };
    if !options_only {
        present.inherited = false;
    }
    present.not_null |= column.not_null;
    if column.default.is_some() {
        present.default = column.default;
    }
    if column.generated.is_some() {
        present.generated = column.generated;
    }
}

fn own_constraints(scene: &mut Scene<'_>, id: RelId, statement: &CreateTable) {
    for constraint in &statement.constraints {
        constraint_of(scene, id, constraint, None);
    }
}

/// A constraint of a table that is being made: nothing to check, only others to lock.
fn constraint_of(scene: &mut Scene<'_>, id: RelId, constraint: &NewConstraint, column: Option<&str>) {
    if constraint.not_enforced {
        scene.needs(18, "NOT ENFORCED");
    }
    let named = |scene: &Scene<'_>, columns: &[String], label: &str| {
        constraint.name.clone().unwrap_or_else(|| naming::constraint_name(scene.catalog, id, columns, label))
    };
    let added = match &constraint.kind {
        NewConstraintKind::Check(expression) => {
            let columns = match column {
                Some(column) => vec![column.to_owned()],
                None => constraints::check_columns(expression),
            };
            let name = named(scene, &columns, "check");
            let check = Check { expression: expression.clone(), no_inherit: constraint.no_inherit };
            Constraint {
                enforced: !constraint.not_enforced,
                valid: !constraint.not_enforced,
                ..Constraint::new(&name, ConstraintKind::Check(check))
            }
        }
        NewConstraintKind::NotNull(column) => {
            scene.catalog.change(id, |table| {
                if let Some(column) = table.column_mut(column) {
                    column.not_null = true;
                }
            });
            constraints::named_not_null(scene, id, column, constraint.name.as_deref());
            return;
        }
        NewConstraintKind::PrimaryKey { .. } | NewConstraintKind::Unique { .. } => {
            indexed(scene, id, constraint);
            return;
        }
        NewConstraintKind::Exclude { .. } => {
            let Some((added, index)) = constraints::exclusion(scene, id, constraint) else { return };
            scene.catalog.change(id, |table| table.indexes.push(index));
            added
        }
        NewConstraintKind::ForeignKey(key) => {
            let Some(to) = foreign_side(scene, id, &key.to) else { return };
            let name = named(scene, &key.columns, "fkey");
            Constraint {
                valid: !constraint.not_enforced,
                ..foreign_key::made(scene, &name, constraint, key, to)
            }
        }
        NewConstraintKind::UsingIndex { .. } => return,
    };
    push(scene, id, added);
}

fn push(scene: &mut Scene<'_>, id: RelId, added: Constraint) {
    let copy = added.clone();
    scene.catalog.change(id, |table| table.constraints.push(copy));
    scene.change(Change::ConstraintAdded {
        table: id,
        constraint: added,
        using_index: false,
        new_columns: true,
        with_table: true,
    });
}

fn foreign_side(scene: &mut Scene<'_>, id: RelId, to: &crate::syntax::QName) -> Option<RelId> {
    let to = alter::other(scene, to, LockMode::ShareRowExclusiveLock)?;
    let peers = scene.reached(to, false);
    if to != id {
        scene.lock_all(&peers, LockMode::ShareRowExclusiveLock);
    }
    Some(to)
}

fn indexed(scene: &mut Scene<'_>, id: RelId, constraint: &NewConstraint) {
    let (columns, include, primary, nulls_not_distinct) = match &constraint.kind {
        NewConstraintKind::PrimaryKey { columns, include } => (columns, include, true, false),
        NewConstraintKind::Unique { columns, include, nulls_not_distinct } => {
            (columns, include, false, *nulls_not_distinct)
        }
        _ => return,
    };
    if nulls_not_distinct {
        scene.needs(15, "NULLS NOT DISTINCT");
    }
    let name = constraints::naming_of(scene, id, constraint, columns).1;
    let kind = if primary {
        for column in columns {
            scene.catalog.change(id, |table| {
                if let Some(column) = table.column_mut(column) {
                    column.not_null = true;
                }
            });
            constraints::named_not_null(scene, id, column, None);
        }
        ConstraintKind::Primary { columns: columns.clone() }
    } else {
        ConstraintKind::Unique { columns: columns.clone(), nulls_not_distinct }
    };
    let added = Constraint {
        deferrable: constraint.deferrable,
        initially_deferred: constraint.initially_deferred,
        ..Constraint::new(&name, kind)
    };
    let index = constraints::constraint_index(&added, include);
    scene.catalog.change(id, |table| table.indexes.push(index));
    push(scene, id, added);
}
