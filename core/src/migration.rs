//! A migration: its version, its SQL by digest, and what the analysis says of it.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use pgbelay_analysis::{Destroyed, Risk, Script, ScriptError, Transactional};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Longest version text: a timestamp to the microsecond has 20 digits.
pub const MAX_VERSION_LEN: usize = 32;

/// A migration's version: digits, in groups that `.` separates. Compares by number: `9` comes before `10`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

/// The text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a migration version is 1 to {MAX_VERSION_LEN} digits, for example 001 or 20260131120000")]
pub struct VersionError;

impl Version {
    /// The version as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether two versions are one number, as `1` and `001` are.
    #[must_use]
    pub fn same_number(&self, other: &Self) -> bool {
        self.by_number(other) == Ordering::Equal
    }

    fn by_number(&self, other: &Self) -> Ordering {
        let group = |text: &str| {
            let digits = text.trim_start_matches('0').to_owned();
            (digits.len(), digits)
        };
        self.0.split('.').map(group).cmp(other.0.split('.').map(group))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.by_number(other).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;
    fn try_from(text: String) -> Result<Self, VersionError> {
        let digits = |group: &str| !group.is_empty() && group.bytes().all(|c| c.is_ascii_digit());
        if text.len() <= MAX_VERSION_LEN && text.split('.').all(digits) {
            Ok(Self(text))
        } else {
            Err(VersionError)
        }
    }
}

impl FromStr for Version {
    type Err = VersionError;
    fn from_str(text: &str) -> Result<Self, VersionError> {
        Self::try_from(text.to_owned())
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One statement as a plan shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementFacts {
    /// The kind of statement, for example `drop-table`; policy names it to override the risk.
    pub kind: String,
    /// The line of the file that it starts on, from 1.
    pub line: u32,
    /// Its base risk.
    pub risk: Risk,
    /// What made it so.
    pub reasons: Vec<String>,
}

/// What the analysis says of one file of SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptFacts {
    /// The digest of the file, which is also where its text is found.
    pub checksum: Digest,
    /// Every statement, in order.
    pub statements: Vec<StatementFacts>,
    /// The statements that cannot run in a transaction, in words.
    pub not_transactional: Vec<String>,
    /// What it would destroy, in words.
    pub destroys: Vec<Destroyed>,
}

/// A migration of a release. Its SQL is content-addressed: the checksum is the address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Migration {
    /// Its place in the order.
    pub version: Version,
    /// Its name without the version.
    pub name: String,
    /// The way forward.
    pub up: ScriptFacts,
    /// The way back, if there is one.
    pub down: Option<ScriptFacts>,
}

/// A migration as it was read: text, not yet analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationSource {
    /// Its place in the order.
    pub version: Version,
    /// Its name without the version.
    pub name: String,
    /// The SQL of the way forward, byte for byte.
    pub up: String,
    /// The SQL of the way back, if there is one.
    pub down: Option<String>,
}

/// A file of a migration that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("migration {version} {name} ({direction} SQL): {cause}")]
pub struct UnusableMigration {
    /// The migration.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// `up` or `down`.
    pub direction: &'static str,
    /// What is wrong with its SQL.
    pub cause: ScriptError,
}

impl MigrationSource {
    /// Reads the SQL of both directions with PostgreSQL's grammar.
    ///
    /// # Errors
    /// The first file that cannot be read.
    pub fn analyse(&self) -> Result<Migration, UnusableMigration> {
        let facts = |direction, sql: &str| {
            let unusable = |cause| UnusableMigration {
                version: self.version.clone(),
                name: self.name.clone(),
                direction,
                cause,
            };
            pgbelay_analysis::read(sql).map(|script| facts_of(sql, &script)).map_err(unusable)
        };
        Ok(Migration {
            version: self.version.clone(),
            name: self.name.clone(),
            up: facts("up", &self.up)?,
            down: self.down.as_deref().map(|sql| facts("down", sql)).transpose()?,
        })
    }
}

fn facts_of(sql: &str, script: &Script) -> ScriptFacts {
    let statements = script.statements.iter().map(|statement| StatementFacts {
        kind: statement.kind.to_string(),
        line: statement.position.line,
        risk: statement.risk,
        reasons: statement.reasons.clone(),
    });
    let not_transactional = script.statements.iter().filter_map(|statement| match &statement.transactional {
        Transactional::Inside => None,
        Transactional::Never { why } => Some(format!("{}: {why}", statement.position)),
    });
    ScriptFacts {
        checksum: Digest::of(sql),
        statements: statements.collect(),
        not_transactional: not_transactional.collect(),
        destroys: script.statements.iter().flat_map(|s| s.destroys.iter().cloned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn versions_compare_by_number() {
        let mut versions = ["10", "9", "2.10", "2.9", "001"].map(version);
        versions.sort();
        assert_eq!(versions.map(String::from), ["001", "2.9", "2.10", "9", "10"]);
        assert!(version("1").same_number(&version("001")));
        assert_ne!(version("1"), version("001"));
    }

    #[test]
    fn what_is_not_digits_is_not_a_version() {
        for bad in ["", "v1", "1_2", ".", "1.", "-1", &"1".repeat(33)] {
            assert_eq!(bad.parse::<Version>(), Err(VersionError), "{bad:?}");
        }
    }
}
