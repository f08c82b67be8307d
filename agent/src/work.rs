//! The agent's hands: one command at a time, and the questions beside it. What may be started, and what becomes of
//! the result, is the dispatcher's to decide.

use std::sync::Arc;

use pgbelay_core::command::{CommandId, Outcome};
use pgbelay_proto::convert::{WireCommand, WireKind};
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::database::Progress;
use crate::timing::Timing;
pub(crate) use execute::{Tools as JobTools, failed};
pub(crate) use guard::Guard;
pub(crate) use probe::answer;
pub use site::{NoAnswer, Postgres, RunRequest, Site};
use thread::on_its_own;

mod execute;
mod guard;
mod probe;
mod recover;
mod site;
mod thread;

/// What is done with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It is carried out.
    Execute,
    /// An earlier process began it: what it did is read from the database.
    Recover,
}

/// A command in work.
pub(crate) struct Job {
    pub(crate) command: WireCommand,
    pub(crate) purpose: Purpose,
    /// Whether the controller asked to cancel it.
    pub(crate) cancel_asked: bool,
    pub(crate) cancel: CancellationToken,
    pub(crate) progress: watch::Receiver<Progress>,
    task: AbortOnDropHandle<Outcome>,
}

/// How a job ended: with an outcome, or by a fault of its own.
pub(crate) type JobEnd = Result<Outcome, JoinError>;

impl Job {
    /// Starts to carry out a command. `may_go_on` is asked before each new transaction.
    pub(crate) fn execute<S: Site>(
        command: WireCommand,
        tools: JobTools<S>,
        may_go_on: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        let (progress, cancel) = (watch::channel(Progress::default()), CancellationToken::new());
        let work = execute::execute(command.clone(), tools, progress.0, cancel.clone(), may_go_on);
        let task = match command.kind {
            WireKind::Run(_) => tokio::spawn(on_its_own(work)),
            // These hold connections that outlive them, to stores, or wait for other processes.
            WireKind::Backup { .. } | WireKind::Adopt(_) | WireKind::Verify(_) | WireKind::Rehearse(_) => {
                tokio::spawn(work)
            }
        };
        Self::new(command, Purpose::Execute, cancel, progress.1, task)
    }

    /// Starts to find out what an earlier process did of a command.
    pub(crate) fn recover<S: Site>(command: WireCommand, site: Arc<S>, timing: &Timing) -> Self {
        let (progress, cancel) = (watch::channel(Progress::default()), CancellationToken::new());
        let bounds = recover::Bounds { cap: timing.recover_cap, patience: timing.recover_for };
        let work = recover::recover(command.clone(), site, bounds, progress.0, cancel.clone());
        let task = tokio::spawn(work);
        Self::new(command, Purpose::Recover, cancel, progress.1, task)
    }

    fn new(
        command: WireCommand,
        purpose: Purpose,
        cancel: CancellationToken,
        progress: watch::Receiver<Progress>,
        task: tokio::task::JoinHandle<Outcome>,
    ) -> Self {
        let task = AbortOnDropHandle::new(task);
        Self { command, purpose, cancel_asked: false, cancel, progress, task }
    }

    /// Waits for the end of a job; for ever, if there is none.
    pub(crate) async fn ended(job: &mut Option<Self>) -> JobEnd {
        match job {
            Some(job) => (&mut job.task).await,
            None => std::future::pending().await,
        }
    }

    /// Whether it is about this run of this command.
    pub(crate) fn is(&self, id: &CommandId, attempt: u32) -> bool {
        self.command.id == *id && self.command.attempt == attempt
    }
}
