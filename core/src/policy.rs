//! Policy: what each environment asks for before, during and after a run.

use std::collections::{BTreeMap, BTreeSet};

use pgbelay_analysis::{Risk, Severity, StatementReport};
use serde::{Deserialize, Serialize};

use crate::migration::is_false;
use crate::name::EnvironmentName;
use crate::time::{Span, Timestamp};

mod approvals;
mod backup;
mod change;
mod hours;
mod place;
mod retention;
mod settings;
mod verify;
mod waves;
mod zone;

pub use approvals::{ApprovalRule, Approvals, MAX_APPROVALS, Requires};
pub(crate) use backup::archive_timeout;
pub use backup::{
    BackupEach, BackupMethod, BackupPolicy, BackupRules, Bytes, BytesError, LEAST_RATE, MethodRule, Outside,
    Thresholds,
};
pub use change::{Change, Leaning, changes};
pub use hours::{
    Blackout, CronError, Hours, HoursError, MAX_DURATION, MAX_HOURS, Opening, Scheduled, Weekly, Window,
};
pub use place::{Mistake, Place, Step};
pub use retention::{MAX_DAYS, MAX_KEEP, Retention};
pub use settings::{SETTINGS, Setting, Tighter};
pub use verify::{MAX_QUERIES, OnFailure, Query, Rehearsal};
pub use waves::{Course, MAX_WAVES, Selector, SelectorError, WaveRules};
pub use zone::{Zone, ZoneError};

/// Most environments of a policy: a chain that a person can still read.
pub const MAX_ENVIRONMENTS: usize = 32;

/// The policy document: environments in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The environments, first to last: a release moves through them in this order.
    pub environments: Vec<EnvironmentPolicy>,
    /// Risk by kind of statement, in place of the base level, for example `drop-index: medium`.
    #[serde(default)]
    pub risk: BTreeMap<String, Risk>,
    /// Severity by hazard, in place of its own, for example `drop-index: off`.
    #[serde(default)]
    pub hazards: BTreeMap<String, HazardLevel>,
    /// Why nothing may begin anywhere; absent: something may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<String>,
    /// Whether what is known of the schema may lower the base level of a statement. What `risk` names keeps its level.
    #[serde(default)]
    pub refine: bool,
}

/// What policy says of a hazard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HazardLevel {
    /// It does not count, and is not shown.
    Off,
    /// Of low severity.
    Low,
    /// Of medium severity.
    Medium,
    /// Of high severity.
    High,
}

impl HazardLevel {
    /// The severity; `None`: it does not count.
    const fn severity(self) -> Option<Severity> {
        match self {
            Self::Off => None,
            Self::Low => Some(Severity::Low),
            Self::Medium => Some(Severity::Medium),
            Self::High => Some(Severity::High),
        }
    }
}

/// Whether there are plans for a server of which nobody here knows what its statements lock and do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownServer {
    /// There are none.
    #[default]
    Refuse,
    /// There are, and they are judged as for the newest known server.
    Allow,
}

