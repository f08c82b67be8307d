//! Statements about rows, and maintenance.

use super::{Expr, QName, Query};

/// SELECT, INSERT, UPDATE, DELETE, MERGE, with everything that WITH clauses write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dml {
    pub(crate) writes: Vec<Write>,
    /// All that is read and called, anywhere in the statement.
    pub(crate) reads: Query,
    /// SELECT … INTO a new table is [`super::Ast::CreateTableAs`] instead.
    pub(crate) for_update: bool,
}

/// One write to one table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Write {
    pub(crate) table: QName,
    pub(crate) kind: WriteKind,
    /// UPDATE or DELETE without WHERE.
    pub(crate) every_row: bool,
    /// Columns that INSERT or UPDATE names.
    pub(crate) columns: Vec<String>,
    /// WHERE, of the write itself.
    pub(crate) condition: Option<Expr>,
    /// INSERT: rows come from VALUES of constants rather than from a query over tables.
    pub(crate) values_only: bool,
    /// INSERT … ON CONFLICT DO UPDATE.
    pub(crate) upsert: bool,
    /// A column that one list of assignments (or of INSERT's columns) names twice.
    pub(crate) repeated: Option<String>,
}

/// The ways to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WriteKind {
    Insert,
    Update,
    Delete,
    Merge,
}

/// TRUNCATE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Truncate {
    /// Each with whether ONLY was written.
    pub(crate) tables: Vec<(QName, bool)>,
    pub(crate) cascade: bool,
    pub(crate) restart_identity: bool,
}

/// LOCK TABLE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LockTable {
    pub(crate) tables: Vec<(QName, bool)>,
    /// As the grammar has it: 1 is ACCESS SHARE, 8 is ACCESS EXCLUSIVE.
    pub(crate) mode: i32,
    pub(crate) nowait: bool,
}

/// VACUUM and ANALYZE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Vacuum {
    pub(crate) vacuum: bool,
    pub(crate) full: bool,
    pub(crate) analyze: bool,
    /// Empty: every table.
    pub(crate) tables: Vec<QName>,
}

/// COPY between a table or query and a file or program.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Copy {
    pub(crate) table: Option<QName>,
    pub(crate) from: bool,
    pub(crate) query: Option<Query>,
}
