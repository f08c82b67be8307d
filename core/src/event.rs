//! What happened: the only way in which the state changes, and the form in which it is stored.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::access::{Certificate, JoinToken, Operator};
use crate::acknowledge::Acknowledgement;
use crate::backup::BackupId;
use crate::command::{Command, CommandId, Outcome, Resolution};
use crate::database::Observation;
use crate::digest::Digest;
use crate::job::{JobEnd, JobId, Restore};
use crate::migration::is_false;
use crate::name::{DatabaseName, EnvironmentName, OperatorName, TokenId};
use crate::notice::Closing;
use crate::plan::{Plan, PlanId};
use crate::policy::Policy;
use crate::release::Release;
use crate::retention::Condemnation;
use crate::rollout::{AllBulk, Confirmation, PauseReason, RolloutId, Verdict};
use crate::time::{Span, Timestamp};
use crate::witness::{Checkpoint, Finding};

/// Who caused an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// A person or program.
    Operator(OperatorName),
    /// An agent, by its database.
    Agent(DatabaseName),
    /// The controller itself.
    Controller,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operator(name) => write!(f, "operator/{name}"),
            Self::Agent(name) => write!(f, "agent/{name}"),
            Self::Controller => f.write_str("controller"),
        }
    }
}

/// An event with its circumstances: what `evolve` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the ledger, from 1.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// A policy came into force.
    PolicyApplied {
        /// The policy.
        policy: Policy,
    },
    /// An operator was added, or got a new certificate.
    OperatorAdded {
        /// The operator.
        operator: Operator,
    },
    /// An operator may not do anything any more.
    OperatorRevoked {
        /// The operator.
        operator: OperatorName,
        /// Why.
        reason: String,
    },
    /// An agent was invited.
    TokenCreated {
        /// The invitation.
        token: JoinToken,
    },
    /// An agent took its invitation.
    AgentEnrolled {
        /// The invitation.
        token: TokenId,
        /// Which database it really serves.
        system_identifier: String,
        /// Its certificate.
        certificate: Certificate,
    },
    /// An agent got the successor of its certificate.
    AgentRenewed {
        /// Its database.
        database: DatabaseName,
        /// The successor.
        certificate: Certificate,
    },
    /// An agent used the successor: the one before does not count any more.
    RenewalUsed {
        /// Its database.
        database: DatabaseName,
    },
    /// An agent may not do anything any more.
    AgentRevoked {
        /// Its database.
        database: DatabaseName,
        /// Why.
        reason: String,
    },
    /// Two agents were connected with one identity: neither is served.
    AgentContested {
        /// Their database.
        database: DatabaseName,
        /// The certificates that count: with these nobody gets in.
        serials: BTreeSet<String>,
        /// Where they were connected from, as far as it was seen.
        places: Vec<String>,
    },
    /// A database is not managed any more.
    DatabaseRemoved {
        /// The database.
        database: DatabaseName,
        /// Why.
        reason: String,
    },
    /// A database is not as it was last seen.
    DatabaseObserved {
        /// The database.
        database: DatabaseName,
        /// What was seen.
        observation: Observation,
    },
    /// A database has another schema than the one that was seen last, and no migration of pgbelay made it so.
    DriftFound {
        /// The database.
        database: DatabaseName,
        /// The fingerprint that was seen last.
        expected: Digest,
        /// The fingerprint that it has.
        found: Digest,
    },
    /// A database has been out of reach for longer than policy lets pass: nobody knows how it is.
    DatabaseUnreachable {
        /// The database.
        database: DatabaseName,
        /// When it was last known to be well.
        since: Timestamp,
    },
    /// It is there again.
    DatabaseReachable {
        /// The database.
        database: DatabaseName,
    },
    /// Rollback windows close soon.
    WindowsClosing {
        /// Where.
        environment: EnvironmentName,
        /// Which.
        windows: Vec<Closing>,
    },
    /// A release was pushed.
    ReleaseRecorded {
        /// The release.
        release: Release,
    },
    /// A plan was made.
    PlanCreated {
        /// The plan.
        plan: Plan,
    },
    /// A plan was approved.
    PlanApproved {
        /// The plan.
        plan: PlanId,
        /// By whom.
        by: OperatorName,
    },
    /// A plan was tried on the live databases, and rolled back there.
    PlanTried {
        /// The plan.
        plan: PlanId,
        /// How many databases it was tried on.
        databases: u32,
        /// On how many of them it failed.
        failed: u32,
    },
    /// A plan began to be carried out.
    RolloutStarted {
        /// The rollout.
        rollout: RolloutId,
        /// The plan.
        plan: PlanId,
        /// By whom.
        by: OperatorName,
        /// How the danger was confirmed.
        confirmation: Confirmation,
        /// The hazards that whoever started it acknowledged.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        acknowledged: BTreeSet<Acknowledgement>,
        /// What the migrations have to work through, as it was measured before.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        bulk: AllBulk,
    },
    /// Nothing new is started.
    RolloutPaused {
        /// The rollout.
        rollout: RolloutId,
        /// Why.
        reason: PauseReason,
    },
    /// Work goes on.
    RolloutResumed {
        /// The rollout.
        rollout: RolloutId,
    },
    /// A wave starts; which databases it has is settled from here on.
    WaveStarted {
        /// The rollout.
        rollout: RolloutId,
        /// Its place in the policy that the plan was made under, from 0.
        place: usize,
        /// Its databases, in the order in which they are started.
        databases: Vec<DatabaseName>,
    },
    /// The databases of the last wave are done, and it is waited before the next one.
    WaveBakes {
        /// The rollout.
        rollout: RolloutId,
        /// Until when.
        until: Timestamp,
    },
    /// The wait after the last wave is over, and its databases are asked the policy's queries once more.
    WaveVerifies {
        /// The rollout.
        rollout: RolloutId,
    },
    /// The next wave may start.
    WavePassed {
        /// The rollout.
        rollout: RolloutId,
        /// Who let it; absent: its time had come.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<OperatorName>,
    },
    /// What failed is tried again.
    RolloutRetried {
        /// The rollout.
        rollout: RolloutId,
        /// What failed.
        databases: BTreeSet<DatabaseName>,
    },
    /// What a rollout did is not rolled back by itself, though policy wants that.
    UndoGivenUp {
        /// The rollout.
        rollout: RolloutId,
        /// Why, in words.
        why: String,
    },
    /// Somebody left a database out.
    TargetSkipped {
        /// The rollout.
        rollout: RolloutId,
        /// The database.
        database: DatabaseName,
        /// Who.
        by: OperatorName,
        /// Why.
        reason: String,
    },
    /// What runs on a target takes too long, and is to be cancelled.
    TargetOverdue {
        /// The rollout.
        rollout: RolloutId,
        /// The database.
        database: DatabaseName,
        /// Longer than this.
        deadline: Span,
    },
    /// Somebody aborted it.
    RolloutAborted {
        /// The rollout.
        rollout: RolloutId,
    },
    /// It is over.
    RolloutFinished {
        /// The rollout.
        rollout: RolloutId,
        /// How it ended.
        verdict: Verdict,
    },
    /// A rollout need not wait for windows.
    WindowOverridden {
        /// The rollout.
        rollout: RolloutId,
        /// Who said so.
        by: OperatorName,
        /// Why.
        reason: String,
    },
    /// Nothing may begin any more.
    Frozen {
        /// Where; absent: everywhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        environment: Option<EnvironmentName>,
        /// Who said so.
        by: OperatorName,
        /// Why.
        reason: String,
    },
    /// A freeze was lifted.
    Unfrozen {
        /// Which; absent: that of everything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        environment: Option<EnvironmentName>,
        /// By whom.
        by: OperatorName,
    },
    /// A target has nothing to do.
    TargetUpToDate {
        /// The rollout.
        rollout: RolloutId,
        /// The database.
        database: DatabaseName,
    },
    /// Somebody cancelled what runs on a target, or keeps it from being started.
    TargetCancelled {
        /// The rollout.
        rollout: RolloutId,
        /// The database.
        database: DatabaseName,
    },
    /// Somebody said whether a statement that was cut off took effect.
    StatementResolved {
        /// The database.
        database: DatabaseName,
        /// What was said.
        resolution: Resolution,
    },
    /// A target was given up: its agent died on it too often or was revoked, or what the plan rests on is no more.
    TargetGivenUp {
        /// The rollout.
        rollout: RolloutId,
        /// The database.
        database: DatabaseName,
        /// What is no more, in words; absent: it was the agent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A backup was read again.
    BackupChecked {
        /// Of which database.
        database: DatabaseName,
        /// Which.
        backup: BackupId,
        /// What is wrong with it, in words; nothing: it is whole.
        problems: Vec<String>,
        /// Whether it was only looked at, and not read.
        #[serde(default, skip_serializing_if = "is_false")]
        quick: bool,
        /// What is wrong with some of its copies while another one is whole, in words.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<String>,
    },
    /// A backup is given up: its agent may be asked to delete it.
    BackupCondemned {
        /// Of which database.
        database: DatabaseName,
        /// Which.
        backup: BackupId,
        /// Why.
        why: Condemnation,
    },
    /// A backup is gone.
    BackupRemoved {
        /// Of which database.
        database: DatabaseName,
        /// Which.
        backup: BackupId,
    },
    /// An agent is to do something with a backup.
    JobStarted {
        /// The job.
        job: JobId,
        /// Whose agent.
        database: DatabaseName,
        /// Who asked; absent: the policy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<OperatorName>,
        /// What to do.
        restore: Restore,
    },
    /// An agent has a job.
    JobTaken {
        /// The job.
        job: JobId,
    },
    /// Somebody asked to end a job.
    JobCancelled {
        /// The job.
        job: JobId,
    },
    /// A job came to its end.
    JobEnded {
        /// The job.
        job: JobId,
        /// How.
        end: JobEnd,
    },
    /// An agent was told of an entry that the ledger does not have: nothing that changes a database is sent any more.
    LedgerDoubted {
        /// The agent's database.
        database: DatabaseName,
        /// What it had been told.
        witnessed: Checkpoint,
        /// What that says of the ledger.
        finding: Finding,
        /// Where the ledger ended.
        head: u64,
    },
    /// An admin took the ledger for the true one.
    LedgerAccepted {
        /// What agents had witnessed against it.
        witnessed: BTreeMap<DatabaseName, Checkpoint>,
        /// Why.
        reason: String,
    },
    /// What an agent says of the ledger does not count any more.
    WitnessSetAside {
        /// The agent's database.
        database: DatabaseName,
        /// Why.
        reason: String,
    },
    /// What an agent says of the ledger counts again.
    WitnessHeard {
        /// The agent's database.
        database: DatabaseName,
    },
    /// A command may be sent.
    CommandIssued {
        /// The command.
        command: Command,
    },
    /// An agent has a command in its journal.
    CommandAccepted {
        /// The command.
        command: CommandId,
    },
    /// An agent told what came of a command.
    CommandFinished {
        /// The command.
        command: CommandId,
        /// What came of it.
        outcome: Outcome,
    },
}

