//! Views, functions, triggers, rules, policies, DO.

use super::{Expr, QName, Query, TypeName};

/// CREATE [OR REPLACE] VIEW.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateView {
    pub(crate) name: QName,
    pub(crate) replace: bool,
    pub(crate) temporary: bool,
    pub(crate) columns: Vec<String>,
    pub(crate) query: Query,
}

/// CREATE [OR REPLACE] FUNCTION or PROCEDURE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateRoutine {
    pub(crate) name: QName,
    pub(crate) procedure: bool,
    pub(crate) replace: bool,
    /// Types of the arguments that callers pass (IN, INOUT, VARIADIC).
    pub(crate) arguments: Vec<TypeName>,
    /// How many of them have defaults.
    pub(crate) defaults: usize,
    /// Whether the last of them is VARIADIC.
    pub(crate) variadic: bool,
    pub(crate) returns: Option<TypeName>,
    pub(crate) language: Option<String>,
    /// `i`, `s` or `v`; `v` when not written.
    pub(crate) volatility: char,
    pub(crate) strict: bool,
    pub(crate) body: RoutineBody,
}

/// What is in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RoutineBody {
    /// A text, read only when the routine is called.
    Text(String),
    /// A body in SQL that is parsed with the statement (RETURN, BEGIN ATOMIC): what it depends on.
    Parsed(Query),
    /// A symbol of a library.
    Symbol,
}

/// CREATE TRIGGER.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateTrigger {
    pub(crate) name: String,
    pub(crate) table: QName,
    pub(crate) function: QName,
    pub(crate) replace: bool,
    pub(crate) row: bool,
    pub(crate) before: bool,
    pub(crate) instead: bool,
    pub(crate) constraint: bool,
    /// `insert`, `update`, `delete`, `truncate`.
    pub(crate) events: Vec<&'static str>,
    /// UPDATE OF.
    pub(crate) columns: Vec<String>,
    pub(crate) when: Option<Expr>,
    /// FROM, of a constraint trigger.
    pub(crate) from: Option<QName>,
}

/// CREATE [OR REPLACE] RULE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateRule {
    pub(crate) name: String,
    pub(crate) table: QName,
    pub(crate) replace: bool,
    /// Everything that its condition and its actions refer to.
    pub(crate) uses: Query,
    /// The tables that its actions write to.
    pub(crate) writes: Vec<QName>,
}

/// CREATE POLICY.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreatePolicy {
    pub(crate) name: String,
    pub(crate) table: QName,
    pub(crate) using: Option<Expr>,
    pub(crate) check: Option<Expr>,
}

/// DO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DoBlock {
    /// `plpgsql` when not written.
    pub(crate) language: String,
    pub(crate) body: String,
}
