//! Constraints and indexes of a table.

use serde::{Deserialize, Serialize};

use super::RelId;
use crate::syntax::{Expr, FkAction};

/// A constraint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Constraint {
    /// Its name.
    pub name: String,
    /// What it demands.
    pub kind: ConstraintKind,
    /// Whether every row has been checked.
    #[serde(default = "yes")]
    pub valid: bool,
    /// Whether it counts at all (PostgreSQL 18).
    #[serde(default = "yes")]
    pub enforced: bool,
    /// DEFERRABLE.
    #[serde(default)]
    pub deferrable: bool,
    /// INITIALLY DEFERRED.
    #[serde(default)]
    pub initially_deferred: bool,
    /// Whether it comes from a parent.
    #[serde(default)]
    pub inherited: bool,
}

const fn yes() -> bool {
    true
}

impl Constraint {
    /// One that is valid, enforced and not deferrable.
    pub fn new(name: &str, kind: ConstraintKind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            valid: true,
            enforced: true,
            deferrable: false,
            initially_deferred: false,
            inherited: false,
        }
    }

    /// The columns of its table that it is about.
    pub fn columns(&self) -> Vec<String> {
        match &self.kind {
            ConstraintKind::Check(check) => {
                check.expression.column_paths().iter().filter_map(|path| path.last().cloned()).collect()
            }
            ConstraintKind::NotNull { column } => vec![column.clone()],
            ConstraintKind::Primary { columns }
            | ConstraintKind::Unique { columns, .. }
            | ConstraintKind::Exclude { columns }
            | ConstraintKind::Foreign { columns, .. } => columns.clone(),
        }
    }
}

/// What a constraint demands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintKind {
    /// CHECK.
    Check(Check),
    /// NOT NULL under a name of its own (PostgreSQL 18). [`super::Column::not_null`] says it too.
    NotNull {
        /// Of which column.
        column: String,
    },
    /// PRIMARY KEY; the index has the same name.
    Primary {
        /// Of which columns.
        columns: Vec<String>,
    },
    /// UNIQUE; the index has the same name.
    Unique {
        /// Of which columns.
        columns: Vec<String>,
        /// NULLS NOT DISTINCT.
        #[serde(default)]
        nulls_not_distinct: bool,
    },
    /// FOREIGN KEY.
    Foreign {
        /// The columns of this table.
        columns: Vec<String>,
        /// The table that is referred to.
        to: RelId,
        /// Its columns.
        to_columns: Vec<String>,
        /// ON DELETE.
        on_delete: FkAction,
        /// ON UPDATE.
        on_update: FkAction,
    },
    /// EXCLUDE; the index has the same name.
    Exclude {
        /// The plain columns among its elements, and those of its expressions.
        columns: Vec<String>,
    },
}

/// CHECK.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What must be true.
    pub expression: Expr,
    /// NO INHERIT.
    #[serde(default)]
    pub no_inherit: bool,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Its name, in the schema of its table.
    pub name: String,
    /// UNIQUE.
    #[serde(default)]
    pub unique: bool,
    /// Whether it belongs to a constraint of the same name.
    #[serde(default)]
    pub constraint: bool,
    /// `btree`, `gin`, …
    pub method: String,
    /// In order.
    pub keys: Vec<IndexKey>,
    /// INCLUDE.
    #[serde(default)]
    pub include: Vec<String>,
    /// WHERE.
    #[serde(default)]
    pub predicate: Option<Expr>,
    /// NULLS NOT DISTINCT.
    #[serde(default)]
    pub nulls_not_distinct: bool,
    /// Whether queries may use it; one that was left by a failed CONCURRENTLY is not. An index ON ONLY
    /// a partitioned table is not until every partition has its part.
    #[serde(default = "yes")]
    pub valid: bool,
    /// The index of the partitioned parent that it is a part of.
    #[serde(default)]
    pub part_of: Option<(RelId, String)>,
    /// Absent: the database's.
    #[serde(default)]
    pub tablespace: Option<String>,
    /// CLUSTER ON.
    #[serde(default)]
    pub clustered: bool,
}

impl Index {
    /// Every column of its table that it refers to.
    pub fn columns(&self) -> Vec<String> {
        let mut found: Vec<String> = self.keys.iter().flat_map(IndexKey::columns).collect();
        found.extend(self.include.iter().cloned());
        if let Some(predicate) = &self.predicate {
            found.extend(predicate.column_paths().iter().filter_map(|path| path.last().cloned()));
        }
        found
    }

    /// Its keys, if all of them are plain columns.
    pub fn plain_columns(&self) -> Option<Vec<&str>> {
        self.keys
            .iter()
            .map(|key| match &key.key {
                Key::Column(name) => Some(name.as_str()),
                Key::Expression(_) => None,
            })
            .collect()
    }
}

/// A key of an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexKey {
    /// By what.
    pub key: Key,
    /// Other than the column's.
    #[serde(default)]
    pub collation: Option<String>,
    /// Other than the type's default.
    #[serde(default)]
    pub operator_class: Option<String>,
    /// DESC.
    #[serde(default)]
    pub descending: bool,
    /// NULLS FIRST of an ascending key, NULLS LAST of a descending one.
    #[serde(default)]
    pub nulls_swapped: bool,
}

impl IndexKey {
    /// A plain column.
    pub fn column(name: &str) -> Self {
        Self::of(Key::Column(name.to_owned()))
    }

    /// With nothing but the defaults.
    pub const fn of(key: Key) -> Self {
        Self { key, collation: None, operator_class: None, descending: false, nulls_swapped: false }
    }

    fn columns(&self) -> Vec<String> {
        match &self.key {
            Key::Column(name) => vec![name.clone()],
            Key::Expression(expression) => {
                expression.column_paths().iter().filter_map(|path| path.last().cloned()).collect()
            }
        }
    }
}

/// What an index is ordered by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// A column.
    Column(String),
    /// An expression.
    Expression(Expr),
}
