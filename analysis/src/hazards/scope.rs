//! Questions that several rules ask about the script around a statement.

use super::Context;
use crate::catalog::{Column, Index, Key, Name, Persistence, RelId, Relation, RelationKind};
use crate::simulate::{Change, ObjectRef};
use crate::syntax::{
    AlterAction, Ast, ColumnDefinition, Dml, NewConstraintKind, ObjectKind, QName, SettingScope, TypeName,
};

impl<'a> Context<'a> {
    /// A relation as it was before the statement.
    pub(crate) fn was(&self, id: RelId) -> Option<&'a Relation> {
        self.past.get(&id).map(std::sync::Arc::as_ref).or_else(|| self.after.get(id))
    }

    /// Whether a relation was there before the script and outlives the session.
    pub(crate) fn is_old(&self, id: RelId) -> bool {
        self.exists(id) && self.was(id).is_none_or(|relation| relation.persistence != Persistence::Temporary)
    }

    /// The name of a relation before the statement.
    pub(crate) fn old_name(&self, id: RelId) -> String {
        self.was(id).map_or_else(|| self.name(id), |relation| relation.name.to_string())
    }

    /// The same for a column of it.
    pub(crate) fn old_column(&self, table: RelId, column: &str) -> String {
        format!("{}.{column}", self.old_name(table))
    }

    /// A column as it was before the statement.
    pub(crate) fn column_before(&self, table: RelId, column: &str) -> Option<&'a Column> {
        self.was(table)?.column(column)
    }

    /// Whether the script added a column, before this statement or in it.
    pub(crate) fn is_new_column(&self, table: RelId, column: &str) -> bool {
        self.behind.columns.get(&table).is_some_and(|columns| columns.contains(column))
            || self.changes().any(|change| {
                matches!(change, Change::ColumnAdded { table: of, column: added, .. }
                    if *of == table && added.name == column)
            })
    }

    /// Whether a column was there before the script, in a relation that was.
    pub(crate) fn is_old_column(&self, table: RelId, column: &str) -> bool {
        self.is_old(table) && !self.is_new_column(table, column)
    }

    /// What the script has changed of a table's constraints before this statement, and which indexes it
    /// has made.
    pub(crate) fn earlier_demands(&self, table: RelId) -> impl Iterator<Item = &'a Change> {
        self.behind.demands(table).iter().filter_map(|place| self.earlier.get(*place))
    }

    /// The same, and everything that this statement changes.
    pub(crate) fn demands_so_far(&self, table: RelId) -> impl Iterator<Item = &'a Change> {
        self.earlier_demands(table).chain(&self.effects.changes)
    }

    /// Whether an object was there before the script.
    pub(crate) fn is_old_object(&self, object: &ObjectRef) -> bool {
        if let Some(id) = object.relation {
            return self.is_old(id);
        }
        // Some changes name functions and types as the statement does.
        let full = format!("{}.{}", crate::catalog::quoted(&self.after.creation_schema()), object.name);
        if !self.behind.made.contains(&object.name) && !self.behind.made.contains(&full) {
            return true;
        }
        !self.earlier.iter().any(|change| {
            matches!(change, Change::Created(made)
                if (made.name == object.name || made.name == full)
                    && family(made.kind) == family(object.kind))
        })
    }

    /// Whether what has the name is something else than the statement speaks of.
    pub(crate) fn has_other_kind(&self, object: &ObjectRef) -> bool {
        let Some(kind) = object.relation.and_then(|id| self.was(id)).map(|relation| relation.kind) else {
            return false;
        };
        match object.kind {
            ObjectKind::Table => {
                !matches!(kind, RelationKind::Table | RelationKind::Partitioned | RelationKind::Foreign)
            }
            ObjectKind::MaterializedView => kind != RelationKind::MaterializedView,
            ObjectKind::Sequence => kind != RelationKind::Sequence,
            _ => false,
        }
    }

    /// Whether the script made a type, function or schema of that name.
    pub(crate) fn is_made(&self, kind: ObjectKind, name: &str) -> bool {
        !self.is_old_object(&ObjectRef { kind, name: name.to_owned(), relation: None })
    }

    /// Whether a later statement of the script makes an object of that name.
    pub(crate) fn is_made_later(&self, kind: ObjectKind, name: &str) -> bool {
        self.following(name).into_iter().any(|ast| {
            made_by(ast).is_some_and(|(made, named)| {
                let full = self.after.new_name(named);
                family(made) == family(kind) && (full.to_string() == name || full.name == name)
            })
        })
    }

    /// Whether a later statement makes a view of that name that has all these columns.
    pub(crate) fn has_later_view(&self, name: &str, columns: &[Column]) -> bool {
        self.following(name).into_iter().any(|ast| {
            let Ast::CreateView(view) = ast else { return false };
            if self.after.new_name(&view.name).to_string() != name {
                return false;
            }
            let star = view.query.outputs.iter().any(|(_, output)| {
                matches!(output, crate::syntax::Expr::Column(path) if path.last().is_some_and(|last| last == "*"))
            });
            let named = |column: &Column| {
                view.columns.contains(&column.name)
                    || view.query.outputs.iter().any(|(name, output)| match (name, output) {
                        (Some(name), _) => *name == column.name,
                        (None, crate::syntax::Expr::Column(path)) => path.last() == Some(&column.name),
                        (None, _) => false,
                    })
            };
            star || columns.iter().all(named)
        })
    }

    /// Actions of later statements on a table.
    pub(crate) fn later_actions(&self, table: RelId) -> impl Iterator<Item = &'a AlterAction> {
        let name = self.after.get(table).map(|relation| relation.name.clone());
        let after = self.after;
        let bare = self.after.get(table).map(|relation| relation.name.name.clone()).unwrap_or_default();
        self.following(&bare)
            .into_iter()
            .filter_map(|ast| match ast {
                Ast::AlterTable(alter) => Some(alter),
                _ => None,
            })
            .filter(move |alter| Some(after.full_name(&alter.relation)) == name)
            .flat_map(|alter| &alter.actions)
    }

    /// Actions of this statement and later ones on a table.
    pub(crate) fn actions_from_here(&self, table: RelId) -> impl Iterator<Item = &'a AlterAction> {
        self.actions().iter().chain(self.later_actions(table))
    }

    /// What this statement alters.
    pub(crate) fn actions(&self) -> &'a [AlterAction] {
        match self.ast {
            Ast::AlterTable(alter) => &alter.actions,
            _ => &[],
        }
    }

    /// Whether a later statement drops something of that kind and name.
    pub(crate) fn is_dropped_later(&self, kind: ObjectKind, name: &Name) -> bool {
        self.following(&name.name).into_iter().any(|ast| {
            matches!(ast, Ast::Drop(drop) if family(drop.kind) == family(kind)
                && drop.names.iter().any(|named| self.after.new_name(&named.name) == *name))
        })
    }

    /// The writes and reads that the statement runs, if it is about rows.
    pub(crate) fn dml(&self) -> Option<&'a Dml> {
        match self.ast {
            Ast::Dml(dml) => Some(dml),
            Ast::Explain { analyze: true, inner } => match inner.as_ref() {
                Ast::Dml(dml) => Some(dml),
                _ => None,
            },
            _ => None,
        }
    }

    /// A table that was there before the script, by the name that the statement writes.
    pub(crate) fn old_table(&self, name: &QName) -> Option<RelId> {
        self.after.relation(name).found().filter(|id| self.is_old(*id))
    }

    /// Columns that the statement defines, each with its relation's name: of a new table, or added.
    pub(crate) fn new_columns(&self) -> Vec<(String, &'a ColumnDefinition)> {
        match self.ast {
            Ast::CreateTable(create) if self.has_made(ObjectKind::Table) => {
                let name = self.made_name(&create.name, create.temporary);
                create.columns.iter().map(|column| (name.clone(), column)).collect()
            }
            Ast::AlterTable(alter) => {
                let added = alter.actions.iter().filter_map(|action| match action {
                    AlterAction::AddColumn { column, .. } => Some(column),
                    _ => None,
                });
                let made = added.filter(|column| {
                    self.changes().any(|change| {
                        matches!(change, Change::ColumnAdded { column: made, .. } if made.name == column.name)
                    })
                });
                made.map(|column| (self.after.full_name(&alter.relation).to_string(), column)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The full name of what the statement has made.
    pub(crate) fn made_name(&self, name: &QName, temporary: bool) -> String {
        if temporary {
            return Name::new("pg_temp", &name.name).to_string();
        }
        self.after.new_name(name).to_string()
    }

    /// Whether the statement made a relation of that kind.
    pub(crate) fn has_made(&self, kind: ObjectKind) -> bool {
        self.changes().any(|change| matches!(change, Change::Created(made) if made.kind == kind))
    }

    /// Types that columns get here: of new columns and of changed ones, by the column's full name.
    pub(crate) fn new_types(&self) -> Vec<(String, &'a TypeName)> {
        let mut found: Vec<(String, &TypeName)> = self
            .new_columns()
            .into_iter()
            .filter_map(|(table, column)| {
                Some((format!("{table}.{}", column.name), column.data_type.as_ref()?))
            })
            .collect();
        if let Ast::AlterTable(alter) = self.ast {
            found.extend(alter.actions.iter().filter_map(|action| match action {
                AlterAction::AlterType { column, to, .. } => {
                    Some((format!("{}.{column}", self.after.full_name(&alter.relation)), to))
                }
                _ => None,
            }));
        }
        found
    }

    /// Whether a type, or the element of an array, is PostgreSQL's own of one of these names.
    pub(crate) fn is_own_type(&self, written: &TypeName, names: &[&str]) -> bool {
        !written.percent_type
            && names.contains(&written.name.name.as_str())
            && self.after.data_type(written).schema.as_deref() == Some("pg_catalog")
    }

    /// Whether an earlier statement of the script made that index.
    pub(crate) fn is_new_index(&self, table: RelId, index: &str) -> bool {
        self.earlier_demands(table).any(|change| match change {
            Change::IndexCreated { table: of, index: made, .. } => *of == table && made.name == index,
            Change::ConstraintAdded { table: of, constraint, .. } => *of == table && constraint.name == index,
            _ => false,
        })
    }

    /// Whether the script holds a statement that cannot run in a transaction.
    pub(crate) fn leaves_transactions(&self) -> bool {
        self.before.iter().chain(self.rest).any(super::alone::runs_alone)
    }

    /// The setting that the statement changes for the rest of the session.
    pub(crate) fn session_setting(&self) -> Option<&'a str> {
        match self.ast {
            Ast::Setting(setting) if setting.scope == SettingScope::Session => Some(&setting.name),
            _ => None,
        }
    }
}

/// Kinds whose names stand in each other's way, or that one statement speaks of under several names.
const fn family(kind: ObjectKind) -> ObjectKind {
    match kind {
        ObjectKind::Procedure | ObjectKind::Routine | ObjectKind::Aggregate => ObjectKind::Function,
        ObjectKind::Domain => ObjectKind::Type,
        ObjectKind::ForeignTable => ObjectKind::Table,
        other => other,
    }
}

/// The object that a statement makes.
pub(super) fn made_by(ast: &Ast) -> Option<(ObjectKind, &QName)> {
    Some(match ast {
        Ast::CreateTable(made) => (ObjectKind::Table, &made.name),
        Ast::CreateTableAs(made) if made.materialized_view => (ObjectKind::MaterializedView, &made.name),
        Ast::CreateTableAs(made) => (ObjectKind::Table, &made.name),
        Ast::CreateView(made) => (ObjectKind::View, &made.name),
        Ast::CreateSequence(made) => (ObjectKind::Sequence, &made.name),
        Ast::CreateType(made) => (ObjectKind::Type, &made.name),
        Ast::CreateDomain(made) => (ObjectKind::Type, &made.name),
        Ast::CreateRoutine(made) => (ObjectKind::Function, &made.name),
        _ => return None,
    })
}

/// The columns of a key that an action adds to a table, if it adds one: whether it is a primary key.
pub(super) fn added_key(action: &AlterAction) -> Option<(bool, &[String])> {
    let AlterAction::AddConstraint(constraint) = action else { return None };
    match &constraint.kind {
        NewConstraintKind::PrimaryKey { columns, .. } => Some((true, columns)),
        NewConstraintKind::Unique { columns, .. } => Some((false, columns)),
        _ => None,
    }
}

/// Whether two lists name the same columns.
pub(super) fn same_columns(a: &[String], b: &[String]) -> bool {
    a.iter().all(|column| b.contains(column)) && b.iter().all(|column| a.contains(column))
}

/// The column that an index starts with.
pub(super) fn leading(index: &Index) -> Option<&str> {
    match &index.keys.first()?.key {
        Key::Column(name) => Some(name),
        Key::Expression(_) => None,
    }
}

/// In words, for messages: `a`, `a and b`, `a, b and 2 more`.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, two, more @ ..] => format!("{one}, {two} and {} more", more.len()),
    }
}

/// Whether a relation is a table that holds rows.
pub(super) const fn is_table(relation: &Relation) -> bool {
    matches!(relation.kind, RelationKind::Table | RelationKind::Partitioned | RelationKind::Foreign)
}
