//! A plan: what a release, or a rollback, would do to each database of an environment.
//!
//! A plan is immutable and named by the digest of all that it binds. It leaves nothing to decide when it is run.

use std::collections::BTreeMap;

use pgbelay_analysis::{Destroyed, Risk};
pub use pgbelay_analysis::{Impact, Lock, LockMode, Loss, Rates, Size, Sizes, Work, WorkKind};
use serde::{Deserialize, Serialize};

use crate::backup::Unusable;
use crate::database::Observation;
use crate::digest::Digest;
use crate::history::{How, Misfit, Tool};
use crate::migration::{Version, is_false};
pub use crate::name::PlanId;
use crate::name::{DatabaseName, EnvironmentName, OperatorName};
use crate::origin::Origin;
use crate::policy::{BackupPolicy, Blockers, Course, EnvironmentPolicy, Query, ReplicationLag, defaults};
use crate::rollout::RolloutId;
use crate::time::{Span, Timestamp};

mod adopt;
mod back;
mod forward;
mod judgement;
mod server;
mod touches;
mod waves;

pub use adopt::{AllHistories, History, plan_adopt, plan_baseline};
pub use back::{Above, plan_back};
pub use forward::plan_forward;
pub use judgement::{AllSizes, FoundHazard, Judgement, Scales};
pub(crate) use server::only_on_known_servers;
pub use touches::Touches;
pub use waves::{PlannedWave, waves, waves_left};
pub(crate) use waves::{empty_waves, next_wave};

/// Forward or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The up SQL.
    Up,
    /// The down SQL.
    Down,
}

/// What a plan is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "kebab-case")]
pub enum Goal {
    /// Everything of a release is applied.
    Release {
        /// The release.
        release: Digest,
    },
    /// Everything above a version is rolled back; `None`: everything.
    Back {
        /// The version that stays.
        target: Option<Version>,
    },
    /// What a rollout did is taken back.
    Undo {
        /// The rollout.
        rollout: RolloutId,
        /// Whether only what it did in its last wave is.
        wave: bool,
    },
    /// What another tool has applied of a release is recorded.
    Adopt {
        /// The release.
        release: Digest,
        /// The tool; `None`: the one whose history table is found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tool: Option<Tool>,
    },
    /// Everything of a release up to a version, with it, is recorded as applied.
    Baseline {
        /// The release.
        release: Digest,
        /// The last version that is applied.
        version: Version,
    },
}

impl Goal {
    /// The release that it is about.
    #[must_use]
    pub const fn release(&self) -> Option<Digest> {
        match self {
            Self::Release { release } | Self::Adopt { release, .. } | Self::Baseline { release, .. } => {
                Some(*release)
            }
            Self::Back { .. } | Self::Undo { .. } => None,
        }
    }

    /// Whether migrations are taken back.
    #[must_use]
    pub const fn is_back(&self) -> bool {
        match self {
            Self::Back { .. } | Self::Undo { .. } => true,
            Self::Release { .. } | Self::Adopt { .. } | Self::Baseline { .. } => false,
        }
    }

    /// Whether nothing is run: what is applied already is recorded.
    #[must_use]
    pub const fn only_records(&self) -> bool {
        match self {
            Self::Release { .. } | Self::Back { .. } | Self::Undo { .. } => false,
            Self::Adopt { .. } | Self::Baseline { .. } => true,
        }
    }
}

/// That a migration is applied already, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// When it was applied; `None`: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Timestamp>,
    /// How it is known.
    pub how: How,
    /// The checksum that the other tool keeps, in its own form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_checksum: Option<String>,
}

/// The history table that a plan was made from, and what it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryMark {
    /// Whose it is.
    pub tool: Tool,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub table: String,
    /// The digest of what was read.
    pub digest: Digest,
}

/// One migration to run on one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its version.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// Forward or back.
    pub direction: Direction,
    /// The SQL to run, by digest.
    pub sql: Digest,
    /// The checksum of the up SQL: what the record carries.
    pub checksum: Digest,
    /// How dangerous it is.
    pub risk: Risk,
    /// What made it so, weightiest first.
    pub reasons: Vec<String>,
    /// Whether there is SQL that takes it back.
    pub has_rollback: bool,
    /// What it would destroy.
    pub destroys: Vec<Destroyed>,
    /// Its place in [`PlanBody::judgements`]; `None`: nobody has judged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<u32>,
    /// Whether its file says that it runs outside of a transaction.
    #[serde(default, skip_serializing_if = "is_false")]
    pub autocommit: bool,
    /// Whether it runs again when its checksum changes.
    #[serde(default, skip_serializing_if = "is_false")]
    pub repeatable: bool,
    /// The checksum that stands in its record; `None`: it has not run before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Digest>,
    /// How the tool whose layout it was read from calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// It is applied already, and is only recorded: its SQL is not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
}

