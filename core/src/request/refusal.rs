//! Why the controller says no, in words that a person can go on from.

use pgbelay_analysis::Risk;

use crate::access::Role;
use crate::acknowledge::Acknowledgement;
use crate::backup::{BackupId, Unusable};
use crate::history::Misfit;
use crate::job::JobId;
use crate::migration::Version;
use crate::name::{DatabaseName, EnvironmentName, OperatorName};
use crate::plan::{PlanId, PlanProblem};
use crate::policy::PolicyError;
use crate::rollout::{PauseReason, RolloutId, Verdict};

/// Why a request is not granted. The message says what happened; [`Refusal::next_step`] what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The role does not allow it.
    #[error("{who} may not do this: it needs the role {needed}{place}", needed = needed.as_str())]
    NotAllowed {
        /// Who asked.
        who: String,
        /// The role that it needs.
        needed: Role,
        /// Where, in words, or nothing.
        place: String,
    },
    /// There is no such thing.
    #[error("there is no {what} called {name}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// The name that was asked for.
        name: String,
    },
    /// The policy document is wrong.
    #[error("the policy is refused: {}", join(.0))]
    BadPolicy(Vec<PolicyError>),
    /// The policy would forget environments that have databases.
    #[error("the policy drops {environment}, which has databases: {}", databases.join(", "))]
    EnvironmentInUse {
        /// The environment.
        environment: EnvironmentName,
        /// Its databases.
        databases: Vec<String>,
    },
    /// The token does not count.
    #[error("the join token {because}")]
    BadToken {
        /// Why: has been used, has expired, is for another database, is not known.
        because: TokenFault,
    },
    /// The agent serves another database than the one that was enrolled under the name.
    #[error(
        "{database} was enrolled for another PostgreSQL database than the one that this agent is connected to"
    )]
    OtherDatabase {
        /// The name.
        database: DatabaseName,
    },
    /// The identity was revoked.
    #[error("{who} has been revoked")]
    Revoked {
        /// Who.
        who: String,
    },
    /// The agent was given a successor of its certificate a moment ago, and has not used it.
    #[error("agent/{database} was given a new certificate less than a minute ago and has not used it")]
    JustRenewed {
        /// Its database.
        database: DatabaseName,
    },
    /// Nobody would be left who may add operators.
    #[error("{operator} is the last admin of every environment")]
    LastAdmin {
        /// The admin.
        operator: OperatorName,
    },
    /// The plan cannot be made.
    #[error("no plan can be made: {}", join(.0))]
    CannotPlan(Vec<PlanProblem>),
    /// There is no database in the environment.
    #[error("{0} has no database")]
    NoDatabase(EnvironmentName),
    /// The rollback target was never applied.
    #[error("version {target} is not applied on any database of {environment}")]
    TargetNotApplied {
        /// The target.
        target: String,
        /// Where.
        environment: EnvironmentName,
    },
    /// The plan was made for a state that is no more.
    #[error("plan {plan} is stale: {because}")]
    StalePlan {
        /// The plan.
        plan: PlanId,
        /// What has changed.
        because: String,
    },
    /// The release has not proven itself where it must.
    #[error("the release has not succeeded on every database of {environment}: {}", missing.join(", "))]
    NotProven {
        /// Where it must have succeeded.
        environment: EnvironmentName,
        /// Where it has not.
        missing: Vec<String>,
    },
    /// Approvals are missing.
    #[error("plan {plan} waits for approval: it has {have} of {need}")]
    WaitsForApproval {
        /// The plan.
        plan: PlanId,
        /// How many it has.
        have: u32,
        /// How many it needs.
        need: u32,
    },
    /// The author cannot approve.
    #[error("{0} made this plan, and nobody approves a plan of their own")]
    OwnPlan(OperatorName),
    /// The danger was not confirmed.
    #[error("plan {plan} is of {risk} risk and was not confirmed")]
    NotConfirmed {
        /// The plan.
        plan: PlanId,
        /// Its risk.
        risk: Risk,
    },
    /// Hazards were not acknowledged.
    #[error("plan {plan} has hazards that must be acknowledged: {}", join(.missing))]
    NotAcknowledged {
        /// The plan.
        plan: PlanId,
        /// What is missing.
        missing: Vec<Acknowledgement>,
    },
    /// What was acknowledged is not in the plan.
    #[error("plan {plan} has no such hazard: {}", meant(.pointless))]
    PointlessAcknowledgements {
        /// The plan.
        plan: PlanId,
        /// What was given, each with what was perhaps meant.
        pointless: Vec<(Acknowledgement, Option<Acknowledgement>)>,
    },
    /// A wait that counted little counts more by now, or nobody can tell.
    #[error("plan {plan} took tables for small and calm that are not any more, or could not be measured, on {}", join(.databases))]
    Grown {
        /// The plan.
        plan: PlanId,
        /// Where.
        databases: Vec<DatabaseName>,
    },
    /// Backups that rollback windows rest on are of no use.
    #[error("the rollback cannot start: {}", join(.0))]
    NoWayBack(Vec<Unusable>),
    /// A backup that a rollback window rests on could not be looked at.
    #[error("the rollback cannot start: backup {backup} of {database} could not be looked at: {why}")]
    NotLookedAt {
        /// The database.
        database: DatabaseName,
        /// The backup.
        backup: BackupId,
        /// Why, in words.
        why: String,
    },
    /// Force is not allowed there.
    #[error("the policy of {0} does not allow --force")]
    ForceNotAllowed(EnvironmentName),
    /// Another rollout is at work.
    #[error("{database} is in the hands of rollout {rollout}")]
    Busy {
        /// The database.
        database: DatabaseName,
        /// The rollout.
        rollout: RolloutId,
    },
    /// The rollout is over.
    #[error("rollout {rollout} is over: {verdict:?}")]
    RolloutOver {
        /// The rollout.
        rollout: RolloutId,
        /// How it ended.
        verdict: Verdict,
    },
    /// The rollout cannot go on yet.
    #[error("rollout {rollout} cannot go on: {}", reason)]
    StillPaused {
        /// The rollout.
        rollout: RolloutId,
        /// Why.
        reason: PauseReason,
    },
    /// The rollout has no such database.
    #[error("rollout {rollout} has no database {database}")]
    NotATarget {
        /// The rollout.
        rollout: RolloutId,
        /// The database.
        database: DatabaseName,
    },
    /// A target has come to its end.
    #[error("nothing runs on {database} in rollout {rollout}: it is {state}")]
    NothingToCancel {
        /// The rollout.
        rollout: RolloutId,
        /// The database.
        database: DatabaseName,
        /// Where it stands, in a word.
        state: &'static str,
    },
    /// There is no statement to be resolved.
    #[error("{database} has no statement of migration {version} of which it is not known whether it took effect{}", another(.open.as_ref()))]
    NothingToResolve {
        /// The database.
        database: DatabaseName,
        /// The migration.
        version: Version,
        /// The migration that has one, if another has.
        open: Option<Version>,
    },
    /// A job is at work on the database.
    #[error("job {job} is at work on {database}")]
    JobAtWork {
        /// The database.
        database: DatabaseName,
        /// The job.
        job: JobId,
    },
    /// The job is over.
    #[error("job {0} is over")]
    JobOver(JobId),
    /// The backup cannot be restored, or not like that.
    #[error("backup {backup} cannot be restored: {why}")]
    NotRestorable {
        /// The backup.
        backup: BackupId,
        /// Why.
        why: String,
    },
    /// Nobody said how it is known.
    #[error("a reason is needed: how is it known whether the statement took effect?")]
    NoReason,
}

