//! An agent without a database: it keeps what would really be applied, and answers as a true one does.

use std::collections::BTreeMap;

use pgbelay_core::command::{
    Answer, Backup, BackupOrder, Command, CommandId, CommandKind, Failure, FailureKind, Outcome,
    RefusedBecause, Rehearse, Rehearsed, Said, StepDone, Unsettled,
};
use pgbelay_core::database::{AppliedRecord, Observation, Unfinished};
use pgbelay_core::digest::Digest;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::{Direction, Expectation, Step, Touches};
use pgbelay_core::policy::{BackupMethod, MethodRule, Query};
use pgbelay_core::time::{Span, Timestamp};

/// What becomes of a command that is started. A number counts the steps that are committed before it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// All goes well.
    Well,
    /// PostgreSQL refuses the SQL of the next step, or the backup cannot be made.
    FailsAfter(usize),
    /// The agent is killed.
    DiesAfter(usize),
    /// The agent is asked to stop.
    CancelledAfter(usize),
    /// A statement of the next step was cut off, and nothing shows whether it took effect.
    UnsettledAfter(usize),
    /// It cannot be told how far it came, for now.
    UnknownAfter(usize),
}

/// An agent and the truth about its database.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) database: DatabaseName,
    /// What is really applied.
    pub(crate) applied: Vec<AppliedRecord>,
    /// What was cut off.
    pub(crate) unfinished: Vec<Unfinished>,
    /// Counts the changes that somebody else made.
    pub(crate) changes: u32,
    /// The major version of its server.
    pub(crate) server: u32,
    /// The highest fence that the database has seen.
    pub(crate) fence: u64,
    /// What came of every command that was taken on: `None` while it cannot be told.
    pub(crate) journal: BTreeMap<CommandId, Outcome>,
    /// What really came of those that cannot be told.
    pub(crate) truth: BTreeMap<CommandId, Outcome>,
}

impl Agent {
    pub(crate) fn new(database: DatabaseName) -> Self {
        let (journal, truth) = (BTreeMap::new(), BTreeMap::new());
        let (applied, unfinished) = (Vec::new(), Vec::new());
        Self { database, applied, unfinished, changes: 0, server: 15, fence: 0, journal, truth }
    }

    pub(crate) fn observation(&self) -> Observation {
        let versions: Vec<_> = self.applied.iter().map(|r| r.version.as_str()).collect();
        Observation {
            conditions: pgbelay_core::database::no_conditions(),
            server_version: self.server * 10_000 + 18,
            system_identifier: format!("system-of-{}", self.database),
            fingerprint: Digest::of(format!("{versions:?} {}", self.changes)),
            records: self.applied.clone(),
            unfinished: self.unfinished.clone(),
        }
    }

    /// Takes a command on, or answers with what came of it when it has done so before.
    pub(crate) fn carry_out(&mut self, command: &Command, fate: &Fate, now: Timestamp) -> Outcome {
        if let Some(known) = self.journal.get(&command.id) {
            return known.clone();
        }
        let outcome = match self.refusal(command, now) {
            Some(reason) => Outcome::Refused { reason },
            None => self.start(command, fate),
        };
        self.journal.insert(command.id.clone(), outcome.clone());
        outcome
    }

    /// Looks again at what could not be told.
    pub(crate) fn find_out(&mut self, command: &CommandId) -> Option<Outcome> {
        let outcome = self.truth.remove(command)?;
        self.journal.insert(command.clone(), outcome.clone());
        Some(outcome)
    }

    fn refusal(&self, command: &Command, now: Timestamp) -> Option<RefusedBecause> {
        let expect = match &command.kind {
            CommandKind::Backup { expect, .. } => expect,
            CommandKind::Run(run) => &run.expect,
            CommandKind::Adopt(adopt) => &adopt.expect,
            CommandKind::Verify(verify) => &verify.expect,
            CommandKind::Rehearse(rehearse) => &rehearse.expect,
        };
        if now > command.not_after {
            Some(RefusedBecause::TooLate)
        } else if command.fence < self.fence {
            Some(RefusedBecause::StaleFence { seen: self.fence })
        } else if *expect != Expectation::from(&self.observation()) {
            Some(RefusedBecause::Moved { what: "its migrations or its schema".to_owned() })
        } else {
            None
        }
    }

