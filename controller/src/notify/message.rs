//! From an event to what is told of it.

use pgbelay_core::database::Database;
use pgbelay_core::decide::waits_for_approval;
use pgbelay_core::event::Event;
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::plan::Plan;
use pgbelay_core::rollout::{Rollout, RolloutId, TargetState, Verdict};
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;
use serde_json::{Value, json};

use super::endpoint::Format;
use crate::clock::rfc3339;
use crate::ledger::Entry;

/// Databases that are named in one message; of more, the number is told.
const MOST_NAMED: usize = 20;

/// Characters of an error that are told.
const MOST_WORDS: usize = 300;

/// A kind of news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    PlanCreated,
    ApprovalNeeded,
    RolloutStarted,
    RolloutPaused,
    RolloutFailed,
    RolloutFinished,
    RolledBack,
    WindowClosing,
    DriftFound,
    LedgerDoubted,
    /// Messages were skipped, because the endpoint had failed for too long.
    Skipped,
    /// Somebody tries whether messages arrive.
    Test,
}

impl Kind {
    /// Those that can be chosen.
    pub(super) const ALL: [Self; 10] = [
        Self::PlanCreated,
        Self::ApprovalNeeded,
        Self::RolloutStarted,
        Self::RolloutPaused,
        Self::RolloutFailed,
        Self::RolloutFinished,
        Self::RolledBack,
        Self::WindowClosing,
        Self::DriftFound,
        Self::LedgerDoubted,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::PlanCreated => "plan-created",
            Self::ApprovalNeeded => "approval-needed",
            Self::RolloutStarted => "rollout-started",
            Self::RolloutPaused => "rollout-paused",
            Self::RolloutFailed => "rollout-failed",
            Self::RolloutFinished => "rollout-finished",
            Self::RolledBack => "rolled-back",
            Self::WindowClosing => "window-closing",
            Self::DriftFound => "drift-found",
            Self::LedgerDoubted => "ledger-doubted",
            Self::Skipped => "messages-skipped",
            Self::Test => "test",
        }
    }

    /// Whether nobody has to choose it.
    pub(super) const fn is_for_everybody(self) -> bool {
        match self {
            Self::Skipped | Self::Test => true,
            Self::PlanCreated
            | Self::ApprovalNeeded
            | Self::RolloutStarted
            | Self::RolloutPaused
            | Self::RolloutFailed
            | Self::RolloutFinished
            | Self::RolledBack
            | Self::WindowClosing
            | Self::DriftFound
            | Self::LedgerDoubted => false,
        }
    }
}

/// What is told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    /// The same whenever it is sent: whoever gets it twice can tell.
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) at: Timestamp,
    /// Where; `None`: it concerns every environment.
    pub(super) environment: Option<EnvironmentName>,
    /// For people, on one line.
    text: String,
    /// For programs.
    data: Value,
}

impl Message {
    /// One that says nothing.
    pub(super) fn test(at: Timestamp) -> Self {
        let id = format!("test_{}", uuid::Uuid::now_v7());
        let text = "pgbelay: a test message; nothing has happened".to_owned();
        Self { id, kind: Kind::Test, at, environment: None, text, data: json!({}) }
    }

    /// That the endpoint was skipped ahead.
    pub(super) fn skipped((after, up_to): (u64, u64), since: Timestamp, at: Timestamp) -> Self {
        let text = format!(
            "pgbelay: messages about entries {} to {up_to} of the ledger were not delivered: this receiver had failed since {}; see pgbelay history and pgbelay audit list",
            after + 1,
            rfc3339(since)
        );
        let data = json!({ "after": after, "up_to": up_to, "failing_since": rfc3339(since) });
        Self {
            id: format!("skipped_{after}_{up_to}"),
            kind: Kind::Skipped,
            at,
            environment: None,
            text,
            data,
        }
    }

    /// The body that is posted.
    pub(super) fn body(&self, format: Format, controller: &str) -> String {
        let body = match format {
            Format::Generic => {
                let mut data = self.data.clone();
                if let Value::Object(fields) = &mut data {
                    fields.insert("environment".to_owned(), json!(self.environment));
                    fields.insert("controller".to_owned(), json!(controller));
                    fields.insert("text".to_owned(), json!(self.text));
                }
                json!({ "type": self.kind.as_str(), "timestamp": rfc3339(self.at), "data": data })
            }
            // These three have a meaning there, whatever they stand in.
            Format::Slack => {
                let text = self.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                json!({ "text": text })
            }
        };
        body.to_string()
    }
}