fn another(version: Option<&Version>) -> String {
    version.map(|version| format!("; migration {version} has one")).unwrap_or_default()
}

/// Why a join token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// There is none, or its secret is wrong: not told apart on purpose.
    #[error("is not known")]
    Unknown,
    /// It has been used.
    #[error("has already been used, or was replaced by a newer one")]
    Used,
    /// It has expired.
    #[error("has expired")]
    Expired,
    /// It is for another database.
    #[error("is for another database")]
    OtherName,
}

/// How a refusal ends a command of the CLI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalClass {
    /// What was asked for does not exist or makes no sense.
    Usage,
    /// Not allowed for this identity.
    NotAllowed,
    /// Policy, window, stale plan.
    Refused,
    /// Somebody has to approve first.
    WaitsForApproval,
}

fn join(problems: &[impl std::fmt::Display]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn meant(pointless: &[(Acknowledgement, Option<Acknowledgement>)]) -> String {
    let one = |(given, meant): &(Acknowledgement, Option<Acknowledgement>)| match meant {
        Some(meant) => format!("{given} (did you mean {meant}?)"),
        None => given.to_string(),
    };
    pointless.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl std::fmt::Display for PauseReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Operator => f.write_str("operator"),
            Self::Unknown { database } => write!(f, "unknown: what happened on {database} cannot be told"),
            Self::AgentUnreachable { database } => {
                write!(f, "agent_unreachable: the agent of {database} is silent")
            }
            Self::Unsettled { database } => {
                write!(
                    f,
                    "unknown: a statement was cut off on {database}, and nothing shows whether it took effect"
                )
            }
        }
    }
}