    fn start(&mut self, command: &Command, fate: &Fate) -> Outcome {
        self.fence = command.fence;
        match &command.kind {
            CommandKind::Verify(verify) => self.answer(command, &verify.queries, fate),
            CommandKind::Rehearse(rehearse) => self.try_out(command, rehearse, fate),
            CommandKind::Backup { order, .. } => self.back_up(command, order, fate),
            CommandKind::Run(run) => self.run(command, (run.direction, &run.steps), fate),
            CommandKind::Adopt(adopt) => self.run(command, (Direction::Up, &adopt.steps), fate),
        }
    }

    /// Queries are answered as they should be, with something else, or not at all.
    fn answer(&mut self, command: &Command, queries: &[Query], fate: &Fate) -> Outcome {
        let said = match fate {
            Fate::Well => Said::Passed,
            Fate::FailsAfter(_) => Said::Failed { got: "\"7\", not \"0\"".to_owned() },
            Fate::UnsettledAfter(_) => Said::Unknown { why: "canceling statement due to timeout".to_owned() },
            Fate::DiesAfter(_) => return Outcome::Interrupted { done: Vec::new(), observation: None },
            Fate::CancelledAfter(_) => return Outcome::Cancelled { done: Vec::new(), observation: None },
            Fate::UnknownAfter(_) => {
                let truth = Outcome::Interrupted { done: Vec::new(), observation: None };
                self.truth.insert(command.id.clone(), truth);
                return Outcome::Unknown { why: "the connection was lost".to_owned() };
            }
        };
        let answer = |query: &Query| Answer { query: query.name.clone(), said: said.clone() };
        Outcome::Verified { answers: queries.iter().map(answer).collect() }
    }

    /// On a copy, nothing comes of it for the database.
    fn try_out(&mut self, command: &Command, rehearse: &Rehearse, fate: &Fate) -> Outcome {
        let done = |steps: &[Step]| {
            let one = |step: &Step| StepDone {
                version: step.version.clone(),
                took: Span(5),
                retries: 0,
                observed: None,
            };
            steps.iter().map(one).collect()
        };
        let (none, observation) = (Vec::new(), None);
        match fate {
            Fate::Well => {
                let (up, back) = (done(&rehearse.up), done(&rehearse.back));
                Outcome::Rehearsed { rehearsed: Rehearsed { up, back, took: Span(9_000) } }
            }
            Fate::FailsAfter(_) => {
                let failure = Failure { kind: FailureKind::Rehearsal, ..failure(rehearse.up.first()) };
                Outcome::Failed { done: none, failure, observation }
            }
            Fate::DiesAfter(_) => Outcome::Interrupted { done: none, observation },
            Fate::CancelledAfter(_) | Fate::UnsettledAfter(_) => {
                Outcome::Cancelled { done: none, observation }
            }
            Fate::UnknownAfter(_) => {
                self.truth.insert(command.id.clone(), Outcome::Interrupted { done: none, observation });
                Outcome::Unknown { why: "the connection was lost".to_owned() }
            }
        }
    }

    fn back_up(&mut self, command: &Command, order: &BackupOrder, fate: &Fate) -> Outcome {
        let method = made(order);
        let backup = Backup {
            path: format!("/backups/{}/{}", self.database, command.id),
            copies: Vec::new(),
            sha256: Digest::of(command.id.as_str()),
            bytes: 4_096,
            took: Span::seconds(1),
            method,
            reason: None,
            outside: (method == BackupMethod::Command).then(|| "repo1/main".to_owned()),
            sealed_key: None,
        };
        let (done, observation) = (Vec::new(), None);
        match fate {
            Fate::Well => Outcome::BackedUp { backup },
            Fate::FailsAfter(_) => Outcome::Failed { done, failure: failure(None), observation },
            Fate::DiesAfter(_) => Outcome::Interrupted { done, observation },
            Fate::CancelledAfter(_) | Fate::UnsettledAfter(_) => Outcome::Cancelled { done, observation },
            Fate::UnknownAfter(_) => {
                self.truth.insert(command.id.clone(), Outcome::Interrupted { done, observation });
                Outcome::Unknown { why: "the backup's process is gone".to_owned() }
            }
        }
    }

