//! Constraints of a table: adding, validating, changing, dropping.

use super::alter::{Target, storage};
use super::columns;
use super::foreign_key;
use super::{Cause, Change, ObjectRef, Scene, drop_column, naming, partition, tree};
use crate::catalog::{
    Check, Constraint, ConstraintKind, Index, IndexKey, Key, RelId, Relation, RelationKind,
};
use crate::report::{LockMode, WorkKind};
use crate::syntax::{AlterAction, Expr, NewConstraint, NewConstraintKind, ObjectKind};

/// Where a constraint is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// ADD CONSTRAINT.
    Table,
    /// Behind a column that is being added.
    Column(&'a str),
}

pub(super) fn add(scene: &mut Scene<'_>, target: Target, constraint: &NewConstraint) {
    add_in(scene, target, constraint, Place::Table);
}

pub(super) fn add_in(scene: &mut Scene<'_>, target: Target, constraint: &NewConstraint, place: Place<'_>) {
    if constraint.not_enforced {
        scene.needs(18, "NOT ENFORCED");
    }
    // PostgreSQL 18 locks the children before it asks which constraints reach them.
    if place == Place::Table && scene.server.has(18) {
        let children = scene.reached(target.id, target.only);
        scene.lock_all(&children, target.lock);
    }
    match &constraint.kind {
        NewConstraintKind::Check(expression) => add_check(scene, target, constraint, expression, place),
        NewConstraintKind::NotNull(column) => add_not_null(scene, target, constraint, column),
        NewConstraintKind::PrimaryKey { columns, include } => {
            add_indexed(scene, target, constraint, place, (columns, include));
        }
        NewConstraintKind::Unique { columns, include, nulls_not_distinct } => {
            if *nulls_not_distinct {
                scene.needs(15, "NULLS NOT DISTINCT");
            }
            add_indexed(scene, target, constraint, place, (columns, include));
        }
        NewConstraintKind::UsingIndex { index, primary } => {
            using_index(scene, target, constraint, index, *primary);
        }
        NewConstraintKind::ForeignKey(key) => {
            let column = match place {
                Place::Column(column) => Some(column),
                Place::Table => None,
            };
            foreign_key::add(scene, target, constraint, key, column);
        }
        NewConstraintKind::Exclude { .. } => exclude(scene, target, constraint),
    }
}

/// Columns of its table that a CHECK is named after: the one column that it speaks of.
pub(super) fn check_columns(expression: &Expr) -> Vec<String> {
    let mut found: Vec<String> =
        expression.column_paths().iter().filter_map(|path| path.last().cloned()).collect();
    found.sort();
    found.dedup();
    if found.len() == 1 { found } else { Vec::new() }
}

fn add_check(
    scene: &mut Scene<'_>,
    target: Target,
    constraint: &NewConstraint,
    expression: &Expr,
    place: Place<'_>,
) {
    let id = target.id;
    let name = match (&constraint.name, place) {
        (Some(name), _) => name.clone(),
        (None, Place::Column(column)) => {
            naming::constraint_name(scene.catalog, id, &[column.to_owned()], "check")
        }
        (None, Place::Table) => {
            naming::constraint_name(scene.catalog, id, &check_columns(expression), "check")
        }
    };
    let check = Check { expression: expression.clone(), no_inherit: constraint.no_inherit };
    let added = Constraint {
        valid: !constraint.not_valid && !constraint.not_enforced,
        enforced: !constraint.not_enforced,
        ..Constraint::new(&name, ConstraintKind::Check(check))
    };
    if scene.catalog.get(id).is_some_and(|table| table.constraint(&name).is_some()) {
        let shown = scene.shown(id);
        scene.out.fail(format!("constraint {name} of {shown} exists already"));
        return;
    }
    let only = target.only || constraint.no_inherit;
    let has = |table: &Relation| table.constraint(&name).is_some();
    let (family, merged) = tree::reached_until(scene.catalog, id, only, &has);
    scene.lock_all(&family, target.lock);
    scene.lock_all(&merged, target.lock);
    for (position, member) in family.iter().enumerate() {
        let mut copy = added.clone();
        copy.inherited = position > 0;
        scene.catalog.change(*member, |table| table.constraints.push(copy));
        if added.valid {
            let cause = match place {
                Place::Column(column) => Cause::InlineCheck { column: column.to_owned() },
                Place::Table => Cause::AddCheck { constraint: name.clone() },
            };
            scene.work(*member, WorkKind::Scan, cause);
        }
    }
    record(scene, id, added, place);
}

