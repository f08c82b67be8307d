//! Views, materialized views, CREATE TABLE AS: what a query reads, and what it gives.

use std::collections::BTreeSet;

use super::alter;
use super::{Cause, Change, ObjectRef, Scene};
use crate::catalog::{Column, DataType, Lookup, Name, Persistence, RelId, Relation, RelationKind, ViewUse};
use crate::report::{LockMode, WorkKind};
use crate::syntax::{CreateTableAs, CreateView, Expr, ObjectKind, QName, Query, Source};

/// A source of a query that is in the catalog.
struct Read<'q> {
    id: RelId,
    source: &'q Source,
}

/// Locks what a query reads, as `mode`; `inside` also what the views in it read.
pub(super) fn lock_sources(scene: &mut Scene<'_>, query: &Query, inside: bool) {
    let mode = if query.locking { LockMode::RowShareLock } else { LockMode::AccessShareLock };
    for source in &query.sources {
        let Some(id) = source_of(scene, &source.relation, mode) else { continue };
        if inside {
            lock_inside(scene, id, source.only, mode);
        }
    }
}

/// A query may read system catalogs and functions' results, which are in no catalog of ours.
fn source_of(scene: &mut Scene<'_>, name: &QName, mode: LockMode) -> Option<RelId> {
    let system = name.schema.as_deref().is_some_and(|s| s == "pg_catalog" || s == "information_schema")
        || (name.schema.is_none() && name.name.starts_with("pg_"));
    if system && scene.catalog.find(name).is_none() {
        return None;
    }
    alter::other(scene, name, mode)
}

/// Reading locks everything below: partitions, children, the tables of views.
pub(super) fn lock_inside(scene: &mut Scene<'_>, id: RelId, only: bool, mode: LockMode) {
    let mut open = scene.reached(id, only);
    let mut seen = BTreeSet::new();
    while let Some(next) = open.pop() {
        if !seen.insert(next) {
            continue;
        }
        scene.lock(next, mode);
        let Some(relation) = scene.catalog.get(next) else { continue };
        if relation.kind == RelationKind::View {
            let read: Vec<RelId> = relation.reads.iter().map(|used| used.relation).collect();
            for id in read {
                open.extend(scene.reached(id, false));
            }
        }
    }
}

/// The relations that a query reads, each with the columns that it speaks of.
pub(super) fn uses(scene: &Scene<'_>, query: &Query) -> Vec<ViewUse> {
    let reads: Vec<Read<'_>> = query
        .sources
        .iter()
        .filter_map(|source| Some(Read { id: scene.catalog.relation(&source.relation).found()?, source }))
        .collect();
    let mut found: Vec<ViewUse> = Vec::new();
    for read in &reads {
        let columns = columns_of(scene, read, query);
        match found.iter_mut().find(|used| used.relation == read.id) {
            Some(used) => used.columns.extend(columns),
            None => found.push(ViewUse { relation: read.id, columns }),
        }
    }
    found.sort();
    found
}

fn columns_of(scene: &Scene<'_>, read: &Read<'_>, query: &Query) -> BTreeSet<String> {
    let Some(relation) = scene.catalog.get(read.id) else { return BTreeSet::new() };
    let name = read.source.alias.as_deref().unwrap_or(&read.source.relation.name);
    let mut found = BTreeSet::new();
    for path in &query.columns {
        let Some((last, before)) = path.split_last() else { continue };
        if before.last().is_some_and(|of| of != name) {
            continue;
        }
        if last == "*" {
            found.extend(relation.columns.iter().map(|column| column.name.clone()));
        } else if relation.partial || relation.column(last).is_some() {
            found.insert(last.clone());
        }
        // Who takes the row as a whole, by the name of the table, rests on no column of it.
    }
    found
}

/// The columns that a query gives.
fn outputs(scene: &Scene<'_>, query: &Query, names: &[String]) -> Vec<Column> {
    let mut found: Vec<Column> = Vec::new();
    for (name, expression) in &query.outputs {
        match expression {
            Expr::Column(path) if path.last().is_some_and(|last| last == "*") => {
                found.extend(star(scene, query, path));
            }
            other => {
                let data_type = type_of(scene, query, other);
                let name = name.clone().unwrap_or_else(|| output_name(other));
                let collation =
                    column_behind(scene, query, other).and_then(|column| column.collation.clone());
                found.push(Column { collation, ..Column::new(&name, data_type) });
            }
        }
    }
    for (column, name) in found.iter_mut().zip(names) {
        name.clone_into(&mut column.name);
    }
    found
}