/// What one environment asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentPolicy {
    /// The environment.
    pub name: EnvironmentName,
    /// Where a release must have been verified before. Absent: the environment before this one.
    #[serde(default)]
    pub requires: Option<Requires>,
    /// How long all of an environment that must come before must have carried it, with nothing that spoke against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<Span>,
    /// How long a database may be out of reach before its environment counts as healthy no more.
    #[serde(default = "defaults::unreachable_after")]
    pub unreachable_after: Span,
    /// How many people other than the author must approve a plan, and which.
    #[serde(default)]
    pub approvals: Approvals,
    /// From which risk on a person must type the environment's name.
    #[serde(default = "defaults::confirm_at")]
    pub confirm_at: Risk,
    /// Whether `--force` may stand in for that.
    #[serde(default = "defaults::yes")]
    pub force_allowed: bool,
    /// Whether every run takes a backup first.
    #[serde(default = "defaults::backup")]
    pub backup: BackupPolicy,
    /// How long backups are kept; absent: none is ever deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_retention: Option<Retention>,
    /// How long a migration may be rolled back.
    #[serde(default = "defaults::rollback_window")]
    pub rollback_window: Span,
    /// How many databases are worked on at a time.
    #[serde(default = "defaults::max_parallel")]
    pub max_parallel: u32,
    /// Longest wait for one lock before the transaction is rolled back and tried again.
    #[serde(default = "defaults::lock_timeout")]
    pub lock_timeout: Span,
    /// Longest time that such tries may take together, for one migration.
    #[serde(default = "defaults::lock_budget")]
    pub lock_budget: Span,
    /// Longest time of one statement.
    #[serde(default = "defaults::statement_timeout")]
    pub statement_timeout: Span,
    /// The same by kind of statement, for example `create-index: 2h`.
    #[serde(default)]
    pub statement_timeouts: BTreeMap<String, Span>,
    /// Longest time of a statement that runs outside of transactions: index builds are long.
    #[serde(default = "defaults::concurrent_timeout")]
    pub concurrent_timeout: Span,
    /// What is done about sessions that are in the way.
    #[serde(default)]
    pub blockers: Blockers,
    /// How far standbys may be behind before a migration; absent: nobody looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_lag: Option<ReplicationLag>,
    /// How long after it was issued a command may still be started.
    #[serde(default = "defaults::start_deadline")]
    pub start_deadline: Span,
    /// Hazards that a person must acknowledge, object by object, before a plan may run.
    #[serde(default)]
    pub acknowledge: BTreeSet<String>,
    /// Whether there are plans for a server that is newer than the newest known one.
    #[serde(default)]
    pub unknown_server: UnknownServer,
    /// Whether the history table of the tool that migrations come from is written as the tool does.
    #[serde(default, skip_serializing_if = "is_false")]
    pub keep_history_table: bool,
    /// How often the newest backup of each database is restored, to see that it comes back; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill_every: Option<Span>,
    /// In which groups, one after the other, a rollout reaches the databases; absent: all of them are one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<WaveRules>,
    /// The least wait after the first wave that changed something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bake: Option<Span>,
    /// How many databases may fail before nothing more is started.
    #[serde(default)]
    pub max_failures: u32,
    /// Of how many databases it may be unknown what happened, before nothing more is started.
    #[serde(default)]
    pub max_unknown: u32,
    /// After how long a command is cancelled, counted from when its agent has it; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_deadline: Option<Span>,
    /// After how long without any progress a rollout with work under way pauses; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_deadline: Option<Span>,
    /// Whether migrations are tried on a copy of each database before they are run on it: forward, back, and forward again.
    #[serde(default, skip_serializing_if = "Rehearsal::is_off")]
    pub rehearsal: Rehearsal,
    /// What is asked of each database after its run, and again at the end of a bake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<Query>,
    /// What is done when more databases have failed than `max_failures`.
    #[serde(default, skip_serializing_if = "OnFailure::is_halt")]
    pub on_failure: OnFailure,
    /// When work may begin; none: whenever no blackout is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// When it may not, all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blackouts: Vec<Blackout>,
    /// Why nothing may begin; absent: something may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<String>,
}

/// What a run does about sessions that hold what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blockers {
    /// Whether they are waited for before the lock is asked for, so that nobody queues up behind the migration.
    #[serde(default = "defaults::yes")]
    pub wait: bool,
    /// After how long they are cancelled; absent: never. The agent does it only to roles that its own file lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_after: Option<Span>,
    /// What is told of the text of their queries.
    #[serde(default)]
    pub queries: QueryText,
}

/// What is told of the text of somebody else's query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueryText {
    /// Nothing.
    None,
    /// The first of it, without strings and numbers.
    #[default]
    Redacted,
    /// The first of it, as it is.
    Full,
}

/// How far standbys may be behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicationLag {
    /// More than this is too far.
    pub max: Span,
    /// How long a migration waits for them before it starts.
    #[serde(default = "defaults::lag_wait")]
    pub wait: Span,
    /// What happens then.
    #[serde(default)]
    pub then: LagThen,
}

/// What happens when standbys do not catch up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LagThen {
    /// The run ends before the migration.
    #[default]
    GiveUp,
    /// It goes on all the same.
    GoOn,
}

impl Default for Blockers {
    fn default() -> Self {
        Self { wait: true, cancel_after: None, queries: QueryText::default() }
    }
}

