//! Questions that change nothing. They run beside the work, a few at a time, and are forgotten with their connection.

use std::sync::Arc;

use pgbelay_proto::convert::BadMessage;
use pgbelay_proto::wire::{self, probe_answer::Answer};

use super::Dispatcher;
use crate::clock::now;
use crate::session::Question;
use crate::work::{Site, answer};

/// Questions at once: each is a session on the database, which has a hundred by default.
const AT_ONCE: usize = 8;

impl<S: Site> Dispatcher<S> {
    pub(super) fn probe(&mut self, id: u64, question: Result<Question, BadMessage>) {
        match question.map_err(|error| error.to_string()).and_then(|question| self.allowed(question)) {
            Ok(question) => {
                // One schema at a time, each in its turn.
                let turn = matches!(question, Question::Catalog).then(|| Arc::clone(&self.catalog_turn));
                let reads_backup = matches!(question, Question::Backup { .. } | Question::DeleteBackup(..))
                    .then(|| Arc::clone(&self.backup_turn).try_acquire_owned().ok());
                let answers = answer(id, question, self.tools(), self.timing.probe);
                self.probes.spawn(async move {
                    let _reads_backup = reads_backup;
                    let _turn = match turn {
                        Some(turn) => turn.acquire_owned().await.ok(),
                        None => None,
                    };
                    answers.await
                });
            }
            Err(why) => {
                self.probe_answered(Some(vec![wire::ProbeAnswer { id, answer: Some(Answer::Error(why)) }]));
            }
        }
    }

    fn allowed(&self, question: Question) -> Result<Question, String> {
        if self.probes.len() >= AT_ONCE {
            return Err(format!("the agent answers {AT_ONCE} questions already: ask again in a moment"));
        }
        match &question {
            Question::DryRun { .. } => self.may_try().map(|()| question),
            // It takes minutes: whoever waited for it would wait in vain.
            Question::Backup { .. } | Question::DeleteBackup(..)
                if self.backup_turn.available_permits() == 0 =>
            {
                Err("the agent reads or deletes another backup: ask again when that is done".to_owned())
            }
            Question::Inspect
            | Question::CountLoss(_)
            | Question::Measure(_)
            | Question::Catalog
            | Question::History
            | Question::Backup { .. }
            | Question::LookAtBackup(..)
            | Question::DeleteBackup(..) => Ok(question),
        }
    }

    fn may_try(&self) -> Result<(), String> {
        if let Some(rule) = self.guard.forbids_migrations(now()) {
            return Err(rule);
        }
        match &self.job {
            Some(job) => {
                Err(format!("the agent is busy with command {}: try again when it is done", job.command.id))
            }
            None => Ok(()),
        }
    }

    pub(super) fn probe_answered(&mut self, answers: Option<Vec<wire::ProbeAnswer>>) {
        match (answers, &self.link) {
            (Some(answers), Some(link)) => answers.into_iter().for_each(|answer| link.outbox.answer(answer)),
            (Some(_), None) => {}
            (None, _) => tracing::error!("a probe broke"),
        }
    }
}