fn output_name(expression: &Expr) -> String {
    match expression {
        Expr::Column(path) => path.last().cloned().unwrap_or_default(),
        Expr::Call { name, .. } => name.name.clone(),
        Expr::Cast { arg, to } => match arg.as_ref() {
            Expr::Column(_) | Expr::Call { .. } => output_name(arg),
            _ => to.name.name.clone(),
        },
        Expr::Value(name) => name.clone(),
        _ => "?column?".to_owned(),
    }
}

fn star(scene: &Scene<'_>, query: &Query, path: &[String]) -> Vec<Column> {
    let of = path.len().checked_sub(2).and_then(|at| path.get(at));
    let mut found = Vec::new();
    for source in &query.sources {
        let name = source.alias.as_deref().unwrap_or(&source.relation.name);
        if of.is_some_and(|of| of != name) {
            continue;
        }
        let Some(relation) = scene.catalog.find(&source.relation) else { continue };
        found.extend(relation.columns.iter().map(|column| Column {
            collation: column.collation.clone(),
            ..Column::new(&column.name, column.data_type.clone())
        }));
    }
    found
}

/// The column of a source that an expression is.
fn column_behind<'c>(scene: &'c Scene<'_>, query: &Query, expression: &Expr) -> Option<&'c Column> {
    let Expr::Column(path) = expression else { return None };
    let (last, before) = path.split_last()?;
    query.sources.iter().find_map(|source| {
        let name = source.alias.as_deref().unwrap_or(&source.relation.name);
        if before.last().is_some_and(|of| of != name) {
            return None;
        }
        scene.catalog.find(&source.relation)?.column(last)
    })
}

/// The type of an expression where that is plain.
fn type_of(scene: &Scene<'_>, query: &Query, expression: &Expr) -> Option<DataType> {
    use crate::syntax::Constant;
    match expression {
        Expr::Column(_) => column_behind(scene, query, expression)?.data_type.clone(),
        Expr::Cast { to, .. } => Some(scene.catalog.data_type(to)),
        Expr::Constant(Constant::Text(_)) => Some(DataType::own("text")),
        Expr::Constant(Constant::Bool(_)) | Expr::Bool { .. } | Expr::IsNull { .. } => {
            Some(DataType::own("bool"))
        }
        Expr::Constant(Constant::Number(text)) if text.parse::<i32>().is_ok() => Some(DataType::own("int4")),
        Expr::Call { name, .. } if name.name == "count" => Some(DataType::own("int8")),
        _ => None,
    }
}

fn calls(query: &Query) -> BTreeSet<String> {
    query.calls.iter().map(|(name, _)| name.name.clone()).collect()
}

pub(super) fn create(scene: &mut Scene<'_>, statement: &CreateView) {
    let name = if statement.temporary {
        Name::new("pg_temp", &statement.name.name)
    } else {
        scene.catalog.new_name(&statement.name)
    };
    lock_sources(scene, &statement.query, false);
    let present = scene.catalog.by_name(&name);
    if present.is_some() && !statement.replace {
        scene.out.fail(format!("relation {name} exists already"));
        return;
    }
    let mut view = Relation::new(name.clone(), RelationKind::View);
    view.columns = outputs(scene, &statement.query, &statement.columns);
    view.reads = uses(scene, &statement.query);
    view.calls = calls(&statement.query);
    if statement.temporary {
        view.persistence = Persistence::Temporary;
    }
    let Some(id) = present else {
        let id = scene.add(view);
        scene.created(ObjectKind::View, name.to_string(), Some(id));
        return;
    };
    scene.lock(id, LockMode::AccessExclusiveLock);
    if let Some(gone) = missing_column(scene, id, &view) {
        scene.out.fail(format!("column {gone} of view {name} cannot be dropped or renamed by OR REPLACE"));
    }
    scene.catalog.change(id, |found| {
        found.columns = view.columns;
        found.reads = view.reads;
        found.calls = view.calls;
    });
    let object = ObjectRef { kind: ObjectKind::View, name: name.to_string(), relation: Some(id) };
    scene.change(Change::Replaced(object));
}