impl Blockers {
    /// Whether it is what policy says unless it says otherwise.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

pub(crate) mod defaults {
    use pgbelay_analysis::Risk;

    use super::BackupPolicy;
    use crate::time::Span;

    pub(super) const fn confirm_at() -> Risk {
        Risk::High
    }
    pub(super) const fn yes() -> bool {
        true
    }
    pub(super) fn backup() -> BackupPolicy {
        BackupPolicy::required()
    }
    /// A server or an agent is restarted, or upgraded, within this.
    pub(super) const fn unreachable_after() -> Span {
        Span::seconds(5 * 60)
    }
    pub(super) const fn rollback_window() -> Span {
        Span::hours(24)
    }
    pub(super) const fn max_parallel() -> u32 {
        4
    }
    pub(super) const fn lock_timeout() -> Span {
        Span::seconds(5)
    }
    pub(super) const fn lock_budget() -> Span {
        Span::seconds(60)
    }
    pub(super) const fn statement_timeout() -> Span {
        Span::seconds(900)
    }
    pub(super) const fn start_deadline() -> Span {
        Span::hours(1)
    }
    pub(crate) const fn concurrent_timeout() -> Span {
        Span::hours(12)
    }
    pub(crate) fn is_concurrent_timeout(span: &Span) -> bool {
        *span == concurrent_timeout()
    }
    pub(super) const fn lag_wait() -> Span {
        Span::seconds(600)
    }
}

/// What is wrong with a policy document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No environment at all.
    #[error("the policy names no environment")]
    NoEnvironment,
    /// More than are taken.
    #[error("the policy has {0} environments; at most {MAX_ENVIRONMENTS} are taken")]
    TooManyEnvironments(usize),
    /// One name twice.
    #[error("the environment {0} stands twice")]
    Twice(EnvironmentName),
    /// `requires` names an environment that comes later, or itself.
    #[error(
        "{environment} requires {required}, which does not come before it: only what stands above it can be required"
    )]
    NotBefore {
        /// The environment that asks.
        environment: EnvironmentName,
        /// What it asks for.
        required: EnvironmentName,
    },
    /// `requires` names an environment that there is not.
    #[error("{environment} requires {required}, and there is no such environment{}", meant(.nearest.as_deref()))]
    NoSuchEnvironment {
        /// The environment that asks.
        environment: EnvironmentName,
        /// What it asks for.
        required: EnvironmentName,
        /// What was perhaps meant.
        nearest: Option<String>,
    },
    /// A number or a length of time is out of its range.
    #[error("{environment}: {key} must be {range}{}", number(*.entry))]
    OutOfRange {
        /// The environment.
        environment: EnvironmentName,
        /// The key in the document.
        key: &'static str,
        /// Which entry it is about, from 0, where the first part of the key is a list.
        entry: Option<usize>,
        /// What is taken, in words.
        range: String,
    },
    /// A wave that never takes a database.
    #[error("{environment}: wave {wave} takes nothing: wave {by} takes every database that it selects")]
    HiddenWave {
        /// The environment.
        environment: EnvironmentName,
        /// The wave, from 1.
        wave: usize,
        /// The one before it that hides it, from 1.
        by: usize,
    },
    /// A kind of statement that there is not.
    #[error("{}{key}: there is no kind of statement called {kind:?}{}", of(.environment.as_ref()), meant(.nearest.as_deref()))]
    UnknownKind {
        /// The environment; `None`: it is said for all.
        environment: Option<EnvironmentName>,
        /// The key in the document.
        key: String,
        /// What it says.
        kind: String,
        /// What was perhaps meant.
        nearest: Option<String>,
    },
    /// A hazard that there is not.
    #[error("{}{key}: there is no hazard called {id:?}{}", of(.environment.as_ref()), meant(.nearest.as_deref()))]
    UnknownHazard {
        /// The environment; `None`: it is said for all.
        environment: Option<EnvironmentName>,
        /// The key in the document.
        key: String,
        /// What it says.
        id: String,
        /// What was perhaps meant.
        nearest: Option<String>,
    },
    /// A query that cannot be asked.
    #[error("{environment}: verify: {query} cannot be asked: {why}")]
    BadQuery {
        /// The environment.
        environment: EnvironmentName,
        /// What it is called.
        query: String,
        /// Where it stands in the list, from 0.
        at: usize,
        /// Why.
        why: String,
    },
    /// Windows that never open.
    #[error(
        "{0}: windows never open within a year, or blackouts cover all of them; to stop everything use freeze"
    )]
    NeverOpen(EnvironmentName),
    /// What does not count would have to be acknowledged.
    #[error("{environment}: acknowledge names {id}, which hazards turns off")]
    AcknowledgesOff {
        /// The environment.
        environment: EnvironmentName,
        /// The hazard.
        id: String,
    },
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default()
}

