//! Commands, from their arrival to the acknowledgement of their result.

use pgbelay_core::command::{CommandId, FailureKind, Outcome, RefusedBecause};
use pgbelay_proto::convert::{BadMessage, WireCommand};

use super::rules::{Circumstances, Verdict, judge};
use super::{Dispatcher, REPORTS_AT_ONCE, now};
use crate::failpoint::block;
use crate::journal::JournalError;
use crate::words;
use crate::work::{Job, JobEnd, Purpose, Site, failed};

impl<S: Site> Dispatcher<S> {
    pub(super) fn command(&mut self, command: WireCommand) {
        let (id, attempt) = (command.id.clone(), command.attempt);
        if self.phase.is_stopping() {
            // The controller finds out at the next connection, and sends it again.
            tracing::info!(command = %id, "a command is not taken: the agent is stopping");
            return;
        }
        let in_work = self.job.as_ref().map(|job| &job.command).or(self.interrupted.front());
        let circumstances =
            Circumstances { known: self.journal.get(&id), in_work, guard: &self.guard, now: now() };
        match judge(&command, &circumstances) {
            Verdict::Start => self.start(command),
            Verdict::AcceptAgain => self.tell_accepted(&id, attempt),
            Verdict::ReportAgain => self.report(&id),
            Verdict::LookAgain => self.look_again(command),
            Verdict::Refuse(reason) => {
                tracing::warn!(command = %id, attempt, ?reason, "a command is refused");
                self.conclude(&id, attempt, Outcome::Refused { reason });
            }
            Verdict::Ignore => {
                tracing::warn!(command = %id, attempt, "an attempt is ignored: another one is known");
            }
        }
    }

    /// Takes a command into the journal, and only then says so and begins.
    fn start(&mut self, command: WireCommand) {
        let (id, attempt) = (command.id.clone(), command.attempt);
        if let Err(error) = self.journal.accept(command.clone()) {
            let why = words::line(&error);
            tracing::error!(command = %id, error = why, "a command is not started: the journal does not take it");
            let hint = "see that the agent's state directory can be written, then retry";
            // Nothing was done, so that there is nothing to remember.
            self.tell(&id, attempt, &failed(FailureKind::Agent, why, hint));
            return;
        }
        self.tell_accepted(&id, attempt);
        tracing::info!(command = %id, attempt, rollout = %command.rollout, "a command is started");
        let lease = self.lease.clone();
        self.job = Some(Job::execute(command, self.tools(), move || lease.holds()));
    }

    /// Whoever asks again for what could not be told wants to know, not to have it done: only the database is read.
    fn look_again(&mut self, command: WireCommand) {
        let (id, attempt) = (command.id.clone(), command.attempt);
        if let Err(error) = self.journal.accept(command.clone()) {
            tracing::error!(command = %id, error = words::line(&error), "a command is not looked at again");
            self.report(&id);
            return;
        }
        self.tell_accepted(&id, attempt);
        self.interrupted.push_back(command);
        self.recover_next();
    }

    /// A command in words that this version does not know is refused, and the connection goes on.
    pub(super) fn unreadable(&mut self, id: &CommandId, attempt: u32, why: &BadMessage) {
        tracing::error!(command = %id, attempt, %why, "a command is not understood");
        match self.journal.get(id) {
            Some(entry) if entry.attempt >= attempt || entry.outcome().is_none() => self.report(id),
            Some(_) | None => {
                let version = env!("CARGO_PKG_VERSION");
                let rule =
                    format!("pgbelay-agent {version} does not understand the command ({why}): upgrade it");
                self.conclude(id, attempt, Outcome::Refused { reason: RefusedBecause::Guard { rule } });
            }
        }
    }

    /// Ends a command, or keeps one that has not arrived from ever being started.
    pub(super) fn cancel(&mut self, id: &CommandId, attempt: u32) {
        if let Some(job) = self.job.as_mut().filter(|job| job.is(id, attempt)) {
            // What an earlier process did is not undone; whoever cancels waits no longer to know it.
            tracing::info!(command = %id, attempt, "a command is cancelled");
            job.cancel_asked = true;
            job.cancel.cancel();
            return;
        }
        match self.journal.get(id) {
            Some(entry) if entry.attempt >= attempt || entry.outcome().is_none() => self.report(id),
            Some(_) | None => {
                tracing::info!(command = %id, attempt, "a command is cancelled before it arrived");
                let outcome = Outcome::Cancelled { done: Vec::new(), observation: None };
                match self.journal.finish(id, attempt, outcome) {
                    Ok(()) => self.report(id),
                    // Not told: after a restart nothing would keep a late command from being run.
                    Err(error) => {
                        tracing::error!(command = %id, error = words::line(&error), "a cancel is not on disk");
                    }
                }
            }
        }
    }

    pub(super) fn acknowledged(&mut self, id: &CommandId, attempt: u32) {
        block("after-report");
        self.journal.acknowledge(id, attempt, now());
        if matches!(self.phase, super::Phase::Leaving { .. }) {
            self.leave();
        }
    }

