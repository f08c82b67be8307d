//! The type of a column: which, with which modifiers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Name;

/// A type with its modifiers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DataType {
    /// Its name; PostgreSQL's own are in `pg_catalog`, under their internal names (`int4`,
    /// `varchar`, `timestamptz`). `None` as schema: it is in no catalog that is known.
    pub schema: Option<String>,
    /// The name in it.
    pub name: String,
    /// `varchar(10)`: 10. `numeric(10,2)`: 10, 2 (always both). `timestamp(3)`: 3. `interval`: the
    /// mask of fields and the precision. Empty: without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<i32>,
    /// Whether it is an array of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub array: bool,
}

impl DataType {
    /// One of PostgreSQL's own, without modifiers.
    pub fn own(name: &str) -> Self {
        Self {
            schema: Some("pg_catalog".to_owned()),
            name: name.to_owned(),
            modifiers: Vec::new(),
            array: false,
        }
    }

    /// From a server's catalog: name, schema, `atttypmod`. For arrays, those of the element.
    pub fn from_server(schema: &str, name: &str, typmod: i32, array: bool) -> Self {
        let own = schema == "pg_catalog";
        Self {
            schema: Some(schema.to_owned()),
            name: name.to_owned(),
            modifiers: if own { modifiers(name, typmod) } else { Vec::new() },
            array,
        }
    }

    /// Its full name, when it is known.
    pub fn full_name(&self) -> Option<Name> {
        self.schema.as_ref().map(|schema| Name::new(schema, &self.name))
    }

    /// Its name if it is one of PostgreSQL's own and no array.
    pub fn own_name(&self) -> Option<&str> {
        (self.schema.as_deref() == Some("pg_catalog") && !self.array).then_some(self.name.as_str())
    }
}

/// What `atttypmod` means for PostgreSQL's own types.
fn modifiers(name: &str, typmod: i32) -> Vec<i32> {
    if typmod < 0 {
        return Vec::new();
    }
    match name {
        "varchar" | "bpchar" => vec![typmod - 4],
        "numeric" => {
            let bits = typmod - 4;
            // Eleven bits with a sign.
            let scale = ((bits & 0x7ff) ^ 1024) - 1024;
            vec![(bits >> 16) & 0xffff, scale]
        }
        "interval" => {
            let (mask, precision) = ((typmod >> 16) & 0x7fff, typmod & 0xffff);
            if precision == 0xffff { vec![mask] } else { vec![mask, precision] }
        }
        _ => vec![typmod],
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = self.schema.as_deref().filter(|schema| *schema != "pg_catalog") {
            write!(f, "{}.", super::name::quoted(schema))?;
        }
        f.write_str(&self.name)?;
        if !self.modifiers.is_empty() {
            let listed: Vec<_> = self.modifiers.iter().map(ToString::to_string).collect();
            write!(f, "({})", listed.join(","))?;
        }
        if self.array { f.write_str("[]") } else { Ok(()) }
    }
}