/// The state of a database that a plan was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// Which database.
    pub system_identifier: String,
    /// The digest of what was applied.
    pub records: Digest,
    /// The fingerprint of its schema.
    pub fingerprint: Digest,
}

impl From<&Observation> for Expectation {
    fn from(seen: &Observation) -> Self {
        Self {
            system_identifier: seen.system_identifier.clone(),
            records: seen.records_digest(),
            fingerprint: seen.fingerprint,
        }
    }
}

/// How policy wants migrations to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionSettings {
    /// Longest wait for one lock.
    pub lock_timeout: Span,
    /// Longest time of all tries of one migration.
    pub lock_budget: Span,
    /// Longest time of one statement.
    pub statement_timeout: Span,
    /// The same by kind of statement, where policy names it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub statement_timeouts: BTreeMap<String, Span>,
    /// Longest time of a statement that runs outside of transactions.
    #[serde(
        default = "defaults::concurrent_timeout",
        skip_serializing_if = "defaults::is_concurrent_timeout"
    )]
    pub concurrent_timeout: Span,
    /// What is done about sessions that are in the way.
    #[serde(default, skip_serializing_if = "Blockers::is_default")]
    pub blockers: Blockers,
    /// How far standbys may be behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_lag: Option<ReplicationLag>,
    /// The history table of the tool that the migrations come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_table: Option<OldTable>,
}

/// The history table of the tool that migrations come from: it is made before the first of them runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldTable {
    /// The tool.
    pub tool: Tool,
    /// Whether its rows are written as well.
    #[serde(default, skip_serializing_if = "is_false")]
    pub keep: bool,
}

impl ExecutionSettings {
    /// The timeouts, with all else as it is by default.
    #[must_use]
    pub fn new(lock_timeout: Span, lock_budget: Span, statement_timeout: Span) -> Self {
        Self {
            lock_timeout,
            lock_budget,
            statement_timeout,
            statement_timeouts: BTreeMap::new(),
            concurrent_timeout: defaults::concurrent_timeout(),
            blockers: Blockers::default(),
            replication_lag: None,
            old_table: None,
        }
    }

    /// Longest time of a statement of this kind.
    #[must_use]
    pub fn timeout_of(&self, kind: &str) -> Span {
        self.statement_timeouts.get(kind).copied().unwrap_or(self.statement_timeout)
    }

    /// Longest time of a statement of this kind that runs outside of transactions.
    #[must_use]
    pub fn timeout_alone(&self, kind: &str) -> Span {
        self.statement_timeouts.get(kind).copied().unwrap_or(self.concurrent_timeout)
    }
}

impl From<&EnvironmentPolicy> for ExecutionSettings {
    fn from(policy: &EnvironmentPolicy) -> Self {
        Self {
            lock_timeout: policy.lock_timeout,
            lock_budget: policy.lock_budget,
            statement_timeout: policy.statement_timeout,
            statement_timeouts: policy.statement_timeouts.clone(),
            concurrent_timeout: policy.concurrent_timeout,
            blockers: policy.blockers.clone(),
            replication_lag: policy.replication_lag.clone(),
            old_table: None,
        }
    }
}

/// What a plan does to one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetPlan {
    /// The state that it was made for.
    pub expect: Expectation,
    /// What runs, in order. Empty: there is nothing to do.
    pub steps: Vec<Step>,
    /// The history table that says what is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<HistoryMark>,
    /// What of it does not fit the release, and stands in nobody's way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misfits: Vec<Misfit>,
}

impl TargetPlan {
    /// Steps that run from a state.
    #[must_use]
    pub const fn of(expect: Expectation, steps: Vec<Step>) -> Self {
        Self { expect, steps, history: None, misfits: Vec::new() }
    }
}

/// What a plan binds: everything that its digest covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanBody {
    /// The environment.
    pub environment: EnvironmentName,
    /// What it is for.
    pub goal: Goal,
    /// The version of the policy that it was made under.
    pub policy_version: u64,
    /// The environment's last rollout: a plan is used once, and is stale when another came between.
    pub after: Option<RolloutId>,
    /// Whether a verified backup comes first.
    pub backup: BackupPolicy,
    /// Timeouts.
    pub settings: ExecutionSettings,
    /// What happens to each database.
    pub targets: BTreeMap<DatabaseName, TargetPlan>,
    /// What the steps do, each once: databases that are alike share it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judgements: Vec<Judgement>,
    /// In which waves, and how much may go wrong.
    #[serde(default, skip_serializing_if = "Course::is_default")]
    pub course: Course,
}

/// An immutable plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What people call it.
    pub id: PlanId,
    /// The digest of the body.
    pub digest: Digest,
    /// What it binds.
    pub body: PlanBody,
    /// Who asked for it.
    pub author: OperatorName,
    /// When.
    pub created_at: Timestamp,
}

