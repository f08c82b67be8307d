//! What came of a command.

use pgbelay_core::command::{
    Answer, Failure, FailureKind, Observed, ObservedLock, ObservedStatement, Outcome, RefusedBecause,
    Rehearsed, Said, StepDone, Unsettled,
};
use pgbelay_core::database::Observation;
use pgbelay_core::time::Span;

use super::{BadMessage, all, missing, none_if_empty, parse, required};
use crate::wire;
use crate::wire::outcome::{self as parts, refused::Because};

impl From<&StepDone> for wire::StepDone {
    fn from(done: &StepDone) -> Self {
        Self {
            version: done.version.to_string(),
            took_ms: done.took.0,
            retries: done.retries,
            observed: done.observed.as_deref().map(Into::into),
        }
    }
}

impl TryFrom<wire::StepDone> for StepDone {
    type Error = BadMessage;
    fn try_from(wire: wire::StepDone) -> Result<Self, BadMessage> {
        Ok(Self {
            version: parse("version", &wire.version)?,
            took: Span(wire.took_ms),
            retries: wire.retries,
            observed: wire.observed.map(|observed| Box::new(observed.into())),
        })
    }
}

impl From<&Observed> for wire::Observed {
    fn from(seen: &Observed) -> Self {
        let statement = |one: &ObservedStatement| wire::ObservedStatement {
            line: one.line,
            what: one.what.clone(),
            took_ms: one.took.0,
            rows: one.rows,
        };
        let lock = |one: &ObservedLock| wire::ObservedLock {
            relation: one.relation.clone(),
            mode: one.mode.clone(),
        };
        Self {
            statements: seen.statements.iter().map(statement).collect(),
            locks: seen.locks.iter().map(lock).collect(),
            rewrites: seen.rewrites.clone(),
            wal_bytes: seen.wal_bytes,
            lock_wait_ms: seen.lock_wait.0,
            waited_for: seen.waited_for.clone(),
            ended: seen.ended.clone(),
        }
    }
}

impl From<wire::Observed> for Observed {
    fn from(wire: wire::Observed) -> Self {
        let statement = |one: wire::ObservedStatement| ObservedStatement {
            line: one.line,
            what: one.what,
            took: Span(one.took_ms),
            rows: one.rows,
        };
        let lock = |one: wire::ObservedLock| ObservedLock { relation: one.relation, mode: one.mode };
        Self {
            statements: wire.statements.into_iter().map(statement).collect(),
            locks: wire.locks.into_iter().map(lock).collect(),
            rewrites: wire.rewrites,
            wal_bytes: wire.wal_bytes,
            lock_wait: Span(wire.lock_wait_ms),
            waited_for: wire.waited_for,
            ended: wire.ended,
        }
    }
}

/// A kind of failure and its word.
const FAILURE_KINDS: [(FailureKind, &str); 13] = [
    (FailureKind::Sql, "sql"),
    (FailureKind::LockTimeout, "lock-timeout"),
    (FailureKind::StatementTimeout, "statement-timeout"),
    (FailureKind::StepDeadline, "step-deadline"),
    (FailureKind::Backup, "backup"),
    (FailureKind::Connection, "connection"),
    (FailureKind::NotTransactional, "not-transactional"),
    (FailureKind::Busy, "busy"),
    (FailureKind::ReplicationLag, "replication-lag"),
    (FailureKind::SqlMissing, "sql-missing"),
    (FailureKind::Verification, "verification"),
    (FailureKind::Rehearsal, "rehearsal"),
    (FailureKind::Agent, "agent"),
];

/// The word for a kind of failure.
#[must_use]
pub fn failure_word(kind: FailureKind) -> &'static str {
    FAILURE_KINDS.iter().find(|(k, _)| *k == kind).map_or("agent", |(_, word)| word)
}

impl From<&Failure> for wire::Failure {
    fn from(failure: &Failure) -> Self {
        Self {
            kind: failure_word(failure.kind).to_owned(),
            version: failure.version.as_ref().map(ToString::to_string).unwrap_or_default(),
            message: failure.message.clone(),
            hint: failure.hint.clone().unwrap_or_default(),
            sqlstate: failure.sqlstate.clone().unwrap_or_default(),
            line: failure.line.unwrap_or_default(),
            blockers: failure.blockers.clone(),
        }
    }
}

impl TryFrom<wire::Failure> for Failure {
    type Error = BadMessage;
    fn try_from(wire: wire::Failure) -> Result<Self, BadMessage> {
        let kind = FAILURE_KINDS.iter().find(|(_, word)| *word == wire.kind).map(|(kind, _)| *kind);
        Ok(Self {
            kind: kind
                .ok_or_else(|| BadMessage { field: "kind", fault: "no known kind of failure".to_owned() })?,
            version: none_if_empty(wire.version).map(|v| parse("version", &v)).transpose()?,
            message: wire.message,
            hint: none_if_empty(wire.hint),
            sqlstate: none_if_empty(wire.sqlstate),
            line: (wire.line > 0).then_some(wire.line),
            blockers: wire.blockers,
        })
    }
}

impl From<&RefusedBecause> for parts::Refused {
    fn from(reason: &RefusedBecause) -> Self {
        let because = match reason {
            RefusedBecause::StaleFence { seen } => Because::StaleFence(*seen),
            RefusedBecause::Moved { what } => Because::Moved(what.clone()),
            RefusedBecause::TooLate => Because::TooLate(true),
            RefusedBecause::Guard { rule } => Because::Guard(rule.clone()),
        };
        Self { because: Some(because) }
    }
}

