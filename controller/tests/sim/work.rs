//! What an agent does with a command, moment by moment.

use pgbelay_core::command::{
    Answer, Backup, Failure, FailureKind, Outcome, RefusedBecause, Rehearsed, Said, StepDone, Unsettled,
};
use pgbelay_core::database::{AppliedRecord, Unfinished};
use pgbelay_core::digest::Digest;
use pgbelay_core::plan::{Direction, Expectation};
use pgbelay_core::policy::Query;
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::convert::{WireCommand, WireKind, WireRehearse, WireRun, WireStep};

use crate::agent::{Agent, Commit};
use crate::bugs::Bug;
use crate::dice::Dice;

/// A command in work.
pub(crate) struct Work {
    pub(crate) number: u64,
    pub(crate) command: WireCommand,
    pub(crate) cancelled: bool,
    /// It is only read from the database what was done.
    pub(crate) looks: bool,
    begun: bool,
    done: Vec<StepDone>,
}

/// What comes of a moment of work.
pub(crate) enum Moment {
    /// It goes on.
    More,
    /// It is over.
    Over(Box<Outcome>),
}

fn expect(command: &WireCommand) -> &Expectation {
    match &command.kind {
        WireKind::Backup { expect, .. } => expect,
        WireKind::Run(run) => &run.expect,
        WireKind::Adopt(adopt) => &adopt.expect,
        WireKind::Verify(verify) => &verify.expect,
        WireKind::Rehearse(rehearse) => &rehearse.expect,
    }
}

impl Work {
    pub(crate) fn new(number: u64, command: WireCommand, looks: bool) -> Self {
        Self { number, command, cancelled: false, looks, begun: false, done: Vec::new() }
    }
}

impl Agent {
    /// Goes on with what is in work.
    pub(crate) fn moment(&mut self, now: i64, dice: &mut Dice, bug: Option<Bug>) -> Option<Moment> {
        let mut work = self.work.take()?;
        let outcome = self.go_on(&mut work, now, dice, bug);
        self.work = Some(work);
        Some(outcome.map_or(Moment::More, |outcome| Moment::Over(Box::new(outcome))))
    }

    fn go_on(&mut self, work: &mut Work, now: i64, dice: &mut Dice, bug: Option<Bug>) -> Option<Outcome> {
        if work.looks {
            return Some(self.look(&work.command, dice, bug));
        }
        let lapsed = now >= self.lease_until;
        if let WireKind::Verify(verify) = &work.command.kind {
            return Some(answer(work, &verify.queries, dice));
        }
        if !work.begun {
            if lapsed {
                return Some(Outcome::Interrupted { done: Vec::new(), observation: None });
            }
            if let Some(reason) = self.refusal(&work.command) {
                return Some(Outcome::Refused { reason });
            }
            self.database.fence = self.database.fence.max(work.command.fence);
            work.begun = true;
            return None;
        }
        match &work.command.kind {
            WireKind::Backup { .. } => Some(self.back_up(work, dice)),
            WireKind::Rehearse(rehearse) => Some(try_out(work, rehearse, dice)),
            WireKind::Run(run) => {
                let run = run.clone();
                self.step(work, &run, lapsed, dice)
            }
            WireKind::Adopt(_) | WireKind::Verify(_) => {
                Some(Outcome::Cancelled { done: Vec::new(), observation: None })
            }
        }
    }

    fn refusal(&self, command: &WireCommand) -> Option<RefusedBecause> {
        if command.fence < self.database.fence {
            return Some(RefusedBecause::StaleFence { seen: self.database.fence });
        }
        if *expect(command) != Expectation::from(&self.observation()) {
            return Some(RefusedBecause::Moved { what: "its migrations or its schema".to_owned() });
        }
        None
    }

    fn back_up(&self, work: &Work, dice: &mut Dice) -> Outcome {
        let (done, observation) = (Vec::new(), None);
        if work.cancelled {
            return Outcome::Cancelled { done, observation };
        }
        if dice.mishap(30) {
            let failure = failure(FailureKind::Backup, None);
            return Outcome::Failed { done, failure, observation };
        }
        let backup = Backup {
            path: format!("/backups/{}/{}-{}", self.name, work.command.id, work.command.attempt),
            sha256: Digest::of(work.command.id.as_str()),
            bytes: 4_096,
            took: Span::seconds(1),
            method: Default::default(),
            copies: Vec::new(),
            reason: None,
            outside: None,
            sealed_key: None,
        };
        Outcome::BackedUp { backup }
    }

