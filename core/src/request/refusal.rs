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
use crate::time::{Span, Timestamp};

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
    #[error("the policy drops {environment}, which has databases{}", listed(databases))]
    EnvironmentInUse {
        /// The environment.
        environment: EnvironmentName,
        /// Its databases; empty: whoever asks may not know them.
        databases: Vec<DatabaseName>,
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
    /// The release has not been there for long enough.
    #[error("the release has been healthy on all of {environment} for {} of the {needs} that it must be{}", in_seconds(*.has), at(.ready))]
    Soaking {
        /// Where.
        environment: EnvironmentName,
        /// For how long it has been.
        has: Span,
        /// For how long it must.
        needs: Span,
        /// When that is so, if nothing speaks against it until then; `None`: it is not there now.
        ready: Option<Timestamp>,
    },
    /// How the release has been there is not known.
    #[error("the release must have been healthy on all of {environment} for {needs}, and {database} has not been reachable since {since}{}", and_others(*.others))]
    Unreachable {
        /// Where.
        environment: EnvironmentName,
        /// A database that is out of reach.
        database: DatabaseName,
        /// Since when it is.
        since: Timestamp,
        /// How many others are.
        others: usize,
        /// For how long it must have been healthy.
        needs: Span,
    },
    /// It has not in any of several environments of which one is enough.
    #[error("one of these is needed, and none is there: {}", join(.0))]
    NotProvenInAny(Vec<Refusal>),
    /// Approvals are missing.
    #[error("plan {plan} waits for approval: it has {have} of {need}{} ({rule})", by_role(.roles))]
    WaitsForApproval {
        /// The plan.
        plan: PlanId,
        /// How many it has.
        have: u32,
        /// How many it needs.
        need: u32,
        /// From whom; none: from whoever may approve.
        roles: Vec<Role>,
        /// What says so: the version of the policy and the key.
        rule: String,
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
        reason: Box<PauseReason>,
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
    /// Nothing has failed.
    #[error("nothing has failed in rollout {rollout}")]
    NothingToRetry {
        /// The rollout.
        rollout: RolloutId,
    },
    /// A target cannot be left out.
    #[error("{database} cannot be skipped in rollout {rollout}: it is {state}")]
    NotSkippable {
        /// The rollout.
        rollout: RolloutId,
        /// The database.
        database: DatabaseName,
        /// Where it stands, in words.
        state: &'static str,
    },
    /// No wave waits.
    #[error("no wave of rollout {rollout} waits")]
    NothingToAdvance {
        /// The rollout.
        rollout: RolloutId,
    },
    /// A wave selects nothing.
    #[error("no database of {environment} is left for wave {} of its policy", numbers(.waves))]
    EmptyWaves {
        /// The environment.
        environment: EnvironmentName,
        /// Their places in the policy, from 1.
        waves: Vec<usize>,
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
    /// An agent was told of an entry that the ledger does not have.
    #[error("{problem}; nothing that changes a database is sent")]
    LedgerInDoubt {
        /// Who says so, and what.
        problem: String,
        /// The agent that says so, where whoever asks may see it.
        agent: Option<DatabaseName>,
    },
    /// A freeze, or the hours of the environment.
    #[error("nothing may begin in {environment}: {reason}")]
    Held {
        /// Where.
        environment: EnvironmentName,
        /// Why.
        reason: Box<PauseReason>,
    },
    /// The freeze stands in the policy.
    #[error("{} is frozen by the policy, and not by somebody's word", .0.as_ref().map_or("everything", |e| e.as_str()))]
    FrozenByPolicy(Option<EnvironmentName>),
    /// Nobody said why.
    #[error("a reason is needed: it is kept with the event")]
    NoReason,
}

/// Whole seconds.
const fn in_seconds(span: Span) -> Span {
    Span(span.0 / 1_000 * 1_000)
}

/// Who is meant, after a number.
pub(crate) fn by_role<'a>(roles: impl IntoIterator<Item = &'a Role>) -> String {
    let roles: Vec<_> = roles.into_iter().map(|role| role.as_str()).collect();
    if roles.is_empty() { String::new() } else { format!(" by {}", roles.join(" or ")) }
}

fn and_others(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => ", and another one is out of reach".to_owned(),
        _ => format!(", and {others} more are out of reach"),
    }
}

fn at(ready: &Option<Timestamp>) -> String {
    ready.map(|ready| format!(", which is so at {ready}")).unwrap_or_default()
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

/// Whole minutes, at least one.
fn in_minutes(span: Span) -> Span {
    Span((span.0.saturating_add(59_999) / 60_000).max(1).saturating_mul(60_000))
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
            Self::Budget { failed, allowed } => {
                write!(f, "budget: {failed} failed, and policy allows {allowed}")
            }
            Self::Wave { wave } => {
                write!(f, "wave: wave {} is done, and the next one waits for a person's word", wave + 1)
            }
            Self::NoProgress { database } => {
                write!(f, "progress: nothing has moved for too long; {database} is worked on")
            }
            Self::Verification { database } => {
                write!(f, "verification: a query of the policy could not be asked of {database}")
            }
            Self::ApprovalStale { have, need, rule } => {
                write!(
                    f,
                    "approval_stale: {have} of {need} approvals count under the policy in force ({rule})"
                )
            }
            Self::Window { opens, rule, why, needs } => {
                match needs {
                    None => f.write_str("window: nothing may begin now")?,
                    Some(needs) => write!(
                        f,
                        "window: what comes next may take {}, longer than the window is open",
                        in_minutes(*needs)
                    )?,
                }
                if !why.is_empty() {
                    write!(f, " ({why})")?;
                }
                match opens {
                    Some(opens) => write!(f, "; goes on at {opens} ({rule})"),
                    None => write!(f, "; no window opens within a year ({rule})"),
                }
            }
            Self::Freeze { reason, by: Some(by), rule } => {
                write!(f, "freeze: {reason}, by {by}; lifted with {rule}")
            }
            Self::Freeze { reason, by: None, rule } => write!(f, "freeze: {reason} ({rule})"),
        }
    }
}