fn record(scene: &mut Scene<'_>, table: RelId, constraint: Constraint, place: Place<'_>) {
    let new_columns = place != Place::Table || only_new_columns(scene, table, &constraint);
    scene.change(Change::ConstraintAdded {
        table,
        constraint,
        using_index: false,
        new_columns,
        with_table: false,
    });
}

/// Whether every column of a constraint was added by this statement.
fn only_new_columns(scene: &Scene<'_>, table: RelId, constraint: &Constraint) -> bool {
    let columns = constraint.columns();
    let added = |name: &String| {
        scene.out.changes.iter().any(|change| {
            matches!(change, Change::ColumnAdded { table: of, column, .. } if *of == table && column.name == *name)
        })
    };
    !columns.is_empty() && columns.iter().all(added)
}

/// ADD CONSTRAINT … NOT NULL (PostgreSQL 18).
fn add_not_null(scene: &mut Scene<'_>, target: Target, constraint: &NewConstraint, column: &str) {
    scene.needs(18, "ADD CONSTRAINT … NOT NULL");
    let family = scene.reached(target.id, target.only || constraint.no_inherit);
    scene.lock_all(&family, target.lock);
    let Some(already) = columns::known(scene, target.id, column).map(|column| column.not_null) else {
        return;
    };
    let name = match &constraint.name {
        Some(name) => name.clone(),
        None => naming::constraint_name(scene.catalog, target.id, &[column.to_owned()], "not_null"),
    };
    let kind = ConstraintKind::NotNull { column: column.to_owned() };
    let added = Constraint { valid: !constraint.not_valid, ..Constraint::new(&name, kind) };
    for member in family {
        if constraint.not_valid {
            scene.catalog.change(member, |table| table.constraints.push(added.clone()));
            continue;
        }
        columns::require(scene, member, column, Cause::AddCheck { constraint: name.clone() });
        scene.catalog.change(member, |table| {
            if !has_not_null(table, column) {
                table.constraints.push(added.clone());
            }
        });
    }
    if !already {
        record(scene, target.id, added, Place::Table);
    }
}

fn has_not_null(table: &Relation, column: &str) -> bool {
    table
        .constraints
        .iter()
        .any(|c| matches!(&c.kind, ConstraintKind::NotNull { column: of } if of == column))
}

/// From PostgreSQL 18 on, NOT NULL is a constraint with a name.
pub(super) fn named_not_null(scene: &mut Scene<'_>, id: RelId, column: &str, name: Option<&str>) {
    if !scene.server.has(18) {
        return;
    }
    let name = match name {
        Some(name) => name.to_owned(),
        None => naming::constraint_name(scene.catalog, id, &[column.to_owned()], "not_null"),
    };
    let constraint = Constraint::new(&name, ConstraintKind::NotNull { column: column.to_owned() });
    scene.catalog.change(id, |table| {
        if !has_not_null(table, column) {
            table.constraints.push(constraint);
        }
    });
}

/// Whether a constraint is a primary key, and what it and its index are called.
pub(super) fn naming_of(
    scene: &Scene<'_>,
    id: RelId,
    constraint: &NewConstraint,
    columns: &[String],
) -> (bool, String) {
    let primary = matches!(constraint.kind, NewConstraintKind::PrimaryKey { .. });
    let name = constraint.name.clone().unwrap_or_else(|| {
        let table = scene.catalog.get(id).map(|table| table.name.clone());
        table.map_or_else(String::new, |table| {
            if primary {
                naming::object_name(scene.catalog, &table, None, "pkey")
            } else {
                naming::object_name(scene.catalog, &table, Some(&columns.join("_")), "key")
            }
        })
    });
    (primary, name)
}

