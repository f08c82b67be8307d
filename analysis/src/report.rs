//! What judging a script gives: for each statement, what it locks, does, destroys, breaks, and how
//! risky that is. The form others rely on is [`StatementReport`]'s JSON: fields may be added, none
//! renamed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Position, Risk, ScriptError, StatementKind};

/// What a script does, statement by statement.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Analysis {
    /// One for each statement that could be read, in order.
    pub statements: Vec<StatementReport>,
    /// What could not be read, in order. Everything else is analysed all the same.
    pub faults: Vec<ScriptError>,
    /// Comments that allow hazards, each with what came of it.
    pub allows: Vec<Allow>,
}

/// What is known about one statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatementReport {
    /// Where it starts. The column counts characters from 1.
    #[serde(flatten)]
    pub position: Position,
    /// Where it stands in the file, in bytes.
    pub span: Span,
    /// What it is.
    pub kind: StatementKind,
    /// Whether it may run in a transaction.
    pub transactional: bool,
    /// Every relation that it locks, with the strongest mode, by name. A table's own indexes and TOAST
    /// go with the table, unless the statement names them.
    pub locks: Vec<Lock>,
    /// What takes time in proportion to the rows. Nothing listed: only the catalog changes.
    pub work: Vec<Work>,
    /// What is gone after it.
    pub destroys: Vec<Loss>,
    /// What code that runs now would notice.
    pub breaks: Vec<Breakage>,
    /// Named dangers, weightiest first.
    pub hazards: Vec<Hazard>,
    /// What would have to be known to judge it, and is not.
    pub unknown: Vec<String>,
    /// How risky it is.
    pub risk: Risk,
    /// What makes it so, weightiest first. Never empty.
    pub reasons: Vec<String>,
    /// What the server would say instead of running it, as far as that is certain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails: Option<String>,
    /// The oldest server that knows such a statement, when the one judged for does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_server: Option<u32>,
    /// What its text alone says of the risk.
    #[serde(skip)]
    pub base: Base,
}

/// What the text of a statement says of its risk.
#[derive(Debug, Clone, PartialEq)]
pub struct Base {
    /// The level of its kind.
    pub risk: Risk,
    /// What makes it so.
    pub reasons: Vec<String>,
    /// Whether it counts even where everything that the statement does was found out.
    pub stands: bool,
}

impl Default for Base {
    /// Nothing was said.
    fn default() -> Self {
        Self { risk: Risk::Medium, reasons: vec!["not analysed".to_owned()], stands: true }
    }
}

/// Where something stands in a file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its first byte.
    pub start: usize,
    /// Behind its last.
    pub end: usize,
}

/// A lock on a relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lock {
    /// With its schema.
    pub relation: String,
    /// As in `pg_locks`.
    pub mode: LockMode,
    /// Whether the relation was made in the same script, so that nobody can wait for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new: bool,
}

/// PostgreSQL's table locks, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LockMode {
    /// Reading.
    AccessShareLock,
    /// SELECT FOR UPDATE.
    RowShareLock,
    /// Writing rows.
    RowExclusiveLock,
    /// VACUUM, CREATE INDEX CONCURRENTLY, VALIDATE: no other DDL.
    ShareUpdateExclusiveLock,
    /// CREATE INDEX: no writes.
    ShareLock,
    /// CREATE TRIGGER, foreign keys: no writes, no other DDL.
    ShareRowExclusiveLock,
    /// REFRESH CONCURRENTLY: only reads.
    ExclusiveLock,
    /// Nobody else at all.
    AccessExclusiveLock,
}

