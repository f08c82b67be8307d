//! A migration: its version, its SQL by digest, and what the analysis says of it.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use pgbelay_analysis::{Destroyed, Risk, Script, ScriptError, Transactional};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::origin::Origin;

/// Longest version text, in bytes. Most are numbers; some tools know a migration by the name of its file or folder.
pub const MAX_VERSION_LEN: usize = 200;

/// A migration's version, as its tool calls it. Those that are numbers (digits, in groups that `.` separates) compare
/// by number: `9` comes before `10`. They come before all others, which compare as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

/// The text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a migration version is 1 to {MAX_VERSION_LEN} bytes without spaces, for example 001 or 20260131120000"
)]
pub struct VersionError;

impl Version {
    /// The version as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is digits, in groups that `.` separates.
    #[must_use]
    pub fn is_number(&self) -> bool {
        let digits = |group: &str| !group.is_empty() && group.bytes().all(|c| c.is_ascii_digit());
        self.0.split('.').all(digits)
    }

    /// Whether two versions are one number, as `1` and `001` are. Two that are not numbers have to be equal.
    #[must_use]
    pub fn same_number(&self, other: &Self) -> bool {
        match (self.is_number(), other.is_number()) {
            (true, true) => self.by_number(other) == Ordering::Equal,
            (false, false) => self.0 == other.0,
            (true, false) | (false, true) => false,
        }
    }

