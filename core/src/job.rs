//! Jobs: what an agent is asked to do with a backup, outside of rollouts. A job migrates nothing and has no fence; it may
//! take hours, and survives the connection, but not the agent's process.
//!
//! ```text
//! started ── taken ── ended: restored | failed | cancelled | interrupted
//!    └──────────────────┘
//! ```
//!
//! A job that an agent has taken and does not know any more was interrupted: what it had made by then is removed by the
//! agent, and it is asked for again by a person, or by the next drill.

use serde::{Deserialize, Serialize};

use crate::backup::BackupId;
use crate::database::Observation;
pub use crate::name::JobId;
use crate::name::{DatabaseName, OperatorName};
use crate::time::{Span, Timestamp};

/// What the names of databases begin with that are being restored.
pub const RESTORED: &str = "pgbelay_job_";

/// What the names of copies begin with on which migrations are rehearsed.
pub const REHEARSED: &str = "pgbelay_rehearsal_";

/// What the names of temporary databases begin with. Agents drop those that are left over.
pub const TEMPORARY_DATABASES: [&str; 2] = [RESTORED, REHEARSED];

/// What an agent is asked to do with a backup of its database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The backup.
    pub backup: BackupId,
    /// Where its contents go.
    pub into: Destination,
}

/// Where the contents of a backup go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "into", rename_all = "kebab-case")]
pub enum Destination {
    /// A database that goes away again: it is a proof that the backup comes back.
    Scratch,
    /// A new database on the same server.
    New {
        /// What it will be called.
        name: String,
    },
    /// Some tables, into a schema of the database itself.
    Tables {
        /// The tables, with their schemas or without.
        tables: Vec<String>,
        /// The schema, which must not be there yet.
        schema: String,
    },
    /// In place of the database itself, which is kept under another name.
    InPlace {
        /// Roles whose sessions may be ended.
        cut_off: Vec<String>,
    },
}

impl Destination {
    /// Whether the managed database is another one afterwards.
    #[must_use]
    pub const fn is_in_place(&self) -> bool {
        match self {
            Self::InPlace { .. } => true,
            Self::Scratch | Self::New { .. } | Self::Tables { .. } => false,
        }
    }

    /// Whether the managed database is changed: no rollout may be about it meanwhile.
    #[must_use]
    pub const fn touches_database(&self) -> bool {
        match self {
            Self::InPlace { .. } | Self::Tables { .. } => true,
            Self::Scratch | Self::New { .. } => false,
        }
    }

    /// For people: what kind of job it is.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Scratch => "proof",
            Self::New { .. } => "restore",
            Self::Tables { .. } => "restore of tables",
            Self::InPlace { .. } => "restore in place",
        }
    }
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// Whose agent does it.
    pub database: DatabaseName,
    /// Who asked; `None`: the policy.
    pub by: Option<OperatorName>,
    /// What is asked.
    pub restore: Restore,
    /// When.
    pub started_at: Timestamp,
    /// Whether the agent has it.
    pub taken: bool,
    /// Whether somebody asked to end it.
    pub cancelled: bool,
    /// When it ended, and how.
    pub ended: Option<(Timestamp, JobEnd)>,
}

impl Job {
    /// Whether it is still to be done.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.ended.is_none()
    }
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum JobEnd {
    /// It came back, and was compared with what the backup holds.
    Restored(Restored),
    /// It did not; nothing that was there before has changed.
    Failed {
        /// What happened, in one line.
        message: String,
        /// What to do next, in one line.
        hint: String,
        /// Whether it is the backup that is not right.
        problems: Vec<String>,
    },
    /// Somebody ended it; nothing that was there before has changed.
    Cancelled,
    /// Its agent was restarted or lost.
    Interrupted {
        /// What is known, in words.
        why: String,
    },
}

/// What was restored, and what was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// Where it is: a database, or a schema of it. For a proof: nowhere any more.
    pub location: String,
    /// What the database is called now that was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// How many tables had their rows counted, one by one, and compared with the backup.
    pub counted: u64,
    /// How many were too large for that, and had a sample of their rows counted.
    pub sampled: u64,
    /// All rows of the tables, as the backup has them.
    pub rows: u64,
    /// Why it is not certain that the schema is the one that was backed up; `None`: its fingerprint is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_doubt: Option<String>,
    /// What could not be restored beside the rows and the schema, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How long it took.
    pub took: Span,
    /// The managed database, where it is another one now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation: Option<Box<Observation>>,
}
