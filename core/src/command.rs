//! What the controller asks of an agent, and what comes of it.

use serde::{Deserialize, Serialize};

use crate::database::Observation;
use crate::digest::Digest;
use crate::migration::{Version, is_false};
pub use crate::name::CommandId;
use crate::name::{DatabaseName, OperatorName};
use crate::plan::{Direction, ExecutionSettings, Expectation, HistoryMark, LockMode, Step, Touches};
use crate::policy::{BackupMethod, BackupRules, Bytes, MethodRule, Query, Thresholds, archive_timeout};
use crate::rollout::RolloutId;
use crate::time::{Span, Timestamp};

/// A command that changes something. It is durable before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its identity: an agent runs it once.
    pub id: CommandId,
    /// The database that it is for.
    pub database: DatabaseName,
    /// The rollout that it is part of.
    pub rollout: RolloutId,
    /// The digest of the plan that it carries out.
    pub plan: Digest,
    /// Counts the runs of one target in which nothing gets done, from 1.
    pub attempt: u32,
    /// The database refuses a command with a lower fence than it has seen.
    pub fence: u64,
    /// After this moment it is not started any more.
    pub not_after: Timestamp,
    /// What it does.
    pub kind: CommandKind,
}

/// What a command does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "there is one at a time for each database")]
pub enum CommandKind {
    /// Take a backup and verify it.
    Backup {
        /// The state that the plan was made for.
        expect: Expectation,
        /// Of what kind, and how.
        #[serde(default)]
        order: BackupOrder,
    },
    /// Run migrations, forward or back.
    Run(Run),
    /// Record migrations that are applied already.
    Adopt(Adopt),
    /// Ask the policy's queries.
    Verify(Verify),
    /// Try migrations on a copy of the database.
    Rehearse(Rehearse),
}

/// Migrations to be tried on a copy of a database. The database itself is only read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearse {
    /// Whether the copy has all rows.
    #[serde(default, skip_serializing_if = "is_false")]
    pub with_rows: bool,
    /// What is run, in order.
    pub up: Vec<Step>,
    /// What takes the last of them back, in order: after it the copy must be what it was before them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back: Vec<Step>,
    /// The state that the plan was made for.
    pub expect: Expectation,
    /// Timeouts from the policy.
    pub settings: ExecutionSettings,
}

/// What a rehearsal has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsed {
    /// What was run, with what was seen of it the first time.
    pub up: Vec<StepDone>,
    /// What took it back.
    pub back: Vec<StepDone>,
    /// How long all of it took, the copy with it.
    pub took: Span,
}

/// Queries to be asked of a database. Nothing is changed there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verify {
    /// What to ask, in this order.
    pub queries: Vec<Query>,
    /// The state that the run before left behind.
    pub expect: Expectation,
}

/// What came of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What the query is called.
    pub query: String,
    /// What it said.
    pub said: Said,
}

/// What a query said. That it could not be asked says nothing of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "said", rename_all = "kebab-case")]
pub enum Said {
    /// What it should.
    Passed,
    /// Something else.
    Failed {
        /// What it gave, in words, cut where it is long.
        got: String,
    },
    /// It could not be asked, or gave no answer.
    Unknown {
        /// Why, in words.
        why: String,
    },
}

/// Migrations that are applied already, to be recorded in order. Nothing of them is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopt {
    /// What to record.
    pub steps: Vec<Step>,
    /// The state that the plan was made for.
    pub expect: Expectation,
    /// The history table that says so; `None`: a baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<HistoryMark>,
}

/// What kind of backup an agent makes, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupOrder {
    /// Of what kind.
    pub method: MethodRule,
    /// By which sizes the agent chooses the kind, if it does.
    #[serde(default)]
    pub thresholds: Thresholds,
    /// What the statements touch that it is made for.
    #[serde(default)]
    pub touches: Touches,
    /// Most bytes per second that pg_dump may write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<Bytes>,
    /// How long a restore point waits for the server's archive.
    pub archive_timeout: Span,
}

impl Default for BackupOrder {
    fn default() -> Self {
        Self {
            method: MethodRule::default(),
            thresholds: Thresholds::default(),
            touches: Touches::default(),
            rate_limit: None,
            archive_timeout: archive_timeout(),
        }
    }
}

impl BackupOrder {
    /// What policy asks for, before statements that touch what is given.
    #[must_use]
    pub fn new(rules: &BackupRules, touches: Touches) -> Self {
        Self {
            method: rules.method,
            thresholds: rules.thresholds(),
            touches,
            rate_limit: rules.rate_limit,
            archive_timeout: rules.archive_timeout,
        }
    }
}