fn listed(databases: &[DatabaseName]) -> String {
    let names: Vec<_> = databases.iter().map(DatabaseName::as_str).collect();
    if names.is_empty() { " that you do not see".to_owned() } else { format!(": {}", names.join(", ")) }
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
            | Self::Soaking { .. }
            | Self::Unreachable { .. }
            | Self::NotProvenInAny(_)
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
            | Self::Held { .. }
            | Self::FrozenByPolicy(_)
            | Self::NothingToCancel { .. }
            | Self::LedgerInDoubt { .. }
            | Self::NothingToRetry { .. }
            | Self::NotSkippable { .. }
            | Self::NothingToAdvance { .. }
            | Self::EmptyWaves { .. }
            | Self::NothingToResolve { .. } => RefusalClass::Refused,
        }
    }

    /// What to do next.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one arm for each refusal, and each is one line of text")]
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
            Self::Soaking { ready: Some(_), .. } => "run the same command again then".into(),
            Self::Unreachable { environment, .. } => {
                format!(
                    "start its agent, or see what it says: pgbelay status --env {environment}; the time begins anew then"
                )
            }
            Self::Soaking { environment, ready: None, .. } => {
                format!("bring it back there first: pgbelay migrate --env {environment}")
            }
            Self::NotProvenInAny(all) => all.first().map(Self::next_step).unwrap_or_default(),
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
            Self::Busy { rollout, .. } => format!(
                "wait for it (pgbelay rollout watch {rollout}), or end it (pgbelay rollout abort {rollout})"
            ),
            Self::RolloutOver { .. } => "make a new plan: it has only what is still missing".into(),
            Self::StillPaused { rollout, reason } => paused_step(rollout, reason),
            Self::EmptyWaves { .. } => {
                "correct its select or the labels of the databases, or set allow_empty: true for it".into()
            }
            Self::NotATarget { rollout, .. }
            | Self::NothingToCancel { rollout, .. }
            | Self::NothingToRetry { rollout }
            | Self::NotSkippable { rollout, .. }
            | Self::NothingToAdvance { rollout } => {
                format!("see its databases with pgbelay rollout show {rollout}")
            }
            Self::NothingToResolve { database, .. } => {
                format!("see where it stands with pgbelay status {database}")
            }
            Self::LedgerInDoubt { agent, .. } => {
                let agent = agent.as_ref().map_or("DATABASE", DatabaseName::as_str);
                format!(
                    "see pgbelay ledger status: a newer copy of the ledger has to be put back; where there is none, an admin \
                     of every environment runs pgbelay ledger accept LEDGER --reason TEXT, and where only that agent is \
                     wrong, pgbelay ledger set-aside {agent} --reason TEXT"
                )
            }
            Self::NoReason => "say it with --reason TEXT".into(),
            Self::Held { reason, .. } => match &**reason {
                PauseReason::Freeze { by, rule, .. } => {
                    format!("wait until the freeze is lifted ({})", freeze_step(by.as_ref(), rule))
                }
                PauseReason::Window { .. }
                | PauseReason::Operator
                | PauseReason::Unknown { .. }
                | PauseReason::AgentUnreachable { .. }
                | PauseReason::Unsettled { .. }
                | PauseReason::Budget { .. }
                | PauseReason::Wave { .. }
                | PauseReason::NoProgress { .. }
                | PauseReason::Verification { .. }
                | PauseReason::ApprovalStale { .. } => "try again then".into(),
            },
            Self::FrozenByPolicy(_) => {
                "take the key freeze out of the policy document and apply it (pgbelay policy apply)".into()
            }
        }
    }
}

fn numbers(waves: &[usize]) -> String {
    waves.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn paused_step(rollout: &RolloutId, reason: &PauseReason) -> String {
    match reason {
        PauseReason::Budget { .. } => format!(
            "try what failed again (pgbelay rollout retry {rollout}), leave it out (rollout skip), or end the rollout \
             (rollout abort); a new plan takes its place as well"
        ),
        PauseReason::Wave { .. } => format!("let the next wave start: pgbelay rollout advance {rollout}"),
        PauseReason::Verification { .. } => {
            format!("ask again (pgbelay rollout resume {rollout}), or leave the database out (rollout skip)")
        }
        PauseReason::ApprovalStale { .. } => format!(
            "have its plan approved again (pgbelay rollout show {rollout} names it); it then goes on by itself"
        ),
        PauseReason::NoProgress { .. } => format!("look at it, then run pgbelay rollout resume {rollout}"),
        PauseReason::Unsettled { database } => {
            format!("look at {database}, then run pgbelay resolve {database} VERSION --done or --not-done")
        }
        PauseReason::Operator | PauseReason::Unknown { .. } | PauseReason::AgentUnreachable { .. } => {
            "bring the agent back; the rollout then goes on by itself".into()
        }
        PauseReason::Window { .. } => format!(
            "it goes on by itself then; if it cannot wait, an admin runs pgbelay rollout override {rollout} --reason TEXT"
        ),
        PauseReason::Freeze { by, rule, .. } => {
            format!("it goes on by itself once the freeze is lifted ({})", freeze_step(by.as_ref(), rule))
        }
    }
}

/// What lifts a freeze: by somebody's word, or by policy.
fn freeze_step(by: Option<&OperatorName>, rule: &str) -> String {
    match by {
        Some(_) => format!("an admin runs {rule}"),
        None => format!("{rule}, by pgbelay policy apply"),
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