    fn by_number(&self, other: &Self) -> Ordering {
        fn group(text: &str) -> (usize, &str) {
            let digits = text.trim_start_matches('0');
            (digits.len(), digits)
        }
        self.0.split('.').map(group).cmp(other.0.split('.').map(group))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0 == other.0 {
            return Ordering::Equal;
        }
        match (self.is_number(), other.is_number()) {
            (true, true) => self.by_number(other).then_with(|| self.0.cmp(&other.0)),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.0.cmp(&other.0),
        }
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
        let printable = |c: char| !c.is_whitespace() && !c.is_control();
        if (1..=MAX_VERSION_LEN).contains(&text.len()) && text.chars().all(printable) {
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
    /// The checksum that its record carries, where that is another one: a section of a file is told apart from others by
    /// its own text, wherever it stands in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Digest>,
    /// Every statement, in order.
    pub statements: Vec<StatementFacts>,
    /// The statements that cannot run in a transaction, in words.
    pub not_transactional: Vec<String>,
    /// What it would destroy, in words.
    pub destroys: Vec<Destroyed>,
    /// Whether its file says that it runs outside of a transaction.
    #[serde(default, skip_serializing_if = "is_false")]
    pub autocommit: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
pub(crate) const fn is_false(value: &bool) -> bool {
    !*value
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
    /// Whether it runs again when its checksum changes.
    #[serde(default, skip_serializing_if = "is_false")]
    pub repeatable: bool,
    /// How the tool whose layout it was read from calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// A migration as it was read: text, not yet analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationSource {
    /// Its place in the order.
    pub version: Version,
    /// Its name without the version.
    pub name: String,
    /// The SQL of the way forward, as its tool would run it.
    pub up: String,
    /// The SQL of the way back, if there is one.
    pub down: Option<String>,
    /// The file of the way forward, below the directory; empty where there is none.
    pub up_file: String,
    /// The file of the way back.
    pub down_file: Option<String>,
    /// Whether the file says that the way forward runs outside of a transaction.
    pub up_autocommit: bool,
    /// Whether the file says that the way back runs outside of a transaction.
    pub down_autocommit: bool,
    /// Whether it runs again when its checksum changes.
    pub repeatable: bool,
    /// How the tool calls it; `None` for the plain layout.
    pub origin: Option<Origin>,
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
    /// A migration that comes of no other tool: it runs once, in a transaction.
    #[must_use]
    pub fn plain(
        version: Version,
        name: impl Into<String>,
        up: impl Into<String>,
        down: Option<String>,
    ) -> Self {
        Self {
            version,
            name: name.into(),
            up: up.into(),
            down,
            up_file: String::new(),
            down_file: None,
            up_autocommit: false,
            down_autocommit: false,
            repeatable: false,
            origin: None,
        }
    }

    /// Reads the SQL of both directions with PostgreSQL's grammar.
    ///
    /// # Errors
    /// The first file that cannot be read.
    pub fn analyse(&self) -> Result<Migration, UnusableMigration> {
        let facts = |direction, sql: &str, autocommit| {
            let unusable = |cause| UnusableMigration {
                version: self.version.clone(),
                name: self.name.clone(),
                direction,
                cause,
            };
            pgbelay_analysis::read(sql).map(|script| facts_of(sql, &script, autocommit)).map_err(unusable)
        };
        let mut up = facts("up", &self.up, self.up_autocommit)?;
        // Empty lines keep a section of another tool's file where it stands; they are not of the section.
        up.identity = (self.origin.is_some() && self.up.starts_with('\n'))
            .then(|| Digest::of(self.up.trim_start_matches('\n')));
        Ok(Migration {
            version: self.version.clone(),
            name: self.name.clone(),
            up,
            down: self.down.as_deref().map(|sql| facts("down", sql, self.down_autocommit)).transpose()?,
            repeatable: self.repeatable,
            origin: self.origin.clone(),
        })
    }
}

impl ScriptFacts {
    /// The checksum that the record of its migration carries.
    #[must_use]
    pub fn recorded(&self) -> Digest {
        self.identity.unwrap_or(self.checksum)
    }
}

fn facts_of(sql: &str, script: &Script, autocommit: bool) -> ScriptFacts {
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
        identity: None,
        statements: statements.collect(),
        not_transactional: not_transactional.collect(),
        destroys: script.statements.iter().flat_map(|s| s.destroys.iter().cloned()).collect(),
        autocommit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn where_a_section_stands_in_its_file_is_not_its_identity() {
        let origin = Origin {
            id: "1".to_owned(),
            description: String::new(),
            script: "1_a.sql".to_owned(),
            checksum: None,
            more: std::collections::BTreeMap::new(),
        };
        let facts = |lines: &str, origin| {
            let up = format!("{lines}SELECT 1;\n");
            let source =
                MigrationSource { origin, ..MigrationSource::plain(version("1"), "a".to_owned(), up, None) };
            source.analyse().unwrap().up
        };
        let [here, there] = ["\n", "\n\n\n"].map(|lines| facts(lines, Some(origin.clone())));
        assert_eq!(here.recorded(), there.recorded());
        assert_ne!(here.checksum, there.checksum);
        assert_eq!(there.statements[0].line, 4);
        // A file of the plain layout is told by all of its bytes.
        assert_ne!(facts("\n", None).recorded(), facts("\n\n", None).recorded());
    }

    #[test]
    fn versions_compare_by_number_where_they_are_numbers() {
        let mut versions = ["R__views", "10", "9", "ann:1", "2.10", "2.9", "001"].map(version);
        versions.sort();
        assert_eq!(versions.map(String::from), ["001", "2.9", "2.10", "9", "10", "R__views", "ann:1"]);
        assert!(version("1").same_number(&version("001")));
        assert!(version("a").same_number(&version("a")) && !version("a").same_number(&version("1")));
        assert_ne!(version("1"), version("001"));
    }

    #[test]
    fn what_a_tool_calls_a_migration_is_a_version() {
        for good in ["1", "v1", "1_2", ".", "-1", "appschema@v1.0", "ann:2@db/a.sql", &"1".repeat(200)] {
            assert!(good.parse::<Version>().is_ok(), "{good:?}");
        }
        for bad in ["", "a b", "a\tb", "a\u{a0}b", "a\u{7}", &"1".repeat(201)] {
            assert_eq!(bad.parse::<Version>(), Err(VersionError), "{bad:?}");
        }
    }
}