/// What is told of an entry: nothing, of most. `state` is that of the entry or a later one.
#[expect(clippy::too_many_lines, reason = "a line for each event")]
pub(super) fn messages(state: &State, entry: &Entry, event: &Event) -> Vec<Message> {
    let teller = Teller { state, entry };
    match event {
        Event::PlanCreated { plan } => teller.planned(plan),
        Event::RolloutStarted { rollout, by, .. } => teller.rollout(rollout, |known| {
            let what = word(state, known);
            (Kind::RolloutStarted, format!("{what} {rollout} has started, by {by}"), json!({ "by": by }))
        }),
        Event::RolloutPaused { rollout, reason } => teller.rollout(rollout, |_| {
            let text = format!("rollout {rollout} is paused: {reason}");
            (Kind::RolloutPaused, text, json!({ "reason": reason.to_string() }))
        }),
        Event::UndoGivenUp { rollout, why } => teller.rollout(rollout, |_| {
            let text = format!("what rollout {rollout} did is not rolled back by itself: {why}");
            (Kind::RolloutFailed, text, json!({ "undo": why }))
        }),
        Event::RolloutFinished { rollout, verdict } => {
            teller.rollout(rollout, |known| finished(state, known, *verdict))
        }
        Event::DriftFound { database, expected, found } => {
            let text = format!(
                "{database} has another schema than pgbelay left there: somebody else has changed it; see pgbelay status {database}"
            );
            let data = json!({ "database": database, "expected": expected, "found": found });
            // It may have been removed meanwhile: then nobody knows who may be told of it.
            let Some(environment) = teller.environment_of(database) else { return Vec::new() };
            teller.say(Kind::DriftFound, Some(environment), text, data)
        }
        Event::WindowsClosing { environment, windows } => {
            let names: Vec<_> = windows.iter().map(|window| window.database.to_string()).collect();
            let until = windows.iter().map(|window| window.until).min().map(rfc3339).unwrap_or_default();
            let text = format!("the rollback window of {} closes at {until}", list(&names));
            let window = |w: &pgbelay_core::notice::Closing| json!({ "database": w.database, "version": w.version, "until": rfc3339(w.until) });
            let some: Vec<_> = windows.iter().take(MOST_NAMED).map(window).collect();
            let data = json!({ "windows": some, "count": windows.len() });
            teller.say(Kind::WindowClosing, Some(environment.clone()), text, data)
        }
        // Everybody is to know, and not everybody may know which databases there are.
        Event::LedgerDoubted { witnessed, head, .. } => {
            let text = format!(
                "the ledger is in doubt: an agent was told of {witnessed}, and it ended at entry {head}; nothing that changes a database is sent: see pgbelay ledger status"
            );
            teller.say(Kind::LedgerDoubted, None, text, json!({}))
        }
        Event::PolicyApplied { .. }
        | Event::OperatorAdded { .. }
        | Event::OperatorRevoked { .. }
        | Event::TokenCreated { .. }
        | Event::AgentEnrolled { .. }
        | Event::AgentRenewed { .. }
        | Event::RenewalUsed { .. }
        | Event::AgentRevoked { .. }
        | Event::AgentContested { .. }
        | Event::DatabaseRemoved { .. }
        | Event::DatabaseObserved { .. }
        | Event::DatabaseUnreachable { .. }
        | Event::DatabaseReachable { .. }
        | Event::ReleaseRecorded { .. }
        | Event::PlanApproved { .. }
        | Event::PlanTried { .. }
        | Event::RolloutResumed { .. }
        | Event::RolloutAborted { .. }
        | Event::RolloutRetried { .. }
        | Event::WaveStarted { .. }
        | Event::WaveBakes { .. }
        | Event::WaveVerifies { .. }
        | Event::WavePassed { .. }
        | Event::TargetSkipped { .. }
        | Event::TargetOverdue { .. }
        | Event::WindowOverridden { .. }
        | Event::Frozen { .. }
        | Event::Unfrozen { .. }
        | Event::TargetUpToDate { .. }
        | Event::TargetCancelled { .. }
        | Event::StatementResolved { .. }
        | Event::TargetGivenUp { .. }
        | Event::BackupChecked { .. }
        | Event::BackupCondemned { .. }
        | Event::BackupRemoved { .. }
        | Event::JobStarted { .. }
        | Event::JobTaken { .. }
        | Event::JobCancelled { .. }
        | Event::JobEnded { .. }
        | Event::LedgerAccepted { .. }
        | Event::WitnessSetAside { .. }
        | Event::WitnessHeard { .. }
        | Event::CommandIssued { .. }
        | Event::CommandAccepted { .. }
        | Event::CommandFinished { .. } => Vec::new(),
    }
}

struct Teller<'a> {
    state: &'a State,
    entry: &'a Entry,
}