impl Refusal {
    /// The class of the refusal: what the CLI's exit code says.
    #[must_use]
    pub const fn class(&self) -> RefusalClass {
        match self {
            Self::NotAllowed { .. } | Self::Revoked { .. } => RefusalClass::NotAllowed,
            Self::NotFound { .. }
            | Self::BadPolicy(_)
            | Self::NoDatabase(_)
            | Self::PointlessAcknowledgements { .. }
            | Self::NotATarget { .. }
            | Self::NoReason => RefusalClass::Usage,
            Self::WaitsForApproval { .. } => RefusalClass::WaitsForApproval,
            Self::EnvironmentInUse { .. }
            | Self::BadToken { .. }
            | Self::OtherDatabase { .. }
            | Self::LastAdmin { .. }
            | Self::JustRenewed { .. }
            | Self::CannotPlan(_)
            | Self::TargetNotApplied { .. }
            | Self::StalePlan { .. }
            | Self::NotProven { .. }
            | Self::OwnPlan(_)
            | Self::NotConfirmed { .. }
            | Self::NotAcknowledged { .. }
            | Self::Grown { .. }
            | Self::NoWayBack(_)
            | Self::NotLookedAt { .. }
            | Self::ForceNotAllowed(_)
            | Self::Busy { .. }
            | Self::JobAtWork { .. }
            | Self::JobOver(_)
            | Self::NotRestorable { .. }
            | Self::RolloutOver { .. }
            | Self::StillPaused { .. }
            | Self::NothingToCancel { .. }
            | Self::NothingToResolve { .. } => RefusalClass::Refused,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn next_step(&self) -> String {
        match self {
            Self::NotAllowed { .. } => "ask an admin for the role (pgbelay operator add)".into(),
            Self::NotFound { .. } => {
                "look for the right name with pgbelay status, rollout list or agent list".into()
            }
            Self::BadPolicy(_) => {
                "correct the document and apply it again; the policy in force is unchanged".into()
            }
            Self::EnvironmentInUse { .. } => {
                "keep the environment in the policy, or remove its databases first (pgbelay agent remove)"
                    .into()
            }
            Self::BadToken { .. } => {
                "make a new one with pgbelay token create and use it within ten minutes".into()
            }
            Self::OtherDatabase { .. } => {
                "check the agent's database section; a database that was replaced needs a new name".into()
            }
            Self::Revoked { .. } => {
                "an admin can enrol it anew with pgbelay token create (an operator: pgbelay operator add)"
                    .into()
            }
            Self::JustRenewed { .. } => "use it, or ask again in a minute".into(),
            Self::LastAdmin { .. } => "add another admin first (pgbelay operator add)".into(),
            Self::CannotPlan(problems) => problems.first().map(plan_step).unwrap_or_default(),
            Self::NoDatabase(_) => "enrol one with pgbelay token create and pgbelay-agent enroll".into(),
            Self::TargetNotApplied { .. } => "see what is applied with pgbelay history".into(),
            Self::StalePlan { .. } => "make a new plan and look at it again".into(),
            Self::NotProven { environment, .. } => {
                format!("run it there first: pgbelay migrate --env {environment}")
            }
            Self::WaitsForApproval { plan, .. } => {
                format!("have somebody else run: pgbelay approve {plan}; then run the same command again")
            }
            Self::OwnPlan(_) => "ask somebody else with the role approver".into(),
            Self::NotConfirmed { .. } => {
                "run it from a terminal and type the environment's name, or use --force".into()
            }
            Self::NotAcknowledged { missing, .. } => {
                let flags: Vec<_> = missing.iter().map(Acknowledgement::flag).collect();
                format!("if that is meant, run it again with {}", flags.join(" "))
            }
            Self::NoWayBack(unusable) => unusable.first().map(unusable_step).unwrap_or_default(),
            Self::NotLookedAt { database, .. } => {
                format!("bring the agent of {database} back (pgbelay agent list), then try again")
            }
            Self::Grown { .. } => "make a new plan: it weighs them as they are now".into(),
            Self::PointlessAcknowledgements { plan, .. } => {
                format!("leave it out, or see what the plan has: pgbelay plan {plan}")
            }
            Self::ForceNotAllowed(_) => "run it from a terminal and type the environment's name".into(),
            Self::JobAtWork { job, .. } => {
                format!("wait for it, or end it: pgbelay job watch {job}, pgbelay job cancel {job}")
            }
            Self::JobOver(job) => format!("see how it ended: pgbelay job show {job}"),
            Self::NotRestorable { .. } => "see the others with pgbelay backup list".into(),
            Self::Busy { rollout, .. } => format!("wait for it: pgbelay rollout watch {rollout}"),
            Self::RolloutOver { .. } => "make a new plan: it has only what is still missing".into(),
            Self::StillPaused { reason, .. } => paused_step(reason),
            Self::NotATarget { rollout, .. } | Self::NothingToCancel { rollout, .. } => {
                format!("see its databases with pgbelay rollout show {rollout}")
            }
            Self::NothingToResolve { database, .. } => {
                format!("see where it stands with pgbelay status {database}")
            }
            Self::NoReason => "say it with --reason TEXT: it is kept with the event".into(),
        }
    }
}

fn paused_step(reason: &PauseReason) -> String {
    match reason {
        PauseReason::Unsettled { database } => {
            format!("look at {database}, then run pgbelay resolve {database} VERSION --done or --not-done")
        }
        PauseReason::Operator | PauseReason::Unknown { .. } | PauseReason::AgentUnreachable { .. } => {
            "bring the agent back; the rollout then goes on by itself".into()
        }
    }
}

fn plan_step(problem: &PlanProblem) -> String {
    if let PlanProblem::Unusable(unusable) = problem {
        unusable_step(unusable)
    } else {
        problem_step(problem).to_owned()
    }
}

fn unusable_step(Unusable { database, backup, .. }: &Unusable) -> String {
    format!(
        "put the backup back and run pgbelay backup verify {backup} --database {database}, or write a new migration \
         that takes the change back"
    )
}

const fn problem_step(problem: &PlanProblem) -> &'static str {
    match problem {
        PlanProblem::NotObserved { .. } => {
            "check the agent with pgbelay agent list and its log, then plan again"
        }
        PlanProblem::ChecksumChanged { .. } => {
            "put the file back as it was applied, and make the change in a new migration"
        }
        PlanProblem::NotInRelease { .. } => "plan from a directory that has every applied migration",
        PlanProblem::OutOfOrder { .. } => {
            "give the migration a version above the highest one that is applied"
        }
        PlanProblem::NoRollback { .. } => {
            "add its rollback file and push the release again, or choose a later target"
        }
        PlanProblem::NoSuchTarget { .. } => {
            "name a version that is applied on every database, as pgbelay status and history show them"
        }
        PlanProblem::WindowClosed { .. } | PlanProblem::Adopted { .. } => {
            "write a new migration that takes the change back"
        }
        // Said with its name.
        PlanProblem::Unusable(_) => "",
        PlanProblem::NoHistory { .. } => {
            "name the tool with --from, or record what is applied with pgbelay baseline"
        }
        PlanProblem::Misfit { misfit, .. } => match misfit {
            Misfit::Dirty { .. } => "bring the other tool's history in order, then adopt it again",
            Misfit::Changed { .. } => "put the file back as it was applied, then adopt the history again",
            Misfit::NoFile { .. }
            | Misfit::Gap { .. }
            | Misfit::OtherLayout { .. }
            | Misfit::RunsAgain { .. } => "adopt from a directory that has every applied migration",
        },
        PlanProblem::Unfinished { .. } => {
            "run that one to its end first: plan from a directory that has it, or roll it back to its end"
        }
        PlanProblem::UnknownServer { .. } => {
            "upgrade pgbelay, or set unknown_server: allow for the environment in the policy and plan again"
        }
    }
}