impl TryFrom<parts::Refused> for RefusedBecause {
    type Error = BadMessage;
    fn try_from(wire: parts::Refused) -> Result<Self, BadMessage> {
        Ok(match wire.because.ok_or_else(|| missing("because"))? {
            Because::StaleFence(seen) => Self::StaleFence { seen },
            Because::Moved(what) => Self::Moved { what },
            Because::TooLate(_) => Self::TooLate,
            Because::Guard(rule) => Self::Guard { rule },
        })
    }
}

impl From<&Answer> for parts::Answer {
    fn from(answer: &Answer) -> Self {
        let said = match &answer.said {
            Said::Passed => parts::answer::Said::Passed(true),
            Said::Failed { got } => parts::answer::Said::Failed(got.clone()),
            Said::Unknown { why } => parts::answer::Said::Unknown(why.clone()),
        };
        Self { query: answer.query.clone(), said: Some(said) }
    }
}

impl TryFrom<parts::Answer> for Answer {
    type Error = BadMessage;
    fn try_from(wire: parts::Answer) -> Result<Self, BadMessage> {
        let said = match wire.said.ok_or_else(|| missing("said"))? {
            parts::answer::Said::Passed(_) => Said::Passed,
            parts::answer::Said::Failed(got) => Said::Failed { got },
            parts::answer::Said::Unknown(why) => Said::Unknown { why },
        };
        Ok(Self { query: wire.query, said })
    }
}

fn steps(done: &[StepDone]) -> Vec<wire::StepDone> {
    done.iter().map(Into::into).collect()
}

fn seen(observation: Option<&Observation>) -> Option<wire::Observation> {
    observation.map(Into::into)
}

impl From<&Outcome> for wire::Outcome {
    fn from(outcome: &Outcome) -> Self {
        use parts::Outcome as Wire;
        let outcome = match outcome {
            Outcome::BackedUp { backup } => Wire::BackedUp(parts::BackedUp { backup: Some(backup.into()) }),
            Outcome::Ran { done, observation } => {
                Wire::Ran(parts::Ran { done: steps(done), observation: seen(Some(observation)) })
            }
            Outcome::Failed { done, failure, observation } => Wire::Failed(parts::Failed {
                done: steps(done),
                failure: Some(failure.into()),
                observation: seen(observation.as_ref()),
            }),
            Outcome::Interrupted { done, observation } => Wire::Interrupted(parts::Interrupted {
                done: steps(done),
                observation: seen(observation.as_ref()),
            }),
            Outcome::Cancelled { done, observation } => Wire::Cancelled(parts::Cancelled {
                done: steps(done),
                observation: seen(observation.as_ref()),
            }),
            Outcome::Unsettled { done, statement, observation } => Wire::Unsettled(parts::Unsettled {
                done: steps(done),
                version: statement.version.to_string(),
                piece: statement.piece,
                pieces: statement.pieces,
                intent: statement.intent,
                line: statement.line,
                what: statement.what.clone(),
                observation: seen(observation.as_ref()),
            }),
            Outcome::Verified { answers } => {
                Wire::Verified(parts::Verified { answers: answers.iter().map(Into::into).collect() })
            }
            Outcome::Rehearsed { rehearsed } => Wire::Rehearsed(parts::Rehearsed {
                up: steps(&rehearsed.up),
                back: steps(&rehearsed.back),
                took_ms: rehearsed.took.0,
            }),
            Outcome::Refused { reason } => Wire::Refused(reason.into()),
            Outcome::Unknown { why } => Wire::Unknown(parts::Unknown { why: why.clone() }),
        };
        Self { outcome: Some(outcome) }
    }
}

fn maybe_seen(wire: Option<wire::Observation>) -> Result<Option<Observation>, BadMessage> {
    wire.map(Observation::try_from).transpose()
}

impl TryFrom<wire::Outcome> for Outcome {
    type Error = BadMessage;
    fn try_from(wire: wire::Outcome) -> Result<Self, BadMessage> {
        use parts::Outcome as Wire;
        Ok(match wire.outcome.ok_or_else(|| missing("outcome"))? {
            Wire::BackedUp(part) => Self::BackedUp { backup: required("backup", part.backup)? },
            Wire::Ran(part) => {
                Self::Ran { done: all(part.done)?, observation: required("observation", part.observation)? }
            }
            Wire::Failed(part) => Self::Failed {
                done: all(part.done)?,
                failure: required("failure", part.failure)?,
                observation: maybe_seen(part.observation)?,
            },
            Wire::Interrupted(part) => {
                Self::Interrupted { done: all(part.done)?, observation: maybe_seen(part.observation)? }
            }
            Wire::Cancelled(part) => {
                Self::Cancelled { done: all(part.done)?, observation: maybe_seen(part.observation)? }
            }
            Wire::Unsettled(part) => Self::Unsettled {
                done: all(part.done)?,
                statement: Unsettled {
                    version: parse("version", &part.version)?,
                    piece: part.piece,
                    pieces: part.pieces,
                    intent: part.intent,
                    line: part.line,
                    what: part.what,
                },
                observation: maybe_seen(part.observation)?,
            },
            Wire::Verified(part) => Self::Verified { answers: all(part.answers)? },
            Wire::Rehearsed(part) => Self::Rehearsed {
                rehearsed: Rehearsed { up: all(part.up)?, back: all(part.back)?, took: Span(part.took_ms) },
            },
            Wire::Refused(part) => Self::Refused { reason: part.try_into()? },
            Wire::Unknown(part) => Self::Unknown { why: part.why },
        })
    }
}
