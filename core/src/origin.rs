//! Where a migration comes from: the layout of a directory, and how the tool that it belongs to calls the migration in
//! its own history table.
//!
//! Reading directories is in [`crate::layout`]; here is only what has to be known afterwards.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The layout of a directory of migrations: the tool whose it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// `001_name.sql`, and `rollback/001_rollback.sql` for the way back.
    #[default]
    Plain,
    /// `001_name.up.sql` and `001_name.down.sql`.
    GolangMigrate,
    /// `001_name.sql`, or `001_name.up.sql` and `001_name.down.sql`, of sqlx.
    Sqlx,
    /// A folder for each migration, with `up.sql` and `down.sql`.
    Diesel,
    /// One file with `-- migrate:up` and `-- migrate:down`.
    Dbmate,
    /// One file with `-- +goose Up` and `-- +goose Down`.
    Goose,
    /// `V1__name.sql`, `U1__name.sql`, `R__name.sql`.
    Flyway,
    /// One file with `-- +migrate Up` and `-- +migrate Down`.
    SqlMigrate,
    /// `V1__name.sql` of refinery.
    Refinery,
    /// A folder for each migration, with `migration.sql`.
    Prisma,
    /// A folder for each migration, with `up.sql` and `down.sql`, as Hasura names them.
    Hasura,
    /// Changesets of formatted SQL.
    Liquibase,
    /// `sqitch.plan`, `deploy/` and `revert/`.
    Sqitch,
}

/// The text is not the name of a layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no layout called {0:?}; there are {names}", names = names())]
pub struct UnknownLayout(pub String);

fn names() -> String {
    Layout::ALL.map(Layout::as_str).join(", ")
}

impl Layout {
    /// Every layout.
    pub const ALL: [Self; 13] = [
        Self::Plain,
        Self::GolangMigrate,
        Self::Sqlx,
        Self::Diesel,
        Self::Dbmate,
        Self::Goose,
        Self::Flyway,
        Self::SqlMigrate,
        Self::Refinery,
        Self::Prisma,
        Self::Hasura,
        Self::Liquibase,
        Self::Sqitch,
    ];

    /// Its name on the command line and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::GolangMigrate => "golang-migrate",
            Self::Sqlx => "sqlx",
            Self::Diesel => "diesel",
            Self::Dbmate => "dbmate",
            Self::Goose => "goose",
            Self::Flyway => "flyway",
            Self::SqlMigrate => "sql-migrate",
            Self::Refinery => "refinery",
            Self::Prisma => "prisma",
            Self::Hasura => "hasura",
            Self::Liquibase => "liquibase",
            Self::Sqitch => "sqitch",
        }
    }

    /// Whether its versions are numbers, so that `1` and `001` are one.
    #[must_use]
    pub const fn counts(self) -> bool {
        match self {
            Self::Plain
            | Self::GolangMigrate
            | Self::Sqlx
            | Self::Goose
            | Self::Flyway
            | Self::Refinery
            | Self::Hasura => true,
            Self::Diesel
            | Self::Dbmate
            | Self::SqlMigrate
            | Self::Prisma
            | Self::Liquibase
            | Self::Sqitch => false,
        }
    }

    /// Whether it is the layout that a release has unless it says so.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::Plain
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Layout {
    type Err = UnknownLayout;
    fn from_str(text: &str) -> Result<Self, UnknownLayout> {
        let named = Self::ALL.into_iter().find(|layout| layout.as_str() == text);
        named.ok_or_else(|| UnknownLayout(text.to_owned()))
    }
}

/// How the tool that a layout belongs to calls a migration in its own history table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What identifies it there, as text: `20240131120000` (golang-migrate, sqlx, goose, refinery and Hasura: the number
    /// without leading zeros), the version without dashes (diesel), the digits (dbmate), `1.2` (Flyway; empty for a
    /// repeatable one), the name of the file (sql-migrate) or of the folder (Prisma), the id of the changeset
    /// (Liquibase), the SHA-1 of the change (Sqitch).
    pub id: String,
    /// What its column for the name or the description holds.
    pub description: String,
    /// The file, below the directory of the migrations.
    pub script: String,
    /// The checksum, in the tool's own form (lower-case hex, or a decimal number), where the tool keeps one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// What else its row needs, by the name of the column: `author` (Liquibase), `note`, `planned_at` … (Sqitch); and,
    /// under names that begin with `checksum_`, other checksums that the tool takes for the same.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_read_by_the_name_that_it_is_written_with() {
        for layout in Layout::ALL {
            assert_eq!(layout.as_str().parse(), Ok(layout));
            assert_eq!(serde_json::to_value(layout).unwrap(), layout.as_str());
        }
        let error = "rails".parse::<Layout>().unwrap_err().to_string();
        assert!(error.starts_with("there is no layout called \"rails\"; there are plain, golang-migrate"));
    }
}