impl Teller<'_> {
    fn say(
        &self,
        kind: Kind,
        environment: Option<EnvironmentName>,
        text: String,
        mut data: Value,
    ) -> Vec<Message> {
        let place = environment.as_ref().map(|name| format!(" {name}:")).unwrap_or_default();
        if let Value::Object(fields) = &mut data {
            fields.insert("entry".to_owned(), json!(self.entry.seq));
        }
        vec![Message {
            id: format!("{}_{}", self.entry.event_id, kind.as_str()),
            kind,
            at: self.entry.at,
            environment,
            text: format!("pgbelay{}: {text}", place.trim_end_matches(':')),
            data,
        }]
    }

    fn environment_of(&self, database: &DatabaseName) -> Option<EnvironmentName> {
        self.state.databases.get(database).map(|known: &std::sync::Arc<Database>| known.environment.clone())
    }

    fn planned(&self, plan: &Plan) -> Vec<Message> {
        let environment = Some(plan.body.environment.clone());
        let (id, author) = (&plan.id, &plan.author);
        let databases = plan.body.targets.len();
        let risk = plan.body.risk();
        let data = json!({
            "plan": id,
            "by": author,
            "risk": risk.to_string(),
            "databases": databases,
            "direction": if is_back(plan) { "down" } else { "up" },
        });
        let text = format!("{author} has made plan {id} for {databases} databases, of {risk} risk");
        let mut told = self.say(Kind::PlanCreated, environment.clone(), text, data.clone());
        let known = self.state.plans.get(id);
        if known.is_some_and(|known| waits_for_approval(self.state, known)) {
            let text =
                format!("plan {id} by {author} needs approval: pgbelay plan {id}, then pgbelay approve {id}");
            told.extend(self.say(Kind::ApprovalNeeded, environment, text, data));
        }
        told
    }

    fn rollout(&self, id: &RolloutId, tell: impl FnOnce(&Rollout) -> (Kind, String, Value)) -> Vec<Message> {
        let Some(known) = self.state.rollouts.get(id) else { return Vec::new() };
        let (kind, text, mut data) = tell(known);
        if let Value::Object(fields) = &mut data {
            fields.insert("rollout".to_owned(), json!(id));
            fields.insert("plan".to_owned(), json!(known.plan));
            fields.insert("databases".to_owned(), json!(known.targets.len()));
        }
        self.say(kind, Some(known.environment.clone()), text, data)
    }
}

fn is_back(plan: &Plan) -> bool {
    plan.body.goal.is_back()
}

fn word(state: &State, rollout: &Rollout) -> &'static str {
    if state.plan_of(rollout).is_some_and(is_back) { "rollback" } else { "rollout" }
}

fn finished(state: &State, rollout: &Rollout, verdict: Verdict) -> (Kind, String, Value) {
    let (id, what) = (&rollout.id, word(state, rollout));
    match verdict {
        Verdict::Succeeded => {
            let text = format!("{what} {id} is done: {} databases", rollout.targets.len());
            let kind = if what == "rollback" { Kind::RolledBack } else { Kind::RolloutFinished };
            (kind, text, json!({ "verdict": "succeeded" }))
        }
        Verdict::Aborted => {
            (Kind::RolloutFinished, format!("{what} {id} was aborted"), json!({ "verdict": "aborted" }))
        }
        Verdict::Failed => {
            let failed: Vec<_> = rollout
                .targets
                .iter()
                .filter_map(|(name, target)| Some((name, why(&target.state)?)))
                .collect();
            let names: Vec<_> = failed.iter().map(|(name, _)| name.to_string()).collect();
            let first = failed.first().map(|(_, why)| format!(": {why}")).unwrap_or_default();
            let text =
                format!("{what} {id} failed on {}{first}; see pgbelay rollout show {id}", list(&names));
            let errors: Vec<_> = failed
                .iter()
                .take(MOST_NAMED)
                .map(|(name, why)| json!({ "database": name, "error": why }))
                .collect();
            (
                Kind::RolloutFailed,
                text,
                json!({ "verdict": "failed", "failed": names.len(), "errors": errors }),
            )
        }
    }
}

/// What went wrong on a database: the first line, and not too much of it.
fn why(state: &TargetState) -> Option<String> {
    let text = match state {
        TargetState::Failed { failure } => failure.message.clone(),
        TargetState::Refused { why } | TargetState::Unknown { why, .. } | TargetState::Unverified { why } => {
            why.clone()
        }
        TargetState::Unsettled { .. } => "a statement was cut off".to_owned(),
        TargetState::Cancelled => "it was cancelled".to_owned(),
        TargetState::Due
        | TargetState::Running { .. }
        | TargetState::Done
        | TargetState::Skipped { .. }
        | TargetState::NotReached => return None,
    };
    Some(text.lines().next().unwrap_or_default().chars().take(MOST_WORDS).collect())
}

fn list(names: &[String]) -> String {
    match names.len() {
        0 => "no database".to_owned(),
        n if n <= 3 => names.join(", "),
        n => format!("{} and {} others", names[..2].join(", "), n - 2),
    }
}