/// What a command does to the records of its database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recording<'a> {
    /// Forward or back.
    pub(crate) direction: Direction,
    /// The steps that it records.
    pub(crate) steps: &'a [Step],
    /// The state that it starts from.
    pub(crate) expect: &'a Expectation,
}

impl CommandKind {
    /// The state that it starts from.
    pub(crate) const fn expect(&self) -> &Expectation {
        match self {
            Self::Backup { expect, .. }
            | Self::Run(Run { expect, .. })
            | Self::Adopt(Adopt { expect, .. })
            | Self::Verify(Verify { expect, .. })
            | Self::Rehearse(Rehearse { expect, .. }) => expect,
        }
    }

    /// What it does to the records; `None`: nothing.
    pub(crate) fn recording(&self) -> Option<Recording<'_>> {
        match self {
            Self::Backup { .. } | Self::Verify(_) | Self::Rehearse(_) => None,
            Self::Run(Run { direction, steps, expect, .. }) => {
                Some(Recording { direction: *direction, steps, expect })
            }
            Self::Adopt(Adopt { steps, expect, .. }) => {
                Some(Recording { direction: Direction::Up, steps, expect })
            }
        }
    }
}

/// Migrations to run, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Forward or back.
    pub direction: Direction,
    /// What to run.
    pub steps: Vec<Step>,
    /// The state that they start from.
    pub expect: Expectation,
    /// The backup of this run; `None` where policy says so.
    pub backup: Option<Backup>,
    /// Timeouts from the policy.
    pub settings: ExecutionSettings,
    /// The locks that make others wait, as far as they are known before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<StrongLock>,
    /// A person's word on a statement of which the catalogue does not tell whether it took effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// Whether further migrations of the plan follow it, each after a backup of its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub more: bool,
}

/// A lock of a migration that makes others wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrongLock {
    /// The migration.
    pub version: Version,
    /// On what, with its schema.
    pub relation: String,
    /// The strongest mode.
    pub mode: LockMode,
}

/// A statement that runs outside of transactions and was cut off, and of which the catalogue does not tell whether it
/// took effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsettled {
    /// The migration.
    pub version: Version,
    /// Which piece of it, from 1.
    pub piece: u32,
    /// How many pieces it has.
    pub pieces: u32,
    /// The intent in the database's journal: a word on it counts for this one time that it was sent.
    pub intent: i64,
    /// The line of the file that the statement starts on.
    pub line: u32,
    /// What it is, as in `CALL`, and why it cannot be told.
    pub what: String,
}

/// A person's word on an unsettled statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// The migration.
    pub version: Version,
    /// Which piece of it, from 1.
    pub piece: u32,
    /// The intent that it is about.
    pub intent: i64,
    /// Whether the statement took effect.
    pub done: bool,
    /// How the person knows.
    pub reason: String,
    /// Who.
    pub by: OperatorName,
}

/// Longest key of an encrypted backup, as it is stored for its owners, in bytes: each of the twenty that an agent takes at
/// most adds less than 200.
pub const MAX_SEALED_KEY: usize = 16 * 1024;

/// Longest key that opens one encrypted backup, in bytes: one of age has 74.
pub const MAX_BACKUP_KEY: usize = 200;

/// A verified backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// Where it is: a directory on the agent's machine, or `s3://…`.
    pub path: String,
    /// Where else it is, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<String>,
    /// The digest of its manifest, which has those of all parts.
    pub sha256: Digest,
    /// Its size in bytes.
    pub bytes: u64,
    /// How long it took.
    pub took: Span,
    /// What kind of backup it is.
    #[serde(default)]
    pub method: BackupMethod,
    /// Why it is of that kind, where policy left it open or it is another one than policy names; one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where what it stands for is, in the words of the program that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<String>,
    /// The backup's own private key, encrypted to its owners' public keys (age, in ASCII armor): who asks for a restore
    /// opens it with his own. `None`: the backup is not encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_key: Option<String>,
}

/// A migration that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepDone {
    /// Its version.
    pub version: Version,
    /// How long its transaction took.
    pub took: Span,
    /// How often it had to wait for a lock and start again.
    pub retries: u32,
    /// What was seen while it ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<Box<Observed>>,
}

