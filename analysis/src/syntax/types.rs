//! Names and types, as a statement writes them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name, with its schema if one was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QName {
    /// The schema, if written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The name itself.
    pub name: String,
}

impl QName {
    /// A name without a schema.
    pub fn bare(name: &str) -> Self {
        Self { schema: None, name: name.to_owned() }
    }

    /// From its parts as written, the last of which is the name (`a`, `s.a`, `database.s.a`).
    pub fn from_parts(parts: &[String]) -> Self {
        let name = parts.last().cloned().unwrap_or_default();
        let schema = parts.len().checked_sub(2).and_then(|at| parts.get(at)).cloned();
        Self { schema, name }
    }
}

impl fmt::Display for QName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A type, as a statement writes it. PostgreSQL's own keyword types are already under their names
/// in `pg_catalog` (`int` is `pg_catalog.int4`, `varchar(10)` is `pg_catalog.varchar` with one
/// modifier, `timestamp with time zone` is `pg_catalog.timestamptz`, `serial` stays bare `serial`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TypeName {
    /// Its name.
    pub name: QName,
    /// Its modifiers, as in `numeric(10, 2)`; what is not a whole number is left out. For `interval`
    /// the first is the mask of fields and the second the precision, as the grammar has it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<i32>,
    /// Whether it is an array; dimensions mean nothing to PostgreSQL.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub array: bool,
    /// SETOF, in a function's result.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub set_of: bool,
    /// `table.column%TYPE`; then `name` is that of the column.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub percent_type: bool,
}

impl TypeName {
    /// A plain type without modifiers.
    pub fn plain(schema: Option<&str>, name: &str) -> Self {
        Self {
            name: QName { schema: schema.map(str::to_owned), name: name.to_owned() },
            modifiers: Vec::new(),
            array: false,
            set_of: false,
            percent_type: false,
        }
    }
}