/// Before what is about one environment.
fn of(environment: Option<&EnvironmentName>) -> String {
    environment.map(|environment| format!("{environment}: ")).unwrap_or_default()
}

/// Which entry of a list, as people count.
fn number(entry: Option<usize>) -> String {
    entry.map(|at| format!(" (number {})", at + 1)).unwrap_or_default()
}

/// What is wrong with the name of a kind of statement.
fn unknown_kind(environment: Option<&EnvironmentName>, key: &str, kind: &str) -> Option<PolicyError> {
    let known = || pgbelay_analysis::StatementKind::ALL.iter().map(|known| known.as_str());
    let unknown = || PolicyError::UnknownKind {
        environment: environment.cloned(),
        key: key.to_owned(),
        kind: kind.to_owned(),
        nearest: pgbelay_analysis::nearest(kind, known()).map(str::to_owned),
    };
    (!known().any(|known| known == kind)).then(unknown)
}

/// What is wrong with the name of a hazard.
fn unknown_hazard(environment: Option<&EnvironmentName>, key: &str, id: &str) -> Option<PolicyError> {
    if pgbelay_analysis::hazard(id).is_some() {
        return None;
    }
    let nearest = pgbelay_analysis::nearest_hazard(id).map(str::to_owned);
    Some(PolicyError::UnknownHazard {
        environment: environment.cloned(),
        key: key.to_owned(),
        id: id.to_owned(),
        nearest,
    })
}

/// Most databases that are worked on at a time.
const MAX_PARALLEL: u32 = 1_000;

/// A range of numbers, in words.
fn from_one_to(most: u32) -> String {
    format!("from 1 to {most}")
}

impl EnvironmentPolicy {
    /// An environment with every setting at its default.
    #[must_use]
    pub fn with_defaults(name: EnvironmentName) -> Self {
        Self {
            name,
            requires: None,
            soak: None,
            unreachable_after: defaults::unreachable_after(),
            approvals: Approvals::default(),
            confirm_at: defaults::confirm_at(),
            force_allowed: defaults::yes(),
            backup: defaults::backup(),
            backup_retention: None,
            rollback_window: defaults::rollback_window(),
            max_parallel: defaults::max_parallel(),
            lock_timeout: defaults::lock_timeout(),
            lock_budget: defaults::lock_budget(),
            statement_timeout: defaults::statement_timeout(),
            statement_timeouts: BTreeMap::new(),
            concurrent_timeout: defaults::concurrent_timeout(),
            blockers: Blockers::default(),
            replication_lag: None,
            start_deadline: defaults::start_deadline(),
            acknowledge: BTreeSet::new(),
            unknown_server: UnknownServer::default(),
            keep_history_table: false,
            drill_every: None,
            waves: Vec::new(),
            first_bake: None,
            max_failures: 0,
            max_unknown: 0,
            step_deadline: None,
            progress_deadline: None,
            rehearsal: Rehearsal::default(),
            verify: Vec::new(),
            on_failure: OnFailure::default(),
            windows: Vec::new(),
            blackouts: Vec::new(),
            freeze: None,
        }
    }

