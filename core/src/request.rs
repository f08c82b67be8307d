//! What may be asked of the controller.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::{Certificate, Role};
use crate::acknowledge::Acknowledgement;
use crate::backup::{BackupId, Looks};
use crate::command::{CommandId, Outcome};
use crate::database::Observation;
use crate::digest::Digest;
use crate::job::{JobEnd, JobId, Restore};
use crate::judge::AllJudged;
use crate::migration::Version;
use crate::name::{DatabaseName, EnvironmentName, OperatorName, TokenId};
use crate::plan::{AllHistories, AllSizes, Goal, PlanId};
use crate::policy::Policy;
use crate::release::Release;
use crate::rollout::{Confirmation, RolloutId};
use crate::time::{Span, Timestamp};
use crate::witness::{Checkpoint, Looked};

mod refusal;

pub(crate) use refusal::by_role;
pub use refusal::{Refusal, RefusalClass, TokenFault};

/// Something that is asked of the controller.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Put a policy in force.
    ApplyPolicy(Policy),
    /// Add an operator, or give one a new certificate.
    AddOperator {
        /// The name.
        name: OperatorName,
        /// What it may do.
        role: Role,
        /// Where; `None`: everywhere.
        environments: Option<BTreeSet<EnvironmentName>>,
        /// Its certificate.
        certificate: Certificate,
    },
    /// Take an operator's rights.
    RevokeOperator {
        /// The operator.
        operator: OperatorName,
        /// Why.
        reason: String,
    },
    /// Invite an agent.
    CreateToken {
        /// The public part of the token.
        id: TokenId,
        /// The digest of its secret part.
        secret: Digest,
        /// The database that it counts for.
        database: DatabaseName,
        /// Where the database belongs.
        environment: EnvironmentName,
        /// Its labels.
        labels: BTreeMap<String, String>,
        /// How long it counts.
        lifetime: Span,
    },
    /// An agent takes its invitation.
    Enrol {
        /// The token.
        token: TokenId,
        /// The digest of the secret that was shown.
        secret: Digest,
        /// The database that the agent says it serves.
        database: DatabaseName,
        /// Which database that really is.
        system_identifier: String,
        /// The certificate that it would get.
        certificate: Certificate,
    },
    /// An agent asks for the successor of its certificate.
    Renew {
        /// Its database.
        database: DatabaseName,
        /// The serial number of the certificate that it asks with.
        serial: String,
        /// The successor.
        certificate: Certificate,
    },
    /// An agent connected with a certificate.
    CertificateSeen {
        /// Its database.
        database: DatabaseName,
        /// The serial number that it showed.
        serial: String,
    },
    /// Take an agent's rights.
    RevokeAgent {
        /// Its database.
        database: DatabaseName,
        /// Why.
        reason: String,
    },
    /// Two agents were connected with one identity.
    Contest {
        /// Their database.
        database: DatabaseName,
        /// Where they were connected from, as far as it was seen.
        places: Vec<String>,
    },
    /// Forget a database: it is not managed any more.
    RemoveDatabase {
        /// The database.
        database: DatabaseName,
        /// Why.
        reason: String,
    },
    /// An agent told what it reads from its database.
    Observe {
        /// The database.
        database: DatabaseName,
        /// What it reads.
        observation: Observation,
    },
    /// Tell of the rollback windows of an environment that close soon.
    NoticeWindows {
        /// Where.
        environment: EnvironmentName,
        /// How soon.
        within: Span,
    },
    /// Record a release.
    RecordRelease(Release),
    /// Make a plan.
    CreatePlan {
        /// Where.
        environment: EnvironmentName,
        /// What for.
        goal: Goal,
        /// The databases whose state was just read; the others count as not known.
        fresh: BTreeSet<DatabaseName>,
        /// What was found in the SQL that will run; a step that is not in it counts as not judged.
        judged: AllJudged,
        /// How large the relations are that it is about, where policy lets that count.
        sizes: AllSizes,
        /// What the history tables of other tools hold, for a plan that adopts them.
        histories: AllHistories,
    },
    /// Approve a plan.
    Approve {
        /// The plan.
        plan: PlanId,
    },
    /// A plan was tried on the live databases.
    RecordTrial {
        /// The plan.
        plan: PlanId,
        /// How many databases it was tried on.
        databases: u32,
        /// On how many of them it failed.
        failed: u32,
    },
    /// Carry a plan out.
    StartRollout {
        /// The plan.
        plan: PlanId,
        /// How the danger was confirmed.
        confirmation: Confirmation,
        /// The hazards that were acknowledged.
        acknowledged: BTreeSet<Acknowledgement>,
        /// How large the relations are now, as far as it could be read.
        sizes: AllSizes,
        /// The backups that its way back rests on: whether they could be looked at a moment ago.
        looks: Looks,
    },
    /// Start nothing new.
    PauseRollout {
        /// The rollout.
        rollout: RolloutId,
    },
    /// Go on.
    ResumeRollout {
        /// The rollout.
        rollout: RolloutId,
    },
    /// Start nothing new and cancel what runs.
    AbortRollout {
        /// The rollout.
        rollout: RolloutId,
    },
    /// Let a rollout go on outside of windows.
    OverrideWindow {
        /// The rollout.
        rollout: RolloutId,
        /// Why.
        reason: String,
    },
    /// Let nothing begin.
    Freeze {
        /// Where; `None`: everywhere.
        environment: Option<EnvironmentName>,
        /// Why.
        reason: String,
    },
    /// Lift a freeze.
    Unfreeze {
        /// Which; `None`: that of everything.
        environment: Option<EnvironmentName>,
    },
    /// End what runs on one database of a rollout, or keep it from being started.
    CancelTarget {
        /// The rollout.
        rollout: RolloutId,
        /// The database.
        database: DatabaseName,
    },
    /// Try again what failed in a rollout.
    RetryRollout {
        /// The rollout.
        rollout: RolloutId,
    },
    /// Leave one database of a rollout out.
    SkipTarget {
        /// The rollout.
        rollout: RolloutId,
        /// The database.
        database: DatabaseName,
        /// Why.
        reason: String,
    },
    /// What a rollout did cannot be rolled back by itself.
    GiveUpUndo {
        /// The rollout.
        rollout: RolloutId,
        /// Why, in words.
        why: String,
    },
    /// Let the next wave of a rollout start.
    PassWave {
        /// The rollout.
        rollout: RolloutId,
    },
    /// Say whether a statement that was cut off took effect.
    Resolve {
        /// The database.
        database: DatabaseName,
        /// The migration.
        version: Version,
        /// Whether it took effect.
        done: bool,
        /// How one knows.
        reason: String,
    },
    /// A backup was read again by its agent.
    RecordCheck {
        /// Of which database.
        database: DatabaseName,
        /// Which.
        backup: BackupId,
        /// What is wrong with it.
        problems: Vec<String>,
        /// What is wrong with some of its copies while another one is whole.
        notes: Vec<String>,
    },
    /// Have an agent do something with a backup of its database.
    StartJob {
        /// The database.
        database: DatabaseName,
        /// What to do.
        restore: Restore,
    },
    /// End a job.
    CancelJob {
        /// The job.
        job: JobId,
    },
    /// An agent has a job.
    JobTaken {
        /// The job.
        job: JobId,
    },
    /// A job came to its end.
    EndJob {
        /// The job.
        job: JobId,
        /// How.
        end: JobEnd,
    },
    /// A backup was looked at by its agent, and not read.
    RecordLook {
        /// Of which database.
        database: DatabaseName,
        /// Which.
        backup: BackupId,
        /// What is wrong with it.
        problems: Vec<String>,
    },
    /// Give up those of these backups that policy lets go.
    Condemn {
        /// Of which database.
        database: DatabaseName,
        /// Which.
        backups: BTreeSet<BackupId>,
    },
    /// A backup that was given up is gone.
    BackupGone {
        /// Of which database.
        database: DatabaseName,
        /// Which.
        backup: BackupId,
    },
    /// Take the next steps of a rollout, if any are due.
    Advance {
        /// The rollout.
        rollout: RolloutId,
    },
    /// An agent has a command in its journal.
    Accepted {
        /// The command.
        command: CommandId,
        /// The run that it accepted.
        attempt: u32,
    },
    /// An agent told what came of a command.
    Report {
        /// The command.
        command: CommandId,
        /// The run that it tells of.
        attempt: u32,
        /// What came of it.
        outcome: Outcome,
    },
    /// A database has been out of reach for longer than policy lets pass.
    Unreachable {
        /// The database.
        database: DatabaseName,
        /// When it was last known to be well.
        since: Timestamp,
    },
    /// A database that was out of reach is there again.
    Reachable {
        /// The database.
        database: DatabaseName,
    },
    /// An agent with work in its hands has been silent for too long.
    AgentSilent {
        /// Its database.
        database: DatabaseName,
    },
    /// An agent tells what it was told of the ledger last.
    Witness {
        /// Its database.
        database: DatabaseName,
        /// What it was told.
        witnessed: Checkpoint,
        /// What the ledger says to it.
        looked: Looked,
    },
    /// Take the ledger for the true one, whatever agents have witnessed.
    AcceptLedger {
        /// Why.
        reason: String,
    },
    /// Let an agent's word about the ledger not count.
    SetAside {
        /// Its database.
        database: DatabaseName,
        /// Why.
        reason: String,
    },
    /// Let it count again.
    HearAgain {
        /// Its database.
        database: DatabaseName,
    },
    /// An agent is back.
    AgentBack {
        /// Its database.
        database: DatabaseName,
    },
}

/// The moment and the one who asks: what every decision is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstances {
    /// Who asks.
    pub actor: crate::event::Actor,
    /// When.
    pub now: Timestamp,
}