/// PRIMARY KEY and UNIQUE, which build an index.
fn add_indexed(
    scene: &mut Scene<'_>,
    target: Target,
    constraint: &NewConstraint,
    place: Place<'_>,
    (columns, include): (&[String], &[String]),
) {
    let id = target.id;
    let (primary, name) = naming_of(scene, id, constraint, columns);
    let partitioned = scene.catalog.get(id).is_some_and(|table| table.kind == RelationKind::Partitioned);
    let family = if partitioned { scene.reached(id, target.only) } else { vec![id] };
    if let Some(why) = impossible(scene, id, primary, columns) {
        scene.lock(id, target.lock);
        scene.out.fail(why);
        return;
    }
    if primary {
        for column in columns {
            for_primary_key(scene, target, column, false);
        }
    }
    lock_for_index(scene, target, &family);
    let cause = match (primary, place) {
        (true, Place::Column(column)) => Cause::InlinePrimaryKey { column: column.to_owned() },
        (true, Place::Table) => Cause::AddPrimaryKey { constraint: name.clone() },
        (false, Place::Column(column)) => Cause::InlineUnique { column: column.to_owned() },
        (false, Place::Table) => Cause::AddUnique { constraint: name.clone() },
    };
    let kind = if primary {
        ConstraintKind::Primary { columns: columns.to_vec() }
    } else {
        let nulls_not_distinct =
            matches!(constraint.kind, NewConstraintKind::Unique { nulls_not_distinct: true, .. });
        ConstraintKind::Unique { columns: columns.to_vec(), nulls_not_distinct }
    };
    let added = Constraint {
        deferrable: constraint.deferrable,
        initially_deferred: constraint.initially_deferred,
        ..Constraint::new(&name, kind)
    };
    let index = constraint_index(&added, include);
    give(scene, &family, &added, &index, &cause);
    record(scene, id, added, place);
}

fn lock_for_index(scene: &mut Scene<'_>, target: Target, family: &[RelId]) {
    scene.lock(target.id, target.lock);
    let below = if scene.server.has(18) { target.lock } else { LockMode::ShareLock };
    for member in family.iter().skip(1) {
        scene.lock(*member, below);
    }
}

/// A second primary key, or a unique constraint without the partition key.
fn impossible(scene: &Scene<'_>, id: RelId, primary: bool, columns: &[String]) -> Option<String> {
    let table = scene.catalog.get(id)?;
    if primary && foreign_key::primary_key(scene.catalog, id).is_some() {
        return Some(format!("{} has a primary key already", table.name));
    }
    let keyed = table.partition_key.as_ref()?;
    let missing = keyed.keys.iter().any(|key| {
        let plain =
            matches!(key, Expr::Column(path) if path.last().is_some_and(|name| columns.contains(name)));
        !plain
    });
    missing.then(|| format!("a unique constraint of {} must include the partition key", table.name))
}

/// Puts a constraint with its index on a table and on the partitions in `family`, each under a name of its own; one that
/// has such a constraint keeps it.
fn give(scene: &mut Scene<'_>, family: &[RelId], added: &Constraint, index: &Index, cause: &Cause) {
    let Some(top) = family.first().copied() else { return };
    scene.work(top, WorkKind::Index, cause.clone());
    scene.catalog.change(top, |table| {
        table.constraints.push(added.clone());
        table.indexes.push(index.clone());
    });
    for child in tree::children(scene.catalog, top).into_iter().filter(|child| family.contains(child)) {
        partition::give_all(scene, (top, &index.name), child, index, cause);
    }
}

/// The index of a constraint.
pub(super) fn constraint_index(constraint: &Constraint, include: &[String]) -> Index {
    let nulls_not_distinct =
        matches!(constraint.kind, ConstraintKind::Unique { nulls_not_distinct: true, .. });
    Index {
        name: constraint.name.clone(),
        unique: !matches!(constraint.kind, ConstraintKind::Exclude { .. }),
        constraint: true,
        method: "btree".to_owned(),
        keys: constraint.columns().iter().map(|column| IndexKey::column(column)).collect(),
        include: include.to_vec(),
        predicate: None,
        nulls_not_distinct,
        valid: true,
        part_of: None,
        tablespace: None,
        clustered: false,
    }
}

/// The columns of a primary key become NOT NULL, in children too.
fn for_primary_key(scene: &mut Scene<'_>, target: Target, column: &str, using_index: bool) {
    let Some(not_null) = columns::known(scene, target.id, column).map(|column| column.not_null) else {
        return;
    };
    if not_null {
        return;
    }
    let family = scene.reached(target.id, target.only);
    scene.lock_all(&family, target.lock);
    for member in family {
        let cause = Cause::PrimaryKeyNotNull { column: column.to_owned(), using_index };
        columns::require(scene, member, column, cause);
    }
    named_not_null(scene, target.id, column, None);
}