    fn step(&mut self, work: &mut Work, run: &WireRun, lapsed: bool, dice: &mut Dice) -> Option<Outcome> {
        let next = run.steps.get(work.done.len());
        let Some(step) = next else {
            let (done, observation) = (work.done.clone(), self.observation());
            return Some(Outcome::Ran { done, observation });
        };
        let (done, observation) = (work.done.clone(), Some(self.observation()));
        if work.cancelled {
            return Some(Outcome::Cancelled { done, observation });
        }
        if lapsed {
            return Some(Outcome::Interrupted { done, observation });
        }
        if dice.mishap(25) {
            let failure = failure(FailureKind::Sql, Some(step));
            return Some(Outcome::Failed { done, failure, observation });
        }
        if dice.mishap(60) && run.resolution.is_none() {
            return Some(self.cut_off(work, step));
        }
        if dice.mishap(40) {
            // The connection was lost at COMMIT; the database does not answer yet.
            if dice.one_in(2) {
                self.commit(work, step);
            }
            return Some(Outcome::Unknown { why: "the connection was lost".to_owned() });
        }
        self.commit(work, step);
        None
    }

    fn cut_off(&mut self, work: &Work, step: &WireStep) -> Outcome {
        let (version, what) = (step.version.clone(), "CALL".to_owned());
        let direction = step.direction;
        self.database.unfinished =
            vec![Unfinished { version: version.clone(), direction, done: 0, pieces: 2, open: Some(7) }];
        let statement = Unsettled { version, piece: 1, pieces: 2, intent: 7, line: 1, what };
        Outcome::Unsettled { done: work.done.clone(), statement, observation: Some(self.observation()) }
    }

    fn commit(&mut self, work: &mut Work, step: &WireStep) {
        let database = &mut self.database;
        database.unfinished.clear();
        match step.direction {
            Direction::Up => database.applied.push(AppliedRecord {
                version: step.version.clone(),
                name: step.name.clone(),
                checksum: step.checksum,
                applied_at: Timestamp(0),
                repeatable: step.repeatable,
                adopted: false,
            }),
            Direction::Down => database.applied.retain(|record| record.version != step.version),
        }
        database.commits.push(Commit {
            command: work.command.id.clone(),
            version: step.version.clone(),
            direction: step.direction,
        });
        work.done.push(done(step));
    }

    /// Reads from the database what a command did.
    fn look(&mut self, command: &WireCommand, dice: &mut Dice, bug: Option<Bug>) -> Outcome {
        let WireKind::Run(run) = &command.kind else {
            return Outcome::Interrupted { done: Vec::new(), observation: None };
        };
        if dice.mishap(5) {
            return Outcome::Unknown { why: "the database does not answer".to_owned() };
        }
        if bug == Some(Bug::Guesses) {
            return Outcome::Interrupted { done: Vec::new(), observation: None };
        }
        let commits = &self.database.commits;
        let committed = |step: &&WireStep| {
            commits.iter().any(|commit| commit.command == command.id && commit.version == step.version)
        };
        let done = run.steps.iter().filter(committed).map(done).collect();
        Outcome::Interrupted { done, observation: Some(self.observation()) }
    }
}

/// What is tried on a copy mostly works there.
fn try_out(work: &Work, rehearse: &WireRehearse, dice: &mut Dice) -> Outcome {
    let (done, observation) = (Vec::new(), None);
    if work.cancelled {
        return Outcome::Cancelled { done, observation };
    }
    if dice.mishap(15) {
        return Outcome::Failed {
            done,
            failure: failure(FailureKind::Rehearsal, rehearse.up.first()),
            observation,
        };
    }
    let [up, back] = [&rehearse.up, &rehearse.back].map(|steps| steps.iter().map(self::done).collect());
    Outcome::Rehearsed { rehearsed: Rehearsed { up, back, took: Span::seconds(3) } }
}

/// Queries are mostly answered as they should be.
fn answer(work: &Work, queries: &[Query], dice: &mut Dice) -> Outcome {
    if work.cancelled {
        return Outcome::Cancelled { done: Vec::new(), observation: None };
    }
    let mut answer = |query: &Query| {
        let said = match dice.below(24) {
            _ if dice.calm => Said::Passed,
            0 => Said::Failed { got: "\"7\", not \"0\"".to_owned() },
            1 => Said::Unknown { why: "canceling statement due to timeout".to_owned() },
            _ => Said::Passed,
        };
        Answer { query: query.name.clone(), said }
    };
    Outcome::Verified { answers: queries.iter().map(&mut answer).collect() }
}

fn done(step: &WireStep) -> StepDone {
    StepDone { version: step.version.clone(), took: Span(5), retries: 0, observed: None }
}

fn failure(kind: FailureKind, step: Option<&WireStep>) -> Failure {
    Failure {
        kind,
        version: step.map(|step| step.version.clone()),
        message: "it did not work".to_owned(),
        hint: None,
        sqlstate: None,
        line: None,
        blockers: Vec::new(),
    }
}
