//! Types and functions.

use serde::{Deserialize, Serialize};

use super::{Check, DataType, Name};
use crate::syntax::Expr;

/// A type that is no relation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypeDefinition {
    /// Its labels, in order.
    Enum(Vec<String>),
    /// A domain.
    Domain(Domain),
    /// A range over that type.
    Range {
        /// Over what, when known.
        subtype: Option<DataType>,
    },
    /// A type in C, of an extension for instance.
    Base,
}

/// A domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// What it is a domain over; itself perhaps a domain.
    pub base: DataType,
    /// NOT NULL.
    #[serde(default)]
    pub not_null: bool,
    /// DEFAULT.
    #[serde(default)]
    pub default: Option<Expr>,
    /// CHECKs by name, each with whether it is valid.
    #[serde(default)]
    pub checks: Vec<(String, Check, bool)>,
    /// Other than the base's.
    #[serde(default)]
    pub collation: Option<String>,
}

/// A function or procedure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Types of the arguments that callers pass, as [`DataType`] writes them.
    pub arguments: Vec<String>,
    /// How many of them have defaults.
    #[serde(default)]
    pub defaults: usize,
    /// Whether the last argument may be given any number of times.
    #[serde(default)]
    pub variadic: bool,
    /// How its result depends on anything but its arguments.
    pub volatility: Volatility,
    /// As in `plpgsql`.
    pub language: String,
    /// Whether it is a procedure.
    #[serde(default)]
    pub procedure: bool,
    /// The type of its result, as [`DataType`] writes it.
    #[serde(default)]
    pub returns: Option<String>,
    /// SHA-256 (hex) or any other digest of its body, so that a changed one is told from the same;
    /// `None` when not known.
    #[serde(default)]
    pub body: Option<String>,
    /// Relations and functions that a body in SQL refers to, by name.
    #[serde(default)]
    pub uses: Vec<String>,
    /// Whether it is in SQL, not strict, and nothing but one SELECT without a table that calls nothing
    /// volatile: then a call is replaced by what it computes, whatever its volatility says.
    #[serde(default)]
    pub steady_body: bool,
}

impl Function {
    /// Its name with the types of its arguments.
    pub fn signature(&self, name: &Name) -> String {
        format!("{name}({})", self.arguments.join(", "))
    }
}

/// How the result of a function depends on anything but its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Volatility {
    /// It does not.
    Immutable,
    /// It is the same within a statement.
    Stable,
    /// It may differ from row to row.
    Volatile,
}
