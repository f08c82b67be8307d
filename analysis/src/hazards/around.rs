//! The statements around one, found by the names that they speak of: a script of ten thousand statements
//! is not gone through for each of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::RelId;
use crate::simulate::Change;
use crate::syntax::{AlterAction, Ast, GrantTarget};

/// For each bare name, the places of the statements that make, change, rename or drop it.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    by_name: BTreeMap<String, Vec<usize>>,
}

impl Ahead {
    pub(crate) fn new(asts: &[Ast]) -> Self {
        let mut ahead = Self::default();
        for (place, ast) in asts.iter().enumerate() {
            for name in named_by(ast) {
                let places = ahead.by_name.entry(name.to_owned()).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        ahead
    }

    /// The places behind `place` of statements that speak of a bare name, in order.
    pub(crate) fn after(&self, place: usize, name: &str) -> &[usize] {
        let places = self.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        places.get(places.partition_point(|other| *other <= place)..).unwrap_or_default()
    }
}

/// The bare names of what a statement makes, changes, renames or drops.
fn named_by(ast: &Ast) -> Vec<&str> {
    match ast {
        Ast::CreateTable(s) => vec![&s.name.name],
        Ast::CreateTableAs(s) => vec![&s.name.name],
        Ast::AlterTable(s) => {
            let attached = s.actions.iter().filter_map(|action| match action {
                AlterAction::AttachPartition { partition, .. } => Some(partition.name.as_str()),
                _ => None,
            });
            attached.chain([s.relation.name.as_str()]).collect()
        }
        Ast::CreateIndex(s) => s.name.iter().map(String::as_str).chain([s.table.name.as_str()]).collect(),
        Ast::CreateView(s) => vec![&s.name.name],
        Ast::CreateTrigger(s) => vec![&s.table.name, &s.function.name],
        Ast::CreatePolicy(s) => vec![&s.table.name],
        Ast::CreateRoutine(s) => vec![&s.name.name],
        Ast::CreateSequence(s) => vec![&s.name.name],
        Ast::CreateType(s) => vec![&s.name.name],
        Ast::CreateDomain(s) => vec![&s.name.name],
        Ast::CreateSchema(s) => s.name.iter().chain(&s.authorization).map(String::as_str).collect(),
        Ast::CreateExtension(s) => vec![&s.name],
        Ast::Drop(s) => s.names.iter().map(|named| named.name.name.as_str()).collect(),
        Ast::Rename(s) => vec![&s.name.name.name, &s.to],
        Ast::SetSchema(s) => vec![&s.name.name.name],
        Ast::Grant(s) => match &s.target {
            GrantTarget::Relations(names) => names.iter().map(|name| name.name.as_str()).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// What the statements before one have made.
#[derive(Debug, Default)]
pub(crate) struct Behind {
    /// Full names of everything that was created, whatever its kind.
    pub(crate) made: BTreeSet<String>,
    /// Columns that were added, by table.
    pub(crate) columns: BTreeMap<RelId, BTreeSet<String>>,
    /// The places among all changes of those of a table's constraints and indexes.
    demands: BTreeMap<RelId, Vec<usize>>,
    /// How many changes there were.
    changes: usize,
}

impl Behind {
    /// Takes what one more statement has changed.
    pub(crate) fn take(&mut self, changes: &[Change]) {
        for (place, change) in (self.changes..).zip(changes) {
            match change {
                Change::Created(object) => {
                    self.made.insert(object.name.clone());
                }
                Change::ColumnAdded { table, column, .. } => {
                    self.columns.entry(*table).or_default().insert(column.name.clone());
                }
                Change::ConstraintAdded { table, .. }
                | Change::ConstraintDropped { table, .. }
                | Change::IndexCreated { table, .. } => {
                    self.demands.entry(*table).or_default().push(place);
                }
                _ => {}
            }
        }
        self.changes += changes.len();
    }

    /// The places among all changes of those that made or took away constraints of a table, or made
    /// indexes of it.
    pub(crate) fn demands(&self, table: RelId) -> &[usize] {
        self.demands.get(&table).map(Vec::as_slice).unwrap_or_default()
    }
}