/// What was seen while a migration ran.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Its statements, or the slowest of many, in the order of the file.
    pub statements: Vec<ObservedStatement>,
    /// Relations that it locked with the strongest mode of each, or some of many.
    pub locks: Vec<ObservedLock>,
    /// Relations that were written anew.
    pub rewrites: Vec<String>,
    /// Bytes of WAL that the whole server wrote meanwhile: what others wrote is among them.
    pub wal_bytes: u64,
    /// For how long it waited for locks, as far as it was looked: twice a second.
    pub lock_wait: Span,
    /// Sessions that were in its way, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waited_for: Vec<String>,
    /// Sessions that were ended because they were in its way, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<String>,
}

/// What was seen of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedStatement {
    /// The line of the file that it starts on.
    pub line: u32,
    /// What it is, in its first words, as in `ALTER TABLE`.
    pub what: String,
    /// How long it took.
    pub took: Span,
    /// How many rows it says that it touched.
    pub rows: u64,
}

/// A lock that was held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedLock {
    /// The relation, with its schema.
    pub relation: String,
    /// As in `pg_locks`.
    pub mode: String,
}

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// PostgreSQL refused the SQL.
    Sql,
    /// The lock was not to be had within the budget.
    LockTimeout,
    /// A statement took longer than policy allows.
    StatementTimeout,
    /// The backup could not be made or verified.
    Backup,
    /// The database could not be reached.
    Connection,
    /// The migration cannot run in a transaction.
    NotTransactional,
    /// Another migrator is at work on the database.
    Busy,
    /// It took longer than policy allows, and was cancelled.
    StepDeadline,
    /// Standbys are too far behind.
    ReplicationLag,
    /// A query of the policy gave another answer than it should.
    Verification,
    /// What was tried on a copy did not work there, or its rollback SQL does not take it back.
    Rehearsal,
    /// The SQL that the plan names could not be had.
    SqlMissing,
    /// Something on the agent's machine: its disk, its tools.
    Agent,
}

/// Why something failed, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of failure it was.
    pub kind: FailureKind,
    /// The migration that failed, if it was one.
    pub version: Option<Version>,
    /// What happened: one line.
    pub message: String,
    /// What to do next: one line.
    pub hint: Option<String>,
    /// PostgreSQL's code, if it was PostgreSQL.
    pub sqlstate: Option<String>,
    /// The line of the file that the statement starts on.
    pub line: Option<u32>,
    /// Who held the locks: pid, user, application, age and state of each session.
    pub blockers: Vec<String>,
}

/// Why an agent would not start a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "kebab-case")]
pub enum RefusedBecause {
    /// The database has seen a higher fence.
    StaleFence {
        /// The fence that the database holds.
        seen: u64,
    },
    /// The database is not in the state that the plan was made for.
    Moved {
        /// What is different, in words.
        what: String,
    },
    /// The command came too late.
    TooLate,
    /// The agent's own guard does not allow it.
    Guard {
        /// The rule, in words.
        rule: String,
    },
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// The backup is there and verified.
    BackedUp {
        /// The backup.
        backup: Backup,
    },
    /// Every step was run and is recorded.
    Ran {
        /// The steps.
        done: Vec<StepDone>,
        /// The database afterwards.
        observation: Observation,
    },
    /// The migrations were tried on a copy.
    Rehearsed {
        /// What that has shown.
        rehearsed: Rehearsed,
    },
    /// The queries were asked.
    Verified {
        /// What came of each, in their order.
        answers: Vec<Answer>,
    },
    /// A step failed and was rolled back; the steps before it are recorded.
    Failed {
        /// The steps that are recorded.
        done: Vec<StepDone>,
        /// What failed.
        failure: Failure,
        /// The database afterwards, if it could be read.
        observation: Option<Observation>,
    },
    /// The agent died on the way. The database was read since: this is exactly what is recorded.
    Interrupted {
        /// The steps that are recorded.
        done: Vec<StepDone>,
        /// The database afterwards; `None` if nothing of the command can have touched it.
        observation: Option<Observation>,
    },
    /// Somebody cancelled it; the steps before that are recorded.
    Cancelled {
        /// The steps that are recorded.
        done: Vec<StepDone>,
        /// The database afterwards, if it could be read.
        observation: Option<Observation>,
    },
    /// A statement was cut off, and nothing shows whether it took effect. Nothing is at work any more.
    Unsettled {
        /// The steps that are recorded.
        done: Vec<StepDone>,
        /// The statement.
        statement: Unsettled,
        /// The database afterwards, if it could be read.
        observation: Option<Observation>,
    },
    /// It was not started.
    Refused {
        /// Why.
        reason: RefusedBecause,
    },
    /// It cannot be told what happened.
    Unknown {
        /// What is known, in words.
        why: String,
    },
}