fn using_index(
    scene: &mut Scene<'_>,
    target: Target,
    constraint: &NewConstraint,
    index: &str,
    primary: bool,
) {
    let id = target.id;
    let Some(table) = scene.catalog.get(id) else { return };
    if table.kind == RelationKind::Partitioned {
        scene.out.fail("a constraint of a partitioned table cannot be made from an index".to_owned());
        return;
    }
    let Some(found) = table.index(index).cloned() else {
        if table.partial {
            let shown = table.name.to_string();
            scene.out.unknown(format!("index {index} of {shown} is not in the catalog"));
        } else {
            scene.out.fail(format!("index {index} does not exist"));
        }
        return;
    };
    if found.predicate.is_some() || !found.valid || !found.unique || found.plain_columns().is_none() {
        scene.out.fail(format!("index {index} is not valid, not unique, partial or on expressions"));
        return;
    }
    let columns: Vec<String> =
        found.plain_columns().unwrap_or_default().into_iter().map(str::to_owned).collect();
    if primary {
        for column in &columns {
            for_primary_key(scene, target, column, true);
        }
    }
    let name = constraint.name.clone().unwrap_or_else(|| index.to_owned());
    let kind = if primary {
        ConstraintKind::Primary { columns }
    } else {
        ConstraintKind::Unique { columns, nulls_not_distinct: found.nulls_not_distinct }
    };
    let added = Constraint {
        deferrable: constraint.deferrable,
        initially_deferred: constraint.initially_deferred,
        ..Constraint::new(&name, kind)
    };
    let copy = added.clone();
    scene.catalog.change(id, |table| {
        if let Some(found) = table.indexes.iter_mut().find(|found| found.name == index) {
            found.name = name;
            found.constraint = true;
        }
        table.constraints.push(copy);
    });
    scene.change(Change::ConstraintAdded {
        table: id,
        constraint: added,
        using_index: true,
        new_columns: false,
        with_table: false,
    });
}

fn exclude(scene: &mut Scene<'_>, target: Target, constraint: &NewConstraint) {
    let id = target.id;
    let Some((added, index)) = exclusion(scene, id, constraint) else { return };
    let partitioned = scene.catalog.get(id).is_some_and(|table| table.kind == RelationKind::Partitioned);
    let family = if partitioned { scene.reached(id, target.only) } else { vec![id] };
    lock_for_index(scene, target, &family);
    let cause = Cause::AddExclusion { constraint: added.name.clone() };
    give(scene, &family, &added, &index, &cause);
    record(scene, id, added, Place::Table);
}

/// The constraint and the index of EXCLUDE.
pub(super) fn exclusion(
    scene: &Scene<'_>,
    id: RelId,
    constraint: &NewConstraint,
) -> Option<(Constraint, Index)> {
    let NewConstraintKind::Exclude { method, elements, predicate } = &constraint.kind else { return None };
    let keys: Vec<IndexKey> = elements.iter().map(|(element, _)| super::index::key(element)).collect();
    let table = scene.catalog.get(id)?.name.clone();
    let name = match &constraint.name {
        Some(name) => name.clone(),
        None => naming::index_name(scene.catalog, &table, &keys, "excl"),
    };
    let columns = keys.iter().flat_map(key_columns).collect();
    let added = Constraint {
        deferrable: constraint.deferrable,
        initially_deferred: constraint.initially_deferred,
        ..Constraint::new(&name, ConstraintKind::Exclude { columns })
    };
    let index = Index {
        keys,
        method: method.clone().unwrap_or_else(|| "btree".to_owned()),
        predicate: predicate.clone(),
        ..constraint_index(&added, &[])
    };
    Some((added, index))
}

fn key_columns(key: &IndexKey) -> Vec<String> {
    match &key.key {
        Key::Column(name) => vec![name.clone()],
        Key::Expression(expression) => {
            expression.column_paths().iter().filter_map(|path| path.last().cloned()).collect()
        }
    }
}

/// A constraint that a statement names; `None` when it is not there or not known.
fn named(scene: &mut Scene<'_>, id: RelId, name: &str) -> Option<Constraint> {
    let table = scene.catalog.get(id)?;
    let found = table.constraint(name).cloned();
    if found.is_none() {
        let shown = table.name.to_string();
        if table.partial {
            scene.out.unknown(format!("constraint {name} of {shown} is not in the catalog"));
        } else {
            scene.out.fail(format!("constraint {name} of {shown} does not exist"));
        }
    }
    found
}