/// OR REPLACE may only add columns at the end.
fn missing_column(scene: &Scene<'_>, id: RelId, view: &Relation) -> Option<String> {
    let present = scene.catalog.get(id)?;
    if present.partial || view.columns.is_empty() {
        return None;
    }
    let pairs = present.columns.iter().enumerate();
    pairs
        .filter(|(at, column)| view.columns.get(*at).is_none_or(|new| new.name != column.name))
        .map(|(_, column)| column.name.clone())
        .next()
}

pub(super) fn create_as(scene: &mut Scene<'_>, statement: &CreateTableAs) {
    let name = if statement.temporary {
        Name::new("pg_temp", &statement.name.name)
    } else {
        scene.catalog.new_name(&statement.name)
    };
    let kind = if statement.materialized_view { RelationKind::MaterializedView } else { RelationKind::Table };
    let object_kind =
        if statement.materialized_view { ObjectKind::MaterializedView } else { ObjectKind::Table };
    if let Some(present) = scene.catalog.by_name(&name) {
        if statement.if_not_exists {
            lock_sources(scene, &statement.query, false);
            let object = ObjectRef { kind: object_kind, name: name.to_string(), relation: Some(present) };
            scene.change(Change::NothingToDo { object, differs: false });
        } else {
            scene.out.fail(format!("relation {name} exists already"));
        }
        return;
    }
    lock_sources(scene, &statement.query, statement.with_data);
    let mut relation = Relation::new(name.clone(), kind);
    relation.columns = outputs(scene, &statement.query, &statement.columns);
    relation.persistence = if statement.temporary {
        Persistence::Temporary
    } else if statement.unlogged {
        Persistence::Unlogged
    } else {
        Persistence::Permanent
    };
    if statement.materialized_view {
        relation.reads = uses(scene, &statement.query);
        relation.calls = calls(&statement.query);
        relation.populated = statement.with_data;
    }
    let id = scene.add(relation);
    scene.created(object_kind, name.to_string(), Some(id));
}

pub(super) fn refresh(scene: &mut Scene<'_>, view: &QName, concurrently: bool, with_data: bool) {
    let Some(id) = scene.need(view, RelationKind::MaterializedView) else { return };
    let mode = if concurrently { LockMode::ExclusiveLock } else { LockMode::AccessExclusiveLock };
    scene.lock(id, mode);
    let Some(relation) = scene.catalog.get(id) else { return };
    let has_unique = relation
        .indexes
        .iter()
        .any(|i| i.unique && i.valid && i.predicate.is_none() && i.plain_columns().is_some());
    if concurrently && !has_unique && !relation.partial {
        let name = relation.name.to_string();
        scene.out.fail(format!("{name} has no unique index without a condition, which CONCURRENTLY needs"));
    }
    let read: Vec<RelId> = relation.reads.iter().map(|used| used.relation).collect();
    if with_data {
        for source in read {
            lock_inside(scene, source, false, LockMode::AccessShareLock);
        }
        if !concurrently {
            scene.work(id, WorkKind::Rewrite, Cause::Refresh { concurrently });
        }
    }
    scene.catalog.change(id, |view| view.populated = with_data);
    let name = scene.shown(id);
    if !with_data {
        scene.breaks(name.clone(), "cannot be read until it is refreshed".to_owned());
    }
    let object = ObjectRef { kind: ObjectKind::MaterializedView, name, relation: Some(id) };
    scene.change(Change::Replaced(object));
}

/// A relation by its name, for a statement that may name a table or a view.
pub(super) fn table_or_view(scene: &mut Scene<'_>, name: &QName, mode: LockMode) -> Option<RelId> {
    match scene.catalog.relation(name) {
        Lookup::Found(id) => {
            scene.lock(id, mode);
            scene.note_partial(id);
            Some(id)
        }
        Lookup::Absent | Lookup::Unknown => {
            let id = scene.need(name, RelationKind::Table)?;
            scene.lock(id, mode);
            Some(id)
        }
    }
}