impl PlanBody {
    /// The digest of everything that the plan binds.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // Ordered maps and plain data: the text is the same wherever it is made.
        let text = serde_json::to_vec(self).unwrap_or_default();
        Digest::of_parts("pgbelay plan 1", [text.as_slice()])
    }

    /// How a step was judged.
    #[must_use]
    pub fn judgement(&self, step: &Step) -> Option<&Judgement> {
        self.judgements.get(usize::try_from(step.judgement?).ok()?)
    }

    /// The highest risk of all steps.
    #[must_use]
    pub fn risk(&self) -> Risk {
        self.targets.values().flat_map(|t| &t.steps).map(|s| s.risk).max().unwrap_or(Risk::Low)
    }

    /// The hazards that were found in any step.
    pub fn hazards(&self) -> impl Iterator<Item = &str> {
        self.judgements.iter().flat_map(|judgement| &judgement.hazards).map(|found| found.hazard.id.as_str())
    }

    /// What is asked of databases after their runs. A way back is asked nothing: what was there before answers for itself.
    #[must_use]
    pub fn queries(&self) -> &[Query] {
        match &self.goal {
            Goal::Release { .. } => &self.course.verify,
            Goal::Back { .. } | Goal::Undo { .. } | Goal::Adopt { .. } | Goal::Baseline { .. } => &[],
        }
    }

    /// Whether nothing at all would be run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.targets.values().all(|t| t.steps.is_empty())
    }
}

fn back(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "",
        Direction::Down => " on its way back",
    }
}

/// Why a database cannot be planned for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "problem", rename_all = "kebab-case")]
pub enum PlanProblem {
    /// Its agent has not told its state.
    #[error("{database}: its state is not known, because its agent is not connected or cannot reach it")]
    NotObserved {
        /// The database.
        database: DatabaseName,
    },
    /// What was applied is not what the file says.
    #[error(
        "{database}: migration {version} was applied with another checksum ({applied}) than its file has ({file})"
    )]
    ChecksumChanged {
        /// The database.
        database: DatabaseName,
        /// The migration.
        version: Version,
        /// What was applied, short.
        applied: String,
        /// What the file has, short.
        file: String,
    },
    /// Something is applied that the release does not have.
    #[error("{database}: migration {version} is applied, but the release does not have it")]
    NotInRelease {
        /// The database.
        database: DatabaseName,
        /// The migration.
        version: Version,
    },
    /// A migration that is not applied stands before one that is.
    #[error("{database}: migration {version} comes before {applied}, which is already applied")]
    OutOfOrder {
        /// The database.
        database: DatabaseName,
        /// The migration that comes too late.
        version: Version,
        /// The one that is applied.
        applied: Version,
    },
    /// There is no SQL that takes it back.
    #[error("{database}: migration {version} has no rollback SQL")]
    NoRollback {
        /// The database.
        database: DatabaseName,
        /// The migration.
        version: Version,
    },
    /// What should stay is not applied, and nothing says what would come after it.
    #[error(
        "{database}: {target} is not among its applied migrations, and versions that are not all numbers do not say \
         what comes after it"
    )]
    NoSuchTarget {
        /// The database.
        database: DatabaseName,
        /// The version that should stay.
        target: Version,
    },
    /// Its rollback window is open, and the backup that it rests on is of no use.
    #[error(transparent)]
    Unusable(Unusable),
    /// Its rollback window is over.
    #[error("{database}: the rollback window of migration {version} has closed")]
    WindowClosed {
        /// The database.
        database: DatabaseName,
        /// The migration.
        version: Version,
        /// When it closed; `None`: this controller never saw it applied.
        closed_at: Option<Timestamp>,
    },
    /// Another migration has begun and has not come to its end.
    #[error("{database}: migration {version} has begun, and has not come to its end{}", back(*.direction))]
    Unfinished {
        /// The database.
        database: DatabaseName,
        /// The migration.
        version: Version,
        /// Forward or back.
        direction: Direction,
    },
    /// Another tool applied it.
    #[error(
        "{database}: migration {version} was not applied by pgbelay, only recorded: there is no rollback window for it"
    )]
    Adopted {
        /// The database.
        database: DatabaseName,
        /// The migration.
        version: Version,
    },
    /// Its history tables tell nothing.
    #[error("{database}: {what}")]
    NoHistory {
        /// The database.
        database: DatabaseName,
        /// Why, in words.
        what: String,
    },
    /// Its history table does not fit the release.
    #[error("{database}: {table}: {misfit}")]
    Misfit {
        /// The database.
        database: DatabaseName,
        /// The history table.
        table: String,
        /// What does not fit.
        misfit: Misfit,
    },
    /// Its server is newer than what is known.
    #[error(
        "{database}: its server is PostgreSQL {server}, and PostgreSQL {newest} is the newest that this pgbelay knows"
    )]
    UnknownServer {
        /// The database.
        database: DatabaseName,
        /// The server's major version.
        server: u32,
        /// The newest that is known.
        newest: u32,
    },
}

#[cfg(test)]
mod tests;
