//! Commands.
//!
//! On the wire a step carries what its agent needs. The reasons for its risk stay with the plan, so an agent's
//! [`WireStep`] is a smaller thing than a plan's step.

use pgbelay_core::command::{
    Backup, BackupOrder, Command, CommandId, CommandKind, Rehearse, Resolution, Run, StrongLock, Verify,
};
use pgbelay_core::digest::Digest;
use pgbelay_core::migration::Version;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::origin::Origin;
use pgbelay_core::plan::{
    Direction, ExecutionSettings, Expectation, HistoryMark, LockMode, OldTable, Recorded, Step,
};
use pgbelay_core::policy::{Blockers, LagThen, Query, QueryText, ReplicationLag};
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
    /// A person's word on a statement that was cut off.
    pub resolution: Option<Resolution>,
    /// The locks that make others wait, as far as they are known before.
    pub locks: Vec<StrongLock>,
}

/// What a command does, as an agent sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time for each database")]
pub enum WireKind {
    /// Take a backup and verify it.
    Backup {
        /// The state that the plan was made for.
        expect: Expectation,
        /// Of what kind, and how.
        order: BackupOrder,
    },
    /// Run migrations, forward or back.
    Run(WireRun),
    /// Record migrations that are applied already.
    Adopt(WireAdopt),
    /// Ask the policy's queries.
    Verify(Verify),
    /// Try migrations on a copy of the database.
    Rehearse(WireRehearse),
}

/// Migrations to be tried on a copy, as an agent sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireRehearse {
    /// Whether the copy has all rows.
    pub with_rows: bool,
    /// What is run, in order.
    pub up: Vec<WireStep>,
    /// What takes the last of them back, in order.
    pub back: Vec<WireStep>,
    /// The state that the plan was made for.
    pub expect: Expectation,
    /// Timeouts from the policy.
    pub settings: ExecutionSettings,
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
            statement_timeouts_ms: settings
                .statement_timeouts
                .iter()
                .map(|(kind, span)| (kind.clone(), span.0))
                .collect(),
            concurrent_timeout_ms: settings.concurrent_timeout.0,
            blockers: Some((&settings.blockers).into()),
            replication_lag: settings.replication_lag.as_ref().map(Into::into),
            old_table: settings
                .old_table
                .map(|old| wire::OldTable { tool: old.tool.to_string(), keep: old.keep }),
        }
    }
}

/// A word of a closed set.
pub(super) fn word<T: Copy>(field: &'static str, words: &[(T, &str)], text: &str) -> Result<T, BadMessage> {
    let found = words.iter().find(|(_, word)| *word == text).map(|(value, _)| *value);
    found.ok_or_else(|| BadMessage { field, fault: "not a known word".to_owned() })
}

const QUERY_TEXTS: [(QueryText, &str); 3] =
    [(QueryText::None, "none"), (QueryText::Redacted, "redacted"), (QueryText::Full, "full")];

const LAG_THEN: [(LagThen, &str); 2] = [(LagThen::GiveUp, "give-up"), (LagThen::GoOn, "go-on")];

fn said<T: PartialEq>(words: &[(T, &str)], value: &T) -> String {
    words.iter().find(|(known, _)| known == value).map(|(_, word)| (*word).to_owned()).unwrap_or_default()
}

impl From<&Blockers> for wire::Blockers {
    fn from(blockers: &Blockers) -> Self {
        Self {
            wait: blockers.wait,
            cancel_after_ms: blockers.cancel_after.map_or(0, |span| span.0),
            queries: said(&QUERY_TEXTS, &blockers.queries),
        }
    }
}

impl TryFrom<wire::Blockers> for Blockers {
    type Error = BadMessage;
    fn try_from(wire: wire::Blockers) -> Result<Self, BadMessage> {
        Ok(Self {
            wait: wire.wait,
            cancel_after: (wire.cancel_after_ms > 0).then_some(Span(wire.cancel_after_ms)),
            queries: word("queries", &QUERY_TEXTS, &wire.queries)?,
        })
    }
}

impl From<&ReplicationLag> for wire::ReplicationLag {
    fn from(lag: &ReplicationLag) -> Self {
        Self { max_ms: lag.max.0, wait_ms: lag.wait.0, then: said(&LAG_THEN, &lag.then) }
    }
}

impl TryFrom<wire::ReplicationLag> for ReplicationLag {
    type Error = BadMessage;
    fn try_from(wire: wire::ReplicationLag) -> Result<Self, BadMessage> {
        Ok(Self {
            max: positive("max_ms", wire.max_ms)?,
            wait: positive("wait_ms", wire.wait_ms)?,
            then: word("then", &LAG_THEN, &wire.then)?,
        })
    }
}

/// A length of time that is more than nothing: PostgreSQL reads 0 as "no limit".
pub(super) fn positive(field: &'static str, ms: i64) -> Result<Span, BadMessage> {
    if ms > 0 { Ok(Span(ms)) } else { Err(BadMessage { field, fault: "not more than zero".to_owned() }) }
}

impl TryFrom<wire::Settings> for ExecutionSettings {
    type Error = BadMessage;
    fn try_from(wire: wire::Settings) -> Result<Self, BadMessage> {
        let usual = Self::new(Span(1), Span(1), Span(1));
        Ok(Self {
            lock_timeout: positive("lock_timeout_ms", wire.lock_timeout_ms)?,
            lock_budget: positive("lock_budget_ms", wire.lock_budget_ms)?,
            statement_timeout: positive("statement_timeout_ms", wire.statement_timeout_ms)?,
            statement_timeouts: wire
                .statement_timeouts_ms
                .into_iter()
                .map(|(kind, ms)| Ok((kind, positive("statement_timeouts_ms", ms)?)))
                .collect::<Result<_, BadMessage>>()?,
            // A controller that is older than these says nothing of them.
            concurrent_timeout: match wire.concurrent_timeout_ms {
                0 => usual.concurrent_timeout,
                ms => positive("concurrent_timeout_ms", ms)?,
            },
            blockers: wire.blockers.map(Blockers::try_from).transpose()?.unwrap_or_default(),
            replication_lag: wire.replication_lag.map(ReplicationLag::try_from).transpose()?,
            old_table: wire.old_table.map(old_table).transpose()?,
        })
    }
}