pub(super) fn validate(scene: &mut Scene<'_>, target: Target, name: &str) {
    let id = target.id;
    let Some(constraint) = named(scene, id, name) else {
        if scene.is_partial(id) {
            scene.work(id, WorkKind::Scan, Cause::Validate { constraint: name.to_owned() });
        }
        return;
    };
    if constraint.valid {
        return;
    }
    let inherits = !matches!(constraint.kind, ConstraintKind::Foreign { .. });
    let family = if inherits { scene.reached(id, target.only) } else { scene.partitions(id) };
    let cause = || Cause::Validate { constraint: name.to_owned() };
    match &constraint.kind {
        ConstraintKind::Foreign { to, .. } => {
            scene.lock(*to, LockMode::RowShareLock);
            if scene.server.has(18) {
                scene.lock_all(&family, target.lock);
            }
            for member in storage(scene, id).into_iter().chain(storage(scene, *to)) {
                scene.work(member, WorkKind::Scan, cause());
            }
        }
        _ => {
            scene.lock_all(&family, target.lock);
            for member in &family {
                let validated = |table: &Relation| table.constraint(name).is_some_and(|c| c.valid);
                if !scene.catalog.get(*member).is_some_and(validated) {
                    scene.work(*member, WorkKind::Scan, cause());
                }
            }
        }
    }
    for member in family {
        scene.catalog.change(member, |table| {
            if let Some(found) = table.constraints.iter_mut().find(|found| found.name == name) {
                found.valid = true;
                if let ConstraintKind::NotNull { column } = found.kind.clone()
                    && let Some(column) = table.column_mut(&column)
                {
                    column.not_null = true;
                }
            }
        });
    }
    scene.change(Change::ConstraintValidated { table: id, constraint: name.to_owned() });
}

pub(super) fn alter(scene: &mut Scene<'_>, target: Target, action: &AlterAction) {
    let AlterAction::AlterConstraint { name, enforced, deferrable, inherit } = action else { return };
    let id = target.id;
    if enforced.is_some() || inherit.is_some() {
        scene.needs(18, "ALTER CONSTRAINT … ENFORCED");
    }
    let Some(constraint) = named(scene, id, name) else { return };
    if let ConstraintKind::Foreign { to, .. } = constraint.kind {
        if deferrable.is_some() {
            let partitions = scene.partitions(id);
            scene.lock_all(&partitions, target.lock);
        }
        if let Some(enforce) = enforced.filter(|enforced| *enforced != constraint.enforced) {
            scene.lock(
                to,
                if enforce { LockMode::ShareRowExclusiveLock } else { LockMode::AccessExclusiveLock },
            );
            if enforce {
                for member in storage(scene, id).into_iter().chain(storage(scene, to)) {
                    scene.work(member, WorkKind::Scan, Cause::Enforce { constraint: name.clone() });
                }
            }
        }
    } else if deferrable.is_some() {
        let shown = scene.shown(id);
        scene.out.fail(format!("constraint {name} of {shown} is not a foreign key"));
        return;
    }
    scene.catalog.change(id, |table| {
        if let Some(found) = table.constraints.iter_mut().find(|found| found.name == *name) {
            if let Some(enforced) = enforced {
                found.enforced = *enforced;
                found.valid = *enforced;
            }
            found.deferrable = deferrable.unwrap_or(found.deferrable);
        }
    });
    scene.change(Change::ConstraintAltered { table: id, constraint, enforced: *enforced });
}

pub(super) fn drop(scene: &mut Scene<'_>, target: Target, name: &str, if_exists: bool, cascade: bool) {
    let id = target.id;
    if if_exists && scene.catalog.get(id).is_some_and(|t| t.constraint(name).is_none() && !t.partial) {
        let name = format!("{}.{name}", scene.shown(id));
        let object = ObjectRef { kind: ObjectKind::TableConstraint, name, relation: Some(id) };
        scene.change(Change::NothingToDo { object, differs: false });
        return;
    }
    let Some(constraint) = named(scene, id, name) else { return };
    if constraint.inherited {
        let shown = scene.shown(id);
        scene.out.fail(format!("constraint {name} of {shown} comes from its parent"));
        return;
    }
    let inherits = match &constraint.kind {
        ConstraintKind::Check(check) => !check.no_inherit,
        _ => scene.catalog.get(id).is_some_and(|table| table.kind == RelationKind::Partitioned),
    };
    let family = scene.reached(id, target.only || !inherits);
    scene.lock_all(&family, target.lock);
    foreign_key::lock_referenced(scene, &constraint);
    drop_column::forget_constraint(scene, &family, &constraint, cascade);
    scene.change(Change::ConstraintDropped { table: id, constraint, implied: false });
}
