//! What reading a script gives: its statements and what each of them is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Position, Risk, StatementKind};

/// The statements of one migration, in order, without the BEGIN and COMMIT around them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Never empty.
    pub statements: Vec<Statement>,
}

/// One statement, as far as its own text tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The statement as it is in the file, without the comments around it and without the `;`.
    pub text: String,
    /// Where it starts in the file.
    pub position: Position,
    /// What it does.
    pub kind: StatementKind,
    /// The names that it is about, with their schema where one was written, quoted where SQL
    /// needs quotes. What a trigger, policy, rule or index belongs to follows its name.
    pub objects: Vec<String>,
    /// Whether it can run inside a transaction.
    pub transactional: Transactional,
    /// What is gone after it.
    pub destroys: Vec<Destroyed>,
    /// How risky it is when nothing is known about the database.
    pub risk: Risk,
    /// What makes it so, weightiest first. Never empty.
    pub reasons: Vec<String>,
    /// What could not be looked into, as in `not analysed: DO block`. Such a statement is never low.
    pub not_analysed: Option<String>,
}

/// Whether a statement can run inside a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transactional {
    /// It can, and can be rolled back with it.
    Inside,
    /// The server refuses it there.
    Never {
        /// Which part of it the server refuses, as in `CREATE INDEX CONCURRENTLY`.
        why: String,
    },
}

/// Something that a statement destroys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Destroyed {
    /// A table with its rows.
    Table(String),
    /// A column with its values.
    Column {
        /// The table that it belongs to.
        table: String,
        /// Its name.
        column: String,
    },
    /// An index.
    Index(String),
    /// Rows of a table that stays.
    Rows(String),
    /// Anything else.
    Other {
        /// What it is, in words: `view`, `materialized view`, `schema`.
        kind: String,
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Destroyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(f, "table {name}"),
            Self::Column { table, column } => write!(f, "column {table}.{column}"),
            Self::Index(name) => write!(f, "index {name}"),
            Self::Rows(table) => write!(f, "rows of {table}"),
            Self::Other { kind, name } => write!(f, "{kind} {name}"),
        }
    }
}