fn old_table(wire: wire::OldTable) -> Result<OldTable, BadMessage> {
    Ok(OldTable { tool: parse("tool", &wire.tool)?, keep: wire.keep })
}

impl From<&StrongLock> for wire::StrongLock {
    fn from(lock: &StrongLock) -> Self {
        Self {
            version: lock.version.to_string(),
            relation: lock.relation.clone(),
            mode: lock.mode.as_str().to_owned(),
        }
    }
}

impl TryFrom<wire::StrongLock> for StrongLock {
    type Error = BadMessage;
    fn try_from(wire: wire::StrongLock) -> Result<Self, BadMessage> {
        let modes = LockMode::ALL.map(|mode| (mode, mode.as_str()));
        Ok(Self {
            version: parse("version", &wire.version)?,
            relation: wire.relation,
            mode: word("mode", &modes, &wire.mode)?,
        })
    }
}

impl From<&Resolution> for wire::Resolution {
    fn from(resolution: &Resolution) -> Self {
        Self {
            version: resolution.version.to_string(),
            piece: resolution.piece,
            intent: resolution.intent,
            done: resolution.done,
            reason: resolution.reason.clone(),
            by: resolution.by.to_string(),
        }
    }
}

impl TryFrom<wire::Resolution> for Resolution {
    type Error = BadMessage;
    fn try_from(wire: wire::Resolution) -> Result<Self, BadMessage> {
        Ok(Self {
            version: parse("version", &wire.version)?,
            piece: wire.piece,
            intent: wire.intent,
            done: wire.done,
            reason: wire.reason,
            by: parse("by", &wire.by)?,
        })
    }
}

impl From<&Verify> for wire::VerifyCommand {
    fn from(verify: &Verify) -> Self {
        let query = |query: &Query| wire::VerifyQuery {
            name: query.name.clone(),
            query: query.query.clone(),
            expect: query.expect.clone(),
            timeout_ms: query.timeout.0,
        };
        let queries = verify.queries.iter().map(query).collect();
        Self { queries, expect: Some((&verify.expect).into()) }
    }
}

impl TryFrom<wire::VerifyCommand> for Verify {
    type Error = BadMessage;
    fn try_from(wire: wire::VerifyCommand) -> Result<Self, BadMessage> {
        let query = |wire: wire::VerifyQuery| Query {
            name: wire.name,
            query: wire.query,
            expect: wire.expect,
            timeout: Span(wire.timeout_ms),
        };
        let queries = wire.queries.into_iter().map(query).collect();
        Ok(Self { queries, expect: required("expect", wire.expect)? })
    }
}

impl From<&Rehearse> for wire::RehearseCommand {
    fn from(rehearse: &Rehearse) -> Self {
        Self {
            with_rows: rehearse.with_rows,
            up: rehearse.up.iter().map(Into::into).collect(),
            back: rehearse.back.iter().map(Into::into).collect(),
            expect: Some((&rehearse.expect).into()),
            settings: Some((&rehearse.settings).into()),
        }
    }
}

impl TryFrom<wire::RehearseCommand> for WireRehearse {
    type Error = BadMessage;
    fn try_from(wire: wire::RehearseCommand) -> Result<Self, BadMessage> {
        Ok(Self {
            with_rows: wire.with_rows,
            up: all(wire.up)?,
            back: all(wire.back)?,
            expect: required("expect", wire.expect)?,
            settings: required("settings", wire.settings)?,
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
            resolution: run.resolution.as_ref().map(Into::into),
            locks: run.locks.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Command> for wire::Command {
    fn from(command: &Command) -> Self {
        let kind = match &command.kind {
            CommandKind::Backup { expect, order } => wire::command::Kind::Backup(wire::BackupCommand {
                expect: Some(expect.into()),
                ..order.into()
            }),
            CommandKind::Run(run) => wire::command::Kind::Run(run.into()),
            CommandKind::Adopt(adopt) => wire::command::Kind::Adopt(adopt.into()),
            CommandKind::Verify(verify) => wire::command::Kind::Verify(verify.into()),
            CommandKind::Rehearse(rehearse) => wire::command::Kind::Rehearse(rehearse.into()),
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
            resolution: wire.resolution.map(Resolution::try_from).transpose()?,
            locks: all(wire.locks)?,
        })
    }
}

impl TryFrom<wire::Command> for WireCommand {
    type Error = BadMessage;
    fn try_from(wire: wire::Command) -> Result<Self, BadMessage> {
        let kind = match wire.kind.ok_or_else(|| missing("kind"))? {
            wire::command::Kind::Backup(backup) => {
                WireKind::Backup { order: (&backup).try_into()?, expect: required("expect", backup.expect)? }
            }
            wire::command::Kind::Run(run) => WireKind::Run(run.try_into()?),
            wire::command::Kind::Adopt(adopt) => WireKind::Adopt(adopt.try_into()?),
            wire::command::Kind::Verify(verify) => WireKind::Verify(verify.try_into()?),
            wire::command::Kind::Rehearse(rehearse) => WireKind::Rehearse(rehearse.try_into()?),
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