    pub(super) fn job_ended(&mut self, end: JobEnd) {
        let Some(job) = self.job.take() else { return };
        let (id, attempt) = (job.command.id.clone(), job.command.attempt);
        match end {
            Ok(outcome) => {
                let by_itself = !self.phase.is_stopping() || job.cancel_asked;
                let outcome = if by_itself { Some(outcome) } else { stopped(outcome) };
                if let Some(outcome) = outcome {
                    tracing::info!(command = %id, attempt, outcome = name_of(&outcome), "a command has ended");
                    self.conclude(&id, attempt, outcome);
                }
            }
            Err(fault) if job.purpose == Purpose::Execute => {
                tracing::error!(command = %id, %fault, "a command broke: reading what it did from the database");
                self.interrupted.push_front(job.command);
            }
            Err(fault) => {
                tracing::error!(command = %id, %fault, "what a command did cannot be read");
                let why =
                    "the agent broke while it read what the command did: inspect the database".to_owned();
                self.conclude(&id, attempt, Outcome::Unknown { why });
            }
        }
        if self.phase.is_stopping() {
            self.leave();
        } else {
            self.recover_next();
        }
    }

    /// Goes on with what an earlier process began.
    pub(super) fn recover_next(&mut self) {
        if self.job.is_none()
            && let Some(command) = self.interrupted.pop_front()
        {
            tracing::warn!(command = %command.id, "a command was interrupted: finding out what it did");
            self.job = Some(Job::recover(command, self.site.clone(), &self.timing));
        }
    }

    /// Keeps what came of a command, and tells it.
    fn conclude(&mut self, id: &CommandId, attempt: u32, outcome: Outcome) {
        match self.journal.finish(id, attempt, outcome.clone()) {
            Ok(()) => self.report(id),
            // There is room for what was begun: this was not.
            Err(JournalError::Full) => self.tell(id, attempt, &outcome),
            // Not told: the next process would not know what this one said. It is written and told with the next
            // round of reports.
            Err(error @ (JournalError::File(_) | JournalError::Encode { .. })) => {
                tracing::error!(command = %id, error = words::line(&error), "a result is not on disk");
            }
        }
    }

    fn tell_accepted(&self, id: &CommandId, attempt: u32) {
        if let Some(link) = &self.link {
            link.outbox.accepted(id, attempt);
        }
    }

    /// Tells what came of a command, acknowledged or not; nothing, while it is in work or not on disk.
    fn report(&self, id: &CommandId) {
        if let Some((attempt, outcome)) = self.journal.result(id) {
            self.tell(id, attempt, outcome);
        }
    }

    fn tell(&self, id: &CommandId, attempt: u32, outcome: &Outcome) {
        if let Some(link) = &self.link {
            link.outbox.report(id, attempt, outcome);
        }
    }

    /// Tells every result that the controller has not acknowledged.
    pub(super) fn report_all(&mut self) {
        self.tell_jobs();
        if let Err(error) = self.journal.write_again() {
            tracing::error!(
                error = words::line(&error),
                "results are not on disk, and not told until they are"
            );
        }
        for (id, attempt, outcome) in self.journal.untold().take(REPORTS_AT_ONCE) {
            self.tell(id, attempt, outcome);
        }
    }

    pub(super) fn tell_progress(&mut self) {
        if let (Some(link), Some(job)) = (&self.link, &mut self.job)
            && job.progress.has_changed().unwrap_or(false)
        {
            link.outbox.progress(&job.command.id, &job.progress.borrow_and_update());
        }
    }
}

/// The outcome of a command that was cancelled because the agent stops: nobody wanted that, so it is an interruption.
/// `None`: what was done can't be told from here; the next start reads it from the database.
fn stopped(outcome: Outcome) -> Option<Outcome> {
    match outcome {
        Outcome::Cancelled { done, observation: None } if !done.is_empty() => None,
        Outcome::Unknown { .. } => None,
        Outcome::Cancelled { done, observation } => Some(Outcome::Interrupted { done, observation }),
        Outcome::BackedUp { .. }
        | Outcome::Verified { .. }
        | Outcome::Rehearsed { .. }
        | Outcome::Ran { .. }
        | Outcome::Failed { .. }
        | Outcome::Interrupted { .. }
        | Outcome::Unsettled { .. }
        | Outcome::Refused { .. } => Some(outcome),
    }
}

const fn name_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::BackedUp { .. } => "backed up",
        Outcome::Verified { .. } => "verified",
        Outcome::Rehearsed { .. } => "rehearsed",
        Outcome::Ran { .. } => "ran",
        Outcome::Failed { .. } => "failed",
        Outcome::Interrupted { .. } => "interrupted",
        Outcome::Cancelled { .. } => "cancelled",
        Outcome::Unsettled { .. } => "unsettled",
        Outcome::Refused { .. } => "refused",
        Outcome::Unknown { .. } => "unknown",
    }
}
