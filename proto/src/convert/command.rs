//! Commands.
//!
//! On the wire a step carries what its agent needs. The reasons for its risk stay with the plan, so an agent's
//! [`WireStep`] is a smaller thing than a plan's step.

use pgbelay_core::command::{Backup, Command, CommandId, CommandKind, Run};
use pgbelay_core::digest::Digest;
use pgbelay_core::migration::Version;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::origin::Origin;
use pgbelay_core::plan::{Direction, ExecutionSettings, Expectation, HistoryMark, Recorded, Step};
use pgbelay_core::rollout::RolloutId;
use pgbelay_core::time::{Span, Timestamp};

use super::{BadMessage, all, direction, missing, none_if_empty, parse, required};
use crate::wire;

/// A step as an agent sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireStep {
    /// Its version.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// Forward or back.
    pub direction: Direction,
    /// The digest of the SQL to run.
    pub sql: Digest,
    /// The checksum of the up SQL.
    pub checksum: Digest,
    /// Whether its file says that it runs outside of a transaction.
    pub autocommit: bool,
    /// Whether it runs again when its checksum changes.
    pub repeatable: bool,
    /// The checksum that stands in its record; `None`: it has not run before.
    pub replaces: Option<Digest>,
    /// How the tool whose layout it was read from calls it.
    pub origin: Option<Origin>,
}

/// A run as an agent sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireRun {
    /// Forward or back.
    pub direction: Direction,
    /// What to run, in order.
    pub steps: Vec<WireStep>,
    /// The state that the steps start from.
    pub expect: Expectation,
    /// The backup of this run; `None` where policy asks for none.
    pub backup: Option<Backup>,
    /// Timeouts from the policy.
    pub settings: ExecutionSettings,
}

/// What a command does, as an agent sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireKind {
    /// Take a backup and verify it.
    Backup {
        /// The state that the plan was made for.
        expect: Expectation,
    },
    /// Run migrations, forward or back.
    Run(WireRun),
    /// Record migrations that are applied already.
    Adopt(WireAdopt),
}

/// A migration that is applied already, as an agent sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireAdopted {
    /// The migration.
    pub step: WireStep,
    /// How it is known that it is applied.
    pub recorded: Recorded,
}

/// What is to be recorded, as an agent sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireAdopt {
    /// What to record, in order.
    pub steps: Vec<WireAdopted>,
    /// The state that the plan was made for.
    pub expect: Expectation,
    /// The history table that says so; `None`: a baseline.
    pub history: Option<HistoryMark>,
}

/// A command as an agent sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireCommand {
    /// Its identity: it is run once.
    pub id: CommandId,
    /// The database that it is for.
    pub database: DatabaseName,
    /// The rollout that it is part of.
    pub rollout: RolloutId,
    /// The digest of the plan that it carries out.
    pub plan: Digest,
    /// Counts the runs of one target, from 1.
    pub attempt: u32,
    /// The database refuses a command with a lower fence than it has seen.
    pub fence: u64,
    /// After this moment it is not started any more.
    pub not_after: Timestamp,
    /// What it does.
    pub kind: WireKind,
}

