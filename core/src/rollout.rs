//! A rollout: a plan being carried out over the databases of one environment.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::acknowledge::Acknowledgement;
use crate::command::{Backup, CommandId, Failure, Rehearsed, StepDone, Unsettled};
use crate::migration::Version;
pub use crate::name::RolloutId;
use crate::name::{DatabaseName, EnvironmentName, OperatorName};
use crate::plan::{Expectation, PlanId, WorkKind};
use crate::time::{Span, Timestamp};

/// Most runs of one target in which nothing gets done: an agent that dies this often on one migration needs a person.
pub const MAX_ATTEMPTS: u32 = 5;

/// How the danger of a plan was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirmation {
    /// Nothing had to be confirmed, or nobody did.
    None,
    /// A person typed the environment's name.
    Typed,
    /// `--force` stood in for a person.
    Forced,
}

/// All that a migration works through, when it is work of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bulk {
    /// Of what kind.
    pub kind: WorkKind,
    /// Bytes that are read, or for a rewrite written.
    pub bytes: u64,
}

/// What the migrations of a rollout work through, as far as that is known: their time then says how fast a database is.
pub type AllBulk = BTreeMap<DatabaseName, BTreeMap<Version, Bulk>>;

/// A plan being carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Its identity.
    pub id: RolloutId,
    /// The plan.
    pub plan: PlanId,
    /// Where.
    pub environment: EnvironmentName,
    /// Who started it.
    pub started_by: OperatorName,
    /// How the danger was confirmed.
    pub confirmation: Confirmation,
    /// The hazards that were acknowledged.
    pub acknowledged: BTreeSet<Acknowledgement>,
    /// What the migrations have to work through, as it was measured before.
    pub bulk: AllBulk,
    /// When it started.
    pub started_at: Timestamp,
    /// Who let it go on outside of windows, and why; `None`: nobody.
    pub overridden: Option<(OperatorName, String)>,
    /// Why what it did is not rolled back by itself, where policy wants that; `None`: nothing stands against it.
    pub not_undone: Option<String>,
    /// Where it stands.
    pub state: RolloutState,
    /// When something of it last moved, or a person let it go on.
    pub moved_at: Timestamp,
    /// The waves that have started, in that order. What a wave has is settled when it starts.
    pub waves: Vec<Wave>,
    /// Every database of the plan.
    pub targets: BTreeMap<DatabaseName, Target>,
}

/// A wave that has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    /// Its place in the policy, from 0; one more than the last: what no wave of the policy takes.
    pub place: usize,
    /// Its databases, each with its place in the order in which they are started.
    pub members: BTreeMap<DatabaseName, usize>,
    /// Where it stands.
    pub stage: Stage,
}

/// Where a wave stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Its databases are worked on.
    Working,
    /// They are done, and it is waited.
    Baking {
        /// Until when.
        until: Timestamp,
    },
    /// That time is over, and its databases are asked the policy's queries once more.
    Verifying,
    /// The next one may start.
    Passed,
}

/// Where a rollout stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RolloutState {
    /// Work goes on.
    Running,
    /// Nothing new is started until the reason is gone.
    Paused {
        /// Why.
        reason: PauseReason,
    },
    /// Somebody aborted it: nothing new is started, what runs is cancelled.
    Aborting,
    /// It is over, for good.
    Finished {
        /// How it ended.
        verdict: Verdict,
        /// When.
        at: Timestamp,
    },
}

/// Why a rollout is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum PauseReason {
    /// Somebody said so.
    Operator,
    /// It cannot be told what happened on a database.
    Unknown {
        /// The database.
        database: DatabaseName,
    },
    /// An agent with work in its hands is silent.
    AgentUnreachable {
        /// The database.
        database: DatabaseName,
    },
    /// A statement was cut off, and a person has to say whether it took effect.
    Unsettled {
        /// The database.
        database: DatabaseName,
    },
    /// More databases have failed than policy allows.
    Budget {
        /// How many have failed.
        failed: u32,
        /// How many may.
        allowed: u32,
    },
    /// A wave is done, and policy wants a person to let the next one start.
    Wave {
        /// The wave's place in the policy, from 0.
        wave: u32,
    },
    /// Nothing has moved for longer than policy allows.
    NoProgress {
        /// A database that is worked on.
        database: DatabaseName,
    },
    /// A query of the policy could not be asked of a database.
    Verification {
        /// The database.
        database: DatabaseName,
    },
    /// The approvals of its plan do not count any more: another policy is in force, or somebody may not approve any more.
    ApprovalStale {
        /// How many count.
        have: u32,
        /// How many must.
        need: u32,
        /// What says so: the version of the policy and the key.
        rule: String,
    },
    /// Nothing may begin at this time. It goes on by itself.
    Window {
        /// When it may; absent: not within a year.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opens: Option<Timestamp>,
        /// What says so: the version of the policy and the key.
        rule: String,
        /// The reason that stands there; empty: none.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
        /// How long the shortest of what comes next may take, where that is longer than the window is open.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        needs: Option<Span>,
    },
    /// Nothing may begin until the freeze is lifted. It then goes on by itself.
    Freeze {
        /// Why.
        reason: String,
        /// Who froze it; absent: the policy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<OperatorName>,
        /// The key of the policy, or the command that lifts it.
        rule: String,
    },
}

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every target is done.
    Succeeded,
    /// A target failed, and the rest was not started; or one was cancelled, and the rest is done.
    Failed,
    /// Somebody aborted it.
    Aborted,
}

