//! What the history tables of other migration tools look like, and what their rows mean.
//!
//! An agent reads the tables, by the [`Shape`]s that are known; what they say of a release is decided here. Nothing is
//! guessed: a table of a shape that no known version of its tool writes is a fault.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::origin::Layout;

mod adoption;
mod baseline;
mod past;
mod shape;

pub use adoption::{Adopted, Adoption, How, Misfit, UnknownHow, adoption};
pub use baseline::baseline;
pub use past::{Applied, Past, UpTo, past};
pub use shape::{Field, Part, Read, Shape, TABLES, Type, shape_of};

/// Most rows of one table that are read.
pub const MAX_ROWS: usize = 20_000;

/// Longest text of one column, in characters; what is longer is cut. The longest that counts is a file's path.
pub const MAX_TEXT: usize = 1_000;

/// A tool that keeps a history table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// `schema_migrations (version, dirty)`.
    GolangMigrate,
    /// `_sqlx_migrations`.
    Sqlx,
    /// `__diesel_schema_migrations`.
    Diesel,
    /// `schema_migrations (version)`.
    Dbmate,
    /// `goose_db_version`.
    Goose,
    /// `flyway_schema_history`, before version 5 `schema_version`.
    Flyway,
    /// `gorp_migrations`.
    SqlMigrate,
    /// `refinery_schema_history`.
    Refinery,
    /// `_prisma_migrations`.
    Prisma,
    /// `databasechangelog`.
    Liquibase,
    /// `changes` in its own schema.
    Sqitch,
    /// `schema_migrations (version)`, with `ar_internal_metadata` beside it.
    Rails,
    /// `alembic_version`.
    Alembic,
}

/// The text is not the name of a tool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no tool called {0:?}; there are {names}", names = Tool::ALL.map(Tool::as_str).join(", "))]
pub struct UnknownTool(pub String);

impl Tool {
    /// Every tool.
    pub const ALL: [Self; 13] = [
        Self::GolangMigrate,
        Self::Sqlx,
        Self::Diesel,
        Self::Dbmate,
        Self::Goose,
        Self::Flyway,
        Self::SqlMigrate,
        Self::Refinery,
        Self::Prisma,
        Self::Liquibase,
        Self::Sqitch,
        Self::Rails,
        Self::Alembic,
    ];

    /// Its name on the command line and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GolangMigrate => "golang-migrate",
            Self::Sqlx => "sqlx",
            Self::Diesel => "diesel",
            Self::Dbmate => "dbmate",
            Self::Goose => "goose",
            Self::Flyway => "flyway",
            Self::SqlMigrate => "sql-migrate",
            Self::Refinery => "refinery",
            Self::Prisma => "prisma",
            Self::Liquibase => "liquibase",
            Self::Sqitch => "sqitch",
            Self::Rails => "rails",
            Self::Alembic => "alembic",
        }
    }

    /// The layout of its own; `None`: its migrations are not SQL.
    #[must_use]
    pub fn layout(self) -> Option<Layout> {
        Layout::ALL.into_iter().find(|layout| Self::of(*layout) == Some(self))
    }

    /// The tool whose layout it is; `None`: it has none, or none whose history is read.
    #[must_use]
    pub const fn of(layout: Layout) -> Option<Self> {
        match layout {
            Layout::Plain | Layout::Hasura => None,
            Layout::GolangMigrate => Some(Self::GolangMigrate),
            Layout::Sqlx => Some(Self::Sqlx),
            Layout::Diesel => Some(Self::Diesel),
            Layout::Dbmate => Some(Self::Dbmate),
            Layout::Goose => Some(Self::Goose),
            Layout::Flyway => Some(Self::Flyway),
            Layout::SqlMigrate => Some(Self::SqlMigrate),
            Layout::Refinery => Some(Self::Refinery),
            Layout::Prisma => Some(Self::Prisma),
            Layout::Liquibase => Some(Self::Liquibase),
            Layout::Sqitch => Some(Self::Sqitch),
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Tool {
    type Err = UnknownTool;
    fn from_str(text: &str) -> Result<Self, UnknownTool> {
        let named = Self::ALL.into_iter().find(|tool| tool.as_str() == text);
        named.ok_or_else(|| UnknownTool(text.to_owned()))
    }
}

/// A column of a table that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The name of its type, as in `pg_type`.
    pub kind: String,
}

/// A table that was found under a name that a tool uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// What the columns hold that its [`Shape`] reads, in the shape's order, columns that it lacks as `None`. Nothing
    /// where it has no known shape.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Table {
    /// Its shape, if it has one that a known version of a tool writes.
    #[must_use]
    pub fn shape(&self) -> Option<&'static Shape> {
        shape_of(&self.name, &self.columns)
    }

    /// Schema and name, for people.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// The digest of where it is and of what was read from it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let place = [self.schema.clone(), self.name.clone()];
        // A value and its absence must not read alike.
        let cell = |cell: &Option<String>| cell.as_ref().map_or_else(String::new, |text| format!("={text}"));
        let cells = self.rows.iter().flat_map(|row| row.iter().map(cell).chain(["\n".to_owned()]));
        let parts: Vec<String> = place.into_iter().chain(cells).collect();
        Digest::of_parts("pgbelay history 1", parts.iter().map(String::as_bytes))
    }
}

/// Why the tables of a database tell nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryFault {
    /// No tool has a table there.
    #[error("no history table of a known tool was found that the agent's user may read")]
    NoTable,
    /// The tool that was named has no table there.
    #[error("there is no history table of {tool}; found: {found}")]
    NotThere {
        /// The tool.
        tool: Tool,
        /// What there is, in words.
        found: String,
    },
    /// Several tools, or one in several schemas.
    #[error("several history tables were found, and which counts is not clear: {}", .0.join(", "))]
    Several(Vec<String>),
    /// No known version of the tool makes such a table.
    #[error(
        "{table} has a shape that no known version of {tool} writes: its columns are {found}; {tool} has {expected}"
    )]
    UnknownShape {
        /// The table.
        table: String,
        /// Whose name it has.
        tool: String,
        /// The columns that it has.
        found: String,
        /// The columns that it would have.
        expected: String,
    },
    /// What it holds is nothing that the tool writes.
    #[error("{table}: {what}")]
    Odd {
        /// The table.
        table: String,
        /// What is odd.
        what: String,
    },
    /// The tool is at work, or was killed at work.
    #[error("{table} is locked{by}: let {tool} finish, or release its lock")]
    Locked {
        /// The table.
        table: String,
        /// The tool.
        tool: Tool,
        /// By whom, with a leading blank.
        by: String,
    },
}

#[cfg(test)]
mod tests;