    fn mistakes(&self) -> impl Iterator<Item = PolicyError> {
        let positive = "more than zero";
        let lag = |span: fn(&ReplicationLag) -> Span| {
            self.replication_lag.as_ref().is_none_or(|lag| span(lag).0 > 0)
        };
        let checks = [
            ("soak", self.soak.is_none_or(|span| span.0 > 0), positive),
            ("unreachable_after", self.unreachable_after.0 > 0, positive),
            ("lock_timeout", self.lock_timeout.0 > 0, positive),
            ("lock_budget", self.lock_budget.0 > 0, positive),
            ("statement_timeout", self.statement_timeout.0 > 0, positive),
            ("start_deadline", self.start_deadline.0 > 0, positive),
            ("concurrent_timeout", self.concurrent_timeout.0 > 0, positive),
            ("statement_timeouts", self.statement_timeouts.values().all(|span| span.0 > 0), positive),
            ("blockers.cancel_after", self.blockers.cancel_after.is_none_or(|span| span.0 > 0), positive),
            ("drill_every", self.drill_every.is_none_or(|span| span >= Span::hours(1)), "an hour or more"),
            ("replication_lag.max", lag(|lag| lag.max), positive),
            ("replication_lag.wait", lag(|lag| lag.wait), positive),
            (
                "freeze",
                self.freeze.as_ref().is_none_or(|why| !why.trim().is_empty()),
                "a reason, or left out",
            ),
        ];
        let limits = [
            ("max_parallel", (1..=MAX_PARALLEL).contains(&self.max_parallel), from_one_to(MAX_PARALLEL)),
            ("windows", self.windows.len() <= MAX_HOURS, format!("at most {MAX_HOURS}")),
            ("blackouts", self.blackouts.len() <= MAX_HOURS, format!("at most {MAX_HOURS}")),
        ];
        let checks = checks.into_iter().map(|(key, fine, range)| (key, fine, range.to_owned()));
        let all = limits.into_iter().chain(checks).chain(Retention::checks(self.backup_retention));
        let wrong = all.filter(|(_, fine, _)| !fine).map(|(key, _, range)| (key, range));
        let backup = self.backup.rules().map(BackupRules::mistakes).unwrap_or_default();
        wrong.chain(backup).map(|(key, range)| PolicyError::OutOfRange {
            environment: self.name.clone(),
            key,
            entry: None,
            range,
        })
    }

    /// Everything that is wrong with it, wherever it stands.
    fn own_mistakes(&self, hazards: &BTreeMap<String, HazardLevel>) -> Vec<PolicyError> {
        let name = Some(&self.name);
        let kinds = self.statement_timeouts.keys();
        let kinds = kinds.filter_map(|kind| unknown_kind(name, "statement_timeouts", kind));
        let unknown = self.acknowledge.iter().filter_map(|id| unknown_hazard(name, "acknowledge", id));
        let off = self.acknowledge.iter().filter(|id| hazards.get(*id) == Some(&HazardLevel::Off));
        let off =
            off.map(|id| PolicyError::AcknowledgesOff { environment: self.name.clone(), id: id.clone() });
        let more = self.mistakes_of_approvals().into_iter().chain(self.mistakes_of_queries());
        let all = self.mistakes().chain(self.mistakes_of_waves()).chain(more);
        all.chain(kinds).chain(unknown).chain(off).collect()
    }
}

impl Policy {
    /// Staging, then production, with every setting at its default: what a new controller starts with.
    ///
    /// # Errors
    /// Never for the names that pgbelay uses; the names are parsed like all others.
    pub fn initial(names: &[EnvironmentName]) -> Self {
        let environments = names.iter().cloned().map(EnvironmentPolicy::with_defaults).collect();
        Self { environments, risk: BTreeMap::new(), hazards: BTreeMap::new(), freeze: None, refine: false }
    }

    /// Everything that is wrong with the document, at once.
    #[must_use]
    pub fn mistakes(&self) -> Vec<PolicyError> {
        self.mistakes_in_place().into_iter().map(|mistake| mistake.error).collect()
    }

