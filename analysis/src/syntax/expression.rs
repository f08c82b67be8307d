//! Expressions and queries, as far as they matter: what they refer to, and simple comparisons.

use serde::{Deserialize, Serialize};

use super::{QName, TypeName};

/// How deep an [`Expr`] may be; what is deeper is cut to [`Expr::Deep`].
pub const MAX_EXPR_DEPTH: usize = 64;

/// An expression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expr {
    /// A column by its path as written (`a`, `t.a`, `s.t.a`); `*` is the last part of a star.
    Column(Vec<String>),
    /// A literal.
    Constant(Constant),
    /// A call of a function (aggregates and window functions too).
    Call {
        /// The function.
        name: QName,
        /// Its arguments.
        args: Vec<Expr>,
    },
    /// An operator, prefix or infix; `IN`, `= ANY`, `BETWEEN`, `LIKE` under the grammar's operator
    /// name with the right side as [`Expr::List`] (`IN`: `= any`, `NOT IN`: `<> all`,
    /// `BETWEEN`: `between`, and so on).
    Operator {
        /// As in `<=`.
        name: String,
        /// One or two.
        args: Vec<Expr>,
    },
    /// AND, OR, NOT.
    Bool {
        /// Which.
        op: BoolOp,
        /// What it joins; one for NOT.
        args: Vec<Expr>,
    },
    /// IS NULL or IS NOT NULL.
    IsNull {
        /// Of what.
        arg: Box<Expr>,
        /// IS NOT NULL.
        negated: bool,
    },
    /// A cast, however written.
    Cast {
        /// Of what.
        arg: Box<Expr>,
        /// To what.
        to: TypeName,
    },
    /// COLLATE.
    Collate {
        /// Of what.
        arg: Box<Expr>,
        /// Which.
        collation: QName,
    },
    /// `ARRAY[…]`, the list of `IN`, a row.
    List(Vec<Expr>),
    /// `CURRENT_TIMESTAMP`, `CURRENT_USER` and their like, in lower case.
    Value(String),
    /// A subquery.
    Query(Box<Query>),
    /// Anything else that has parts (CASE, COALESCE, indirection, …).
    Other(Vec<Expr>),
    /// What was too deep to keep: every column and function in it.
    Deep {
        /// Paths, as in [`Expr::Column`].
        columns: Vec<Vec<String>>,
        /// Names, with the number of arguments.
        calls: Vec<(QName, usize)>,
    },
}

/// AND, OR, NOT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoolOp {
    /// All of them.
    And,
    /// One of them.
    Or,
    /// The opposite of the one.
    Not,
}

/// A literal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Constant {
    /// NULL.
    Null,
    /// TRUE or FALSE.
    Bool(bool),
    /// A number as written.
    Number(String),
    /// A quoted text (of any type).
    Text(String),
    /// A bit string.
    Bits(String),
    /// `$1`.
    Parameter,
}

/// What a query reads and calls, wherever in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// The relations of every FROM and JOIN, those of subqueries and WITH clauses among them, but not
    /// the WITH clauses' own names.
    pub sources: Vec<Source>,
    /// The result columns of the outermost SELECT (of the first branch of a UNION), each with its
    /// name if it has one; a star is `Expr::Column` ending in `*`.
    pub outputs: Vec<(Option<String>, Expr)>,
    /// Every column path anywhere in it (a star ends in `*`).
    pub columns: Vec<Vec<String>>,
    /// Every function that is called, with the number of arguments.
    pub calls: Vec<(QName, usize)>,
    /// The sequences that `nextval` and `setval` are called with, as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<String>,
    /// FOR UPDATE and its relatives are in it.
    pub locking: bool,
    /// It is LIMIT 0, VALUES only, or has no FROM: it reads no table.
    pub limit_zero: bool,
}

/// A relation in a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The relation.
    pub relation: QName,
    /// The name that the query gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// FROM ONLY.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only: bool,
}

impl Expr {
    /// Calls `visit` with this expression and every part of it, subqueries not entered.
    pub fn each(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        match self {
            Self::Column(_) | Self::Constant(_) | Self::Value(_) | Self::Query(_) | Self::Deep { .. } => {}
            Self::Call { args, .. } | Self::Operator { args, .. } | Self::Bool { args, .. } => {
                args.iter().for_each(|arg| arg.each(visit));
            }
            Self::IsNull { arg, .. } | Self::Cast { arg, .. } | Self::Collate { arg, .. } => arg.each(visit),
            Self::List(parts) | Self::Other(parts) => parts.iter().for_each(|part| part.each(visit)),
        }
    }

    /// The same, to change it.
    pub fn each_mut(&mut self, visit: &mut dyn FnMut(&mut Self)) {
        visit(self);
        match self {
            Self::Column(_) | Self::Constant(_) | Self::Value(_) | Self::Query(_) | Self::Deep { .. } => {}
            Self::Call { args, .. } | Self::Operator { args, .. } | Self::Bool { args, .. } => {
                args.iter_mut().for_each(|arg| arg.each_mut(visit));
            }
            Self::IsNull { arg, .. } | Self::Cast { arg, .. } | Self::Collate { arg, .. } => {
                arg.each_mut(visit);
            }
            Self::List(parts) | Self::Other(parts) => {
                parts.iter_mut().for_each(|part| part.each_mut(visit));
            }
        }
    }

    /// Every column path in it, those of subqueries among them.
    pub fn column_paths(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        self.each(&mut |part| match part {
            Self::Column(path) => found.push(path.clone()),
            Self::Deep { columns, .. } => found.extend(columns.iter().cloned()),
            Self::Query(query) => found.extend(query.columns.iter().cloned()),
            Self::Constant(_)
            | Self::Call { .. }
            | Self::Operator { .. }
            | Self::Bool { .. }
            | Self::IsNull { .. }
            | Self::Cast { .. }
            | Self::Collate { .. }
            | Self::List(_)
            | Self::Value(_)
            | Self::Other(_) => {}
        });
        found
    }

    /// Every function that it calls, with the number of arguments.
    pub fn calls(&self) -> Vec<(QName, usize)> {
        let mut found = Vec::new();
        self.each(&mut |part| match part {
            Self::Call { name, args } => found.push((name.clone(), args.len())),
            Self::Deep { calls, .. } => found.extend(calls.iter().cloned()),
            Self::Query(query) => found.extend(query.calls.iter().cloned()),
            Self::Column(_)
            | Self::Constant(_)
            | Self::Operator { .. }
            | Self::Bool { .. }
            | Self::IsNull { .. }
            | Self::Cast { .. }
            | Self::Collate { .. }
            | Self::List(_)
            | Self::Value(_)
            | Self::Other(_) => {}
        });
        found
    }
}
