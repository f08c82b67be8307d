//! Questions that change nothing. They run beside the work, a few at a time, and are forgotten with their connection.

use pgbelay_proto::convert::BadMessage;
use pgbelay_proto::wire::{self, probe_answer::Answer};

use super::Dispatcher;
use crate::session::Question;
use crate::work::{Site, answer};

/// Questions at once: each is a session on the database, which has a hundred by default.
const AT_ONCE: usize = 8;

impl<S: Site> Dispatcher<S> {
    pub(super) fn probe(&mut self, id: u64, question: Result<Question, BadMessage>) {
        match question.map_err(|error| error.to_string()).and_then(|question| self.allowed(question)) {
            Ok(question) => {
                self.probes.spawn(answer(id, question, self.tools(), self.timing.probe));
            }
            Err(why) => self.probe_answered(Some(wire::ProbeAnswer { id, answer: Some(Answer::Error(why)) })),
        }
    }

    fn allowed(&self, question: Question) -> Result<Question, String> {
        if self.probes.len() >= AT_ONCE {
            return Err(format!("the agent answers {AT_ONCE} questions already: ask again in a moment"));
        }
        let is_dry_run = matches!(question, Question::DryRun { .. });
        if is_dry_run && let Some(rule) = self.guard.forbids_migrations() {
            return Err(rule);
        }
        match &self.job {
            Some(job) if is_dry_run => {
                Err(format!("the agent is busy with command {}: try again when it is done", job.command.id))
            }
            Some(_) | None => Ok(question),
        }
    }

    pub(super) fn probe_answered(&mut self, answer: Option<wire::ProbeAnswer>) {
        match (answer, &self.link) {
            (Some(answer), Some(link)) => link.outbox.answer(answer),
            (Some(_), None) => {}
            (None, _) => tracing::error!("a probe broke"),
        }
    }
}