    fn run(&mut self, command: &Command, (direction, all): (Direction, &[Step]), fate: &Fate) -> Outcome {
        let steps = match fate {
            Fate::Well => all.len(),
            Fate::FailsAfter(n)
            | Fate::DiesAfter(n)
            | Fate::CancelledAfter(n)
            | Fate::UnsettledAfter(n)
            | Fate::UnknownAfter(n) => (*n).min(all.len()),
        };
        let done: Vec<_> = all.iter().take(steps).map(|step| self.commit(step, direction)).collect();
        let next = all.get(steps);
        let observation = self.observation();
        let seen = Some(observation.clone());
        match (fate, next) {
            (Fate::Well, _)
            | (Fate::FailsAfter(_) | Fate::CancelledAfter(_) | Fate::UnsettledAfter(_), None) => {
                Outcome::Ran { done, observation }
            }
            (Fate::FailsAfter(_), Some(step)) => {
                Outcome::Failed { done, failure: failure(Some(step)), observation: seen }
            }
            (Fate::CancelledAfter(_), Some(_)) => Outcome::Cancelled { done, observation: seen },
            (Fate::UnsettledAfter(_), Some(step)) => {
                let what = "CALL".to_owned();
                let version = step.version.clone();
                let statement =
                    Unsettled { version: version.clone(), piece: 1, pieces: 2, intent: 7, line: 1, what };
                self.unfinished = vec![Unfinished { version, direction, done: 0, pieces: 2, open: Some(7) }];
                Outcome::Unsettled { done, statement, observation: Some(self.observation()) }
            }
            (Fate::DiesAfter(_), _) => Outcome::Interrupted { done, observation: seen },
            (Fate::UnknownAfter(_), _) => {
                self.truth.insert(command.id.clone(), Outcome::Interrupted { done, observation: seen });
                Outcome::Unknown { why: "the connection was lost".to_owned() }
            }
        }
    }

    fn commit(&mut self, step: &Step, direction: Direction) -> StepDone {
        self.unfinished.clear();
        match direction {
            Direction::Up => self.applied.push(AppliedRecord {
                version: step.version.clone(),
                name: step.name.clone(),
                checksum: step.checksum,
                repeatable: step.repeatable,
                applied_at: step.recorded.as_ref().and_then(|r| r.applied_at).unwrap_or(Timestamp(0)),
                adopted: step.recorded.is_some(),
            }),
            Direction::Down => self.applied.retain(|record| record.version != step.version),
        }
        StepDone { version: step.version.clone(), took: Span(5), retries: 0, observed: None }
    }
}

fn failure(step: Option<&Step>) -> Failure {
    Failure {
        kind: if step.is_some() { FailureKind::Sql } else { FailureKind::Backup },
        version: step.map(|step| step.version.clone()),
        message: step.map_or("no space left on device", |_| "relation \"orders\" does not exist").to_owned(),
        hint: None,
        sqlstate: step.map(|_| "42P01".to_owned()),
        line: step.map(|_| 1),
        blockers: Vec::new(),
    }
}

/// The kind that an agent makes of a small database.
fn made(order: &BackupOrder) -> BackupMethod {
    match (order.method, &order.touches) {
        (MethodRule::Touched, Touches::Relations { .. }) => BackupMethod::Touched,
        (MethodRule::Full | MethodRule::Auto | MethodRule::Touched, _) => BackupMethod::Full,
        (MethodRule::RestorePoint, _) => BackupMethod::RestorePoint,
        (MethodRule::Command, _) => BackupMethod::Command,
    }
}
