//! CREATE INDEX and REINDEX.

use super::{Expr, QName};

/// CREATE INDEX.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateIndex {
    /// Chosen by the server when absent. In the schema of the table.
    pub(crate) name: Option<String>,
    pub(crate) table: QName,
    pub(crate) only: bool,
    pub(crate) unique: bool,
    pub(crate) concurrently: bool,
    pub(crate) if_not_exists: bool,
    pub(crate) method: String,
    pub(crate) elements: Vec<IndexElement>,
    pub(crate) include: Vec<String>,
    pub(crate) predicate: Option<Expr>,
    pub(crate) nulls_not_distinct: bool,
    pub(crate) tablespace: Option<String>,
}

/// A column or expression of an index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IndexElement {
    /// [`Expr::Column`] with one part for a column.
    pub(crate) key: Expr,
    pub(crate) collation: Option<QName>,
    pub(crate) operator_class: Option<QName>,
    pub(crate) descending: bool,
    /// NULLS FIRST, when written and not what the direction has by default.
    pub(crate) nulls_first: Option<bool>,
}

/// REINDEX.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reindex {
    pub(crate) target: ReindexTarget,
    pub(crate) concurrently: bool,
}

/// Of what.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ReindexTarget {
    Index(QName),
    Table(QName),
    Schema(String),
    /// DATABASE or SYSTEM.
    Database,
}