impl LockMode {
    /// As `pg_locks` writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessShareLock => "AccessShareLock",
            Self::RowShareLock => "RowShareLock",
            Self::RowExclusiveLock => "RowExclusiveLock",
            Self::ShareUpdateExclusiveLock => "ShareUpdateExclusiveLock",
            Self::ShareLock => "ShareLock",
            Self::ShareRowExclusiveLock => "ShareRowExclusiveLock",
            Self::ExclusiveLock => "ExclusiveLock",
            Self::AccessExclusiveLock => "AccessExclusiveLock",
        }
    }

    /// Whether INSERT, UPDATE and DELETE wait for it.
    pub const fn blocks_writes(self) -> bool {
        matches!(
            self,
            Self::ShareLock | Self::ShareRowExclusiveLock | Self::ExclusiveLock | Self::AccessExclusiveLock
        )
    }

    /// The mode with that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }

    /// Every mode, weakest first.
    pub const ALL: [Self; 8] = [
        Self::AccessShareLock,
        Self::RowShareLock,
        Self::RowExclusiveLock,
        Self::ShareUpdateExclusiveLock,
        Self::ShareLock,
        Self::ShareRowExclusiveLock,
        Self::ExclusiveLock,
        Self::AccessExclusiveLock,
    ];

    /// Whether one session waits when another has the other lock: PostgreSQL's table of conflicts.
    pub fn conflicts_with(self, other: Self) -> bool {
        let (weaker, stronger) = (self.min(other), self.max(other));
        match weaker {
            Self::AccessShareLock => stronger == Self::AccessExclusiveLock,
            Self::RowShareLock => stronger >= Self::ExclusiveLock,
            Self::RowExclusiveLock => stronger >= Self::ShareLock,
            Self::ShareUpdateExclusiveLock => true,
            // CREATE INDEX twice at the same time is fine.
            Self::ShareLock => stronger != Self::ShareLock,
            Self::ShareRowExclusiveLock | Self::ExclusiveLock | Self::AccessExclusiveLock => true,
        }
    }

    /// Whether SELECT waits for it.
    pub const fn blocks_reads(self) -> bool {
        matches!(self, Self::AccessExclusiveLock)
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Work in proportion to the rows of a relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Work {
    /// With its schema. For an index build its table.
    pub relation: String,
    /// What is done.
    pub kind: WorkKind,
    /// Why, in words.
    pub because: String,
    /// Whether the relation was made in the same script.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new: bool,
}

/// What is done to a whole relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkKind {
    /// Every row is read.
    Scan,
    /// Every row is read and an index is written.
    Index,
    /// Every row is written anew, and all indexes with it.
    Rewrite,
}

impl WorkKind {
    /// As JSON has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Index => "index",
            Self::Rewrite => "rewrite",
        }
    }
}

/// Something that is gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Loss {
    /// What, with its schema: `public.orders`, `public.orders.note`.
    pub object: String,
    /// `table`, `column`, `rows`, `precision`, `index`, `constraint`, `view`, …
    pub what: String,
    /// Whether values are gone that running the way back does not bring again.
    pub data: bool,
}

/// Something that code which runs now would notice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Breakage {
    /// With its schema.
    pub object: String,
    /// In words: `is renamed to …`, `is required`.
    pub what: String,
}

/// A named danger in a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hazard {
    /// Its name, as in `pgbelay explain ID`.
    pub id: String,
    /// How grave it is here.
    pub severity: Severity,
    /// What it is about, with its schema: a relation, or a column as `public.orders.note`.
    #[serde(default)]
    pub relation: Option<String>,
    /// What happens.
    pub message: String,
    /// Whether it is about the time that work takes: less grave for a small relation, graver for a large one.
    #[serde(skip)]
    pub waits: bool,
    /// The reason of the comment that allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
}

/// How grave a hazard is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// A nuisance.
    Low,
    /// May stop the application for a while, or break some of it.
    Medium,
    /// Stops the application, breaks it, or loses data.
    High,
}

impl Severity {
    /// As JSON has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The risk that it raises a statement to.
    pub const fn risk(self) -> Risk {
        match self {
            Self::Info | Self::Low => Risk::Low,
            Self::Medium => Risk::Medium,
            Self::High => Risk::High,
        }
    }
}

/// A comment `-- pgbelay: allow ID reason`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allow {
    /// Where it is.
    #[serde(flatten)]
    pub position: Position,
    /// The hazard that it names.
    pub id: String,
    /// The reason that it gives.
    pub reason: String,
    /// What is wrong with it, if it does not count or was not needed.
    pub problem: Option<AllowProblem>,
}

/// Why a comment that allows a hazard does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AllowProblem {
    /// It gives no reason.
    NoReason,
    /// There is no such hazard; the nearest name, if one is near.
    UnknownId {
        /// The nearest name.
        nearest: Option<String>,
    },
    /// Nothing that it allows was found.
    Unused,
}