impl Event {
    /// The name under which the ledger keeps it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::PolicyApplied { .. } => "policy-applied",
            Self::OperatorAdded { .. } => "operator-added",
            Self::OperatorRevoked { .. } => "operator-revoked",
            Self::TokenCreated { .. } => "token-created",
            Self::AgentEnrolled { .. } => "agent-enrolled",
            Self::AgentRenewed { .. } => "agent-renewed",
            Self::RenewalUsed { .. } => "renewal-used",
            Self::AgentRevoked { .. } => "agent-revoked",
            Self::AgentContested { .. } => "agent-contested",
            Self::DatabaseRemoved { .. } => "database-removed",
            Self::DatabaseObserved { .. } => "database-observed",
            Self::DriftFound { .. } => "drift-found",
            Self::DatabaseUnreachable { .. } => "database-unreachable",
            Self::DatabaseReachable { .. } => "database-reachable",
            Self::WindowsClosing { .. } => "windows-closing",
            Self::ReleaseRecorded { .. } => "release-recorded",
            Self::PlanCreated { .. } => "plan-created",
            Self::PlanApproved { .. } => "plan-approved",
            Self::PlanTried { .. } => "plan-tried",
            Self::RolloutStarted { .. } => "rollout-started",
            Self::RolloutPaused { .. } => "rollout-paused",
            Self::RolloutResumed { .. } => "rollout-resumed",
            Self::WaveStarted { .. } => "wave-started",
            Self::WaveBakes { .. } => "wave-bakes",
            Self::WaveVerifies { .. } => "wave-verifies",
            Self::WavePassed { .. } => "wave-passed",
            Self::UndoGivenUp { .. } => "undo-given-up",
            Self::RolloutRetried { .. } => "rollout-retried",
            Self::TargetSkipped { .. } => "target-skipped",
            Self::TargetOverdue { .. } => "target-overdue",
            Self::RolloutAborted { .. } => "rollout-aborted",
            Self::RolloutFinished { .. } => "rollout-finished",
            Self::WindowOverridden { .. } => "window-overridden",
            Self::Frozen { .. } => "frozen",
            Self::Unfrozen { .. } => "unfrozen",
            Self::TargetUpToDate { .. } => "target-up-to-date",
            Self::TargetCancelled { .. } => "target-cancelled",
            Self::StatementResolved { .. } => "statement-resolved",
            Self::TargetGivenUp { .. } => "target-given-up",
            Self::BackupChecked { .. } => "backup-checked",
            Self::JobStarted { .. } => "job-started",
            Self::JobTaken { .. } => "job-taken",
            Self::JobCancelled { .. } => "job-cancelled",
            Self::JobEnded { .. } => "job-ended",
            Self::BackupCondemned { .. } => "backup-condemned",
            Self::BackupRemoved { .. } => "backup-removed",
            Self::LedgerDoubted { .. } => "ledger-doubted",
            Self::LedgerAccepted { .. } => "ledger-accepted",
            Self::WitnessSetAside { .. } => "witness-set-aside",
            Self::WitnessHeard { .. } => "witness-heard",
            Self::CommandIssued { .. } => "command-issued",
            Self::CommandAccepted { .. } => "command-accepted",
            Self::CommandFinished { .. } => "command-finished",
        }
    }
}