impl From<&Step> for wire::Step {
    fn from(step: &Step) -> Self {
        Self {
            version: step.version.to_string(),
            name: step.name.clone(),
            direction: wire::Direction::from(step.direction).into(),
            sql: step.sql.to_string(),
            checksum: step.checksum.to_string(),
            autocommit: step.autocommit,
            repeatable: step.repeatable,
            replaces: step.replaces.map(|checksum| checksum.to_string()).unwrap_or_default(),
            origin: step.origin.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<wire::Step> for WireStep {
    type Error = BadMessage;
    fn try_from(wire: wire::Step) -> Result<Self, BadMessage> {
        Ok(Self {
            version: parse("version", &wire.version)?,
            name: wire.name,
            direction: direction(wire.direction)?,
            sql: parse("sql", &wire.sql)?,
            checksum: parse("checksum", &wire.checksum)?,
            autocommit: wire.autocommit,
            repeatable: wire.repeatable,
            replaces: none_if_empty(wire.replaces).map(|text| parse("replaces", &text)).transpose()?,
            origin: wire.origin.map(Origin::from),
        })
    }
}

impl From<&ExecutionSettings> for wire::Settings {
    fn from(settings: &ExecutionSettings) -> Self {
        Self {
            lock_timeout_ms: settings.lock_timeout.0,
            lock_budget_ms: settings.lock_budget.0,
            statement_timeout_ms: settings.statement_timeout.0,
        }
    }
}

/// A length of time that is more than nothing: PostgreSQL reads 0 as "no limit".
fn positive(field: &'static str, ms: i64) -> Result<Span, BadMessage> {
    if ms > 0 { Ok(Span(ms)) } else { Err(BadMessage { field, fault: "not more than zero".to_owned() }) }
}

impl TryFrom<wire::Settings> for ExecutionSettings {
    type Error = BadMessage;
    fn try_from(wire: wire::Settings) -> Result<Self, BadMessage> {
        Ok(Self {
            lock_timeout: positive("lock_timeout_ms", wire.lock_timeout_ms)?,
            lock_budget: positive("lock_budget_ms", wire.lock_budget_ms)?,
            statement_timeout: positive("statement_timeout_ms", wire.statement_timeout_ms)?,
        })
    }
}

impl From<&Backup> for wire::Backup {
    fn from(backup: &Backup) -> Self {
        Self {
            path: backup.path.clone(),
            sha256: backup.sha256.to_string(),
            bytes: backup.bytes,
            took_ms: backup.took.0,
        }
    }
}

impl TryFrom<wire::Backup> for Backup {
    type Error = BadMessage;
    fn try_from(wire: wire::Backup) -> Result<Self, BadMessage> {
        Ok(Self {
            path: wire.path,
            sha256: parse("sha256", &wire.sha256)?,
            bytes: wire.bytes,
            took: Span(wire.took_ms),
        })
    }
}

impl From<&Run> for wire::RunCommand {
    fn from(run: &Run) -> Self {
        Self {
            direction: wire::Direction::from(run.direction).into(),
            steps: run.steps.iter().map(Into::into).collect(),
            expect: Some((&run.expect).into()),
            backup: run.backup.as_ref().map(Into::into),
            settings: Some((&run.settings).into()),
        }
    }
}

impl From<&Command> for wire::Command {
    fn from(command: &Command) -> Self {
        let kind = match &command.kind {
            CommandKind::Backup { expect } => {
                wire::command::Kind::Backup(wire::BackupCommand { expect: Some(expect.into()) })
            }
            CommandKind::Run(run) => wire::command::Kind::Run(run.into()),
            CommandKind::Adopt(adopt) => wire::command::Kind::Adopt(adopt.into()),
        };
        Self {
            id: command.id.to_string(),
            database: command.database.to_string(),
            rollout: command.rollout.to_string(),
            plan: command.plan.to_string(),
            attempt: command.attempt,
            fence: command.fence,
            not_after_ms: command.not_after.0,
            kind: Some(kind),
        }
    }
}

impl TryFrom<wire::RunCommand> for WireRun {
    type Error = BadMessage;
    fn try_from(wire: wire::RunCommand) -> Result<Self, BadMessage> {
        Ok(Self {
            direction: direction(wire.direction)?,
            steps: all(wire.steps)?,
            expect: required("expect", wire.expect)?,
            backup: wire.backup.map(Backup::try_from).transpose()?,
            settings: required("settings", wire.settings)?,
        })
    }
}

impl TryFrom<wire::Command> for WireCommand {
    type Error = BadMessage;
    fn try_from(wire: wire::Command) -> Result<Self, BadMessage> {
        let kind = match wire.kind.ok_or_else(|| missing("kind"))? {
            wire::command::Kind::Backup(backup) => {
                WireKind::Backup { expect: required("expect", backup.expect)? }
            }
            wire::command::Kind::Run(run) => WireKind::Run(run.try_into()?),
            wire::command::Kind::Adopt(adopt) => WireKind::Adopt(adopt.try_into()?),
        };
        Ok(Self {
            id: parse("id", &wire.id)?,
            database: parse("database", &wire.database)?,
            rollout: parse("rollout", &wire.rollout)?,
            plan: parse("plan", &wire.plan)?,
            attempt: wire.attempt,
            fence: wire.fence,
            not_after: Timestamp(wire.not_after_ms),
            kind,
        })
    }
}