    /// The same, with the places.
    #[must_use]
    pub fn mistakes_in_place(&self) -> Vec<Mistake> {
        let number = match self.environments.len() {
            0 => Some(PolicyError::NoEnvironment),
            n if n > MAX_ENVIRONMENTS => Some(PolicyError::TooManyEnvironments(n)),
            _ => None,
        };
        let mut found: Vec<_> = number.into_iter().map(|error| Mistake::new(None, error)).collect();
        for (at, environment) in self.environments.iter().enumerate() {
            let twice = self.environments[..at].iter().any(|before| before.name == environment.name);
            let twice = twice.then(|| PolicyError::Twice(environment.name.clone()));
            let own = environment.own_mistakes(&self.hazards);
            let all = twice.into_iter().chain(self.mistakes_of_order(at)).chain(own);
            found.extend(all.map(|error| Mistake::new(Some(at), error)));
        }
        let kinds = self.risk.keys().filter_map(|kind| unknown_kind(None, "risk", kind));
        let hazards = self.hazards.keys().filter_map(|id| unknown_hazard(None, "hazards", id));
        found.extend(kinds.chain(hazards).map(|error| Mistake::new(None, error)));
        found
    }

    /// What an environment requires that does not stand before it.
    fn mistakes_of_order(&self, at: usize) -> impl Iterator<Item = PolicyError> {
        let environment = &self.environments[at];
        let before = &self.environments[..at];
        let missing = environment.requires.iter().flat_map(Requires::names);
        let missing = missing.filter(|name| !before.iter().any(|e| e.name == **name));
        missing.map(|required| {
            let (environment, required) = (environment.name.clone(), required.clone());
            if self.environment(&required).is_some() {
                return PolicyError::NotBefore { environment, required };
            }
            let names = before.iter().map(|e| e.name.as_str());
            let nearest = pgbelay_analysis::nearest(required.as_str(), names).map(str::to_owned);
            PolicyError::NoSuchEnvironment { environment, required, nearest }
        })
    }

    /// Environments in which nothing could begin within a year from now.
    #[must_use]
    pub fn never_open(&self, now: Timestamp) -> Vec<PolicyError> {
        self.never_open_in_place(now).into_iter().map(|mistake| mistake.error).collect()
    }

    /// The same, with the places.
    #[must_use]
    pub fn never_open_in_place(&self, now: Timestamp) -> Vec<Mistake> {
        let shut = |(_, environment): &(usize, &EnvironmentPolicy)| {
            let EnvironmentPolicy { windows, blackouts, .. } = environment;
            !Hours { windows, blackouts }.ever_open(now)
        };
        let never = self.environments.iter().enumerate().filter(shut);
        never
            .map(|(at, environment)| Mistake::new(Some(at), PolicyError::NeverOpen(environment.name.clone())))
            .collect()
    }

    /// The policy of an environment.
    #[must_use]
    pub fn environment(&self, name: &EnvironmentName) -> Option<&EnvironmentPolicy> {
        self.environments.iter().find(|e| e.name == *name)
    }

    /// The risk of a kind of statement: the policy's word if it has one, else the base level.
    #[must_use]
    pub fn risk_of(&self, kind: &str, base: Risk) -> Risk {
        self.risk.get(kind).copied().unwrap_or(base)
    }

    /// The reason for a level that is not the base, if it is not.
    pub(crate) fn says(&self, level: Risk, base: Risk, kind: &str) -> Option<(Risk, String)> {
        (level != base).then(|| (level, format!("policy says {level} instead of {base} for {kind}")))
    }

    /// Puts the policy's levels in place of those of a statement and its hazards; the reasons for what is changed.
    pub(crate) fn apply(&self, statement: &mut StatementReport) -> Vec<(Risk, String)> {
        let mut reasons = Vec::new();
        if let Some(level) = self.risk.get(statement.kind.as_str()) {
            reasons.extend(self.says(*level, statement.base.risk, statement.kind.as_str()));
            (statement.base.risk, statement.base.stands) = (*level, true);
        }
        statement.hazards.retain_mut(|hazard| {
            match self.hazards.get(&hazard.id).map(|level| level.severity()) {
                None => true,
                Some(None) => false,
                Some(Some(level)) => {
                    if level != hazard.severity {
                        let (now, before) = (level.as_str(), hazard.severity.as_str());
                        let reason = format!("policy says {now} instead of {before} for {}", hazard.id);
                        reasons
                            .push((if hazard.allowed.is_some() { Risk::Low } else { level.risk() }, reason));
                    }
                    hazard.severity = level;
                    true
                }
            }
        });
        // The gravest first, as before.
        statement.hazards.sort_by_key(|hazard| std::cmp::Reverse(hazard.severity));
        reasons
    }
}

#[cfg(test)]
mod tests;