/// One database of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The last backup of this run.
    pub backup: Option<Backup>,
    /// How many steps were done when it was made.
    pub backup_after: usize,
    /// The steps that are recorded.
    pub done: Vec<StepDone>,
    /// The state that the next command starts from.
    pub expect: Expectation,
    /// How many commands of the present kind were issued since something was done.
    pub attempt: u32,
    /// How many pieces of a migration that is cut off are done, as far as it was told.
    pub pieces: u32,
    /// What a rehearsal has shown; `None`: there was none.
    pub rehearsed: Option<Rehearsed>,
    /// Whether the policy's queries were asked since the last run, and answered as they should.
    pub verified: bool,
    /// Whether somebody cancelled what runs on it.
    pub cancelled: bool,
    /// Whether what runs on it was cancelled because it took longer than this.
    pub overdue: Option<Span>,
    /// When it last moved.
    pub moved_at: Timestamp,
    /// Where it stands.
    pub state: TargetState,
}

/// Where one database of a rollout stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetState {
    /// Nothing is under way: the next command is due.
    Due,
    /// A command is under way.
    Running {
        /// The command.
        command: CommandId,
    },
    /// Everything is done.
    Done,
    /// It failed.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// The agent would not start it.
    Refused {
        /// Why, in words.
        why: String,
    },
    /// It was cancelled.
    Cancelled,
    /// It cannot be told what happened.
    Unknown {
        /// The command.
        command: CommandId,
        /// What is known.
        why: String,
    },
    /// All is run, and a query of the policy could not be asked. Nothing is at work.
    Unverified {
        /// Why, in words.
        why: String,
    },
    /// A statement was cut off, and nothing shows whether it took effect. Nothing is at work.
    Unsettled {
        /// The statement.
        statement: Unsettled,
    },
    /// Somebody left it out.
    Skipped {
        /// Who.
        by: OperatorName,
        /// Why.
        reason: String,
    },
    /// The rollout ended before its turn.
    NotReached,
}

impl RolloutState {
    /// Whether it is over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match self {
            Self::Finished { .. } => true,
            Self::Running | Self::Paused { .. } | Self::Aborting => false,
        }
    }
}

impl Wave {
    /// A wave that starts.
    pub(crate) fn new(place: usize, databases: impl Iterator<Item = DatabaseName>) -> Self {
        let members = databases.enumerate().map(|(at, name)| (name, at)).collect();
        Self { place, members, stage: Stage::Working }
    }
}

impl Rollout {
    /// How many databases have failed, or were refused by their agents.
    #[must_use]
    pub fn failures(&self) -> u32 {
        let bad = self.targets.values().filter(|target| target.state.is_bad()).count();
        u32::try_from(bad).unwrap_or(u32::MAX)
    }

    /// Whether it stands still after failures with nothing in anybody's hands: whoever starts another plan on its
    /// databases takes its place.
    #[must_use]
    pub fn is_halted(&self) -> bool {
        let budget = matches!(self.state, RolloutState::Paused { reason: PauseReason::Budget { .. } });
        budget && self.targets.values().all(|target| target.state.command().is_none())
    }
}

impl TargetState {
    /// Whether a command is in the agent's hands, or may be.
    #[must_use]
    pub fn command(&self) -> Option<&CommandId> {
        match self {
            Self::Running { command } | Self::Unknown { command, .. } => Some(command),
            Self::Due
            | Self::Done
            | Self::Failed { .. }
            | Self::Refused { .. }
            | Self::Cancelled
            | Self::Unsettled { .. }
            | Self::Unverified { .. }
            | Self::Skipped { .. }
            | Self::NotReached => None,
        }
    }

    /// Whether it went wrong, for good. What somebody cancelled did not.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        match self {
            Self::Failed { .. } | Self::Refused { .. } => true,
            Self::Due
            | Self::Cancelled
            | Self::Done
            | Self::Running { .. }
            | Self::Unknown { .. }
            | Self::Unsettled { .. }
            | Self::Unverified { .. }
            | Self::Skipped { .. }
            | Self::NotReached => false,
        }
    }
}
