//! Jobs with backups, from their arrival to the acknowledgement of their end. One at a time, beside the commands.

use std::sync::Arc;

use pgbelay_core::job::{JobEnd, JobId};
use pgbelay_proto::convert::{BadMessage, WireJob};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Dispatcher;
use crate::database::{Control, Progress};
use crate::failpoint::reach;
use crate::jobs::Kept;
use crate::words;
use crate::work::Site;

/// Between two tries to reach the server, for a job that an earlier process was at.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// The job in work.
pub(super) struct AtJob {
    id: JobId,
    cancel: CancellationToken,
    progress: watch::Receiver<Progress>,
    task: AbortOnDropHandle<JobEnd>,
}

impl AtJob {
    /// Waits for the end of the job; for ever, if there is none.
    pub(super) async fn ended(at: &mut Option<Self>) -> Option<JobEnd> {
        match at {
            Some(at) => (&mut at.task).await.ok(),
            None => std::future::pending().await,
        }
    }
}

impl<S: Site> Dispatcher<S> {
    pub(super) fn start_job(&mut self, job: WireJob) {
        let id = job.id.clone();
        match self.jobs.get(&id) {
            Some(Kept { end: Some(_), .. }) => return self.tell_jobs(),
            Some(Kept { end: None, .. }) => return self.tell_taken(&id),
            None => {}
        }
        let refused = |message: String, hint: &str| JobEnd::Failed {
            message,
            hint: hint.to_owned(),
            problems: Vec::new(),
        };
        if self.phase.is_stopping() {
            tracing::info!(job = %id, "a job is not taken: the agent is stopping");
            return;
        }
        if let Some(other) = &self.at_job {
            let why = format!("the agent is busy with job {}", other.id);
            return self.tell_end(&id, &refused(why, "wait for it, then start it again"));
        }
        if job.into.touches_database()
            && let Some(rule) = self.guard.forbids_migrations(super::now())
        {
            let why = format!("the agent's own guard does not allow it: {rule}");
            return self.tell_end(&id, &refused(why, "see the guard section of the agent's file"));
        }
        if let Some(command) = self.job.as_ref().filter(|_| job.into.touches_database()) {
            let why = format!("the agent is busy with command {}", command.command.id);
            return self.tell_end(&id, &refused(why, "wait for its rollout, then start it again"));
        }
        if let Err(error) =
            self.jobs.keep(id.clone(), Kept { backup: job.backup.clone(), into: job.into.clone(), end: None })
        {
            let why = words::line(&error);
            tracing::error!(job = %id, error = why, "a job is not started");
            let hint = "see that the agent's state directory can be written, then start it again";
            return self.tell_end(&id, &refused(why, hint));
        }
        self.tell_taken(&id);
        tracing::info!(job = %id, backup = job.backup, "a job is started");
        let (site, (progress, cancel)) = (Arc::clone(&self.site), Self::channel());
        let (told, token) = (progress.0, cancel.clone());
        let work = async move {
            let may_go_on = || true;
            let control = Control { progress: &told, cancel: &token, lease: &may_go_on, may_end: &[] };
            let end = Box::pin(site.restore(&job, control)).await;
            reach("restore-ended").await;
            end
        };
        self.at_job = Some(AtJob {
            id,
            cancel,
            progress: progress.1,
            task: AbortOnDropHandle::new(tokio::spawn(work)),
        });
    }

    fn channel() -> ((watch::Sender<Progress>, watch::Receiver<Progress>), CancellationToken) {
        (watch::channel(Progress::default()), CancellationToken::new())
    }

    /// Finds out what became of a job that an earlier process was at.
    pub(super) fn recover_job(&mut self) {
        let Some((id, kept)) = self.jobs.interrupted().next().filter(|_| self.at_job.is_none()) else {
            return;
        };
        let (id, kept, site) = (id.clone(), kept.clone(), Arc::clone(&self.site));
        tracing::warn!(job = %id, "a job was interrupted: finding out what became of it");
        let ((told, progress), cancel) = Self::channel();
        let (job, token) = (id.clone(), cancel.clone());
        let work = async move {
            loop {
                match Box::pin(site.recover_restore(&job, &kept)).await {
                    Ok(end) => return end,
                    Err(why) => {
                        tracing::warn!(job = %job, %why, "what became of a job cannot be told yet");
                        told.send_replace(Progress { doing: why.to_string(), ..Progress::default() });
                    }
                }
                tokio::select! {
                    () = token.cancelled() => {
                        let why = "it was given up before the database answered".to_owned();
                        return JobEnd::Interrupted { why };
                    }
                    () = tokio::time::sleep(AGAIN) => {}
                }
            }
        };
        self.at_job = Some(AtJob { id, cancel, progress, task: AbortOnDropHandle::new(tokio::spawn(work)) });
    }

    pub(super) fn unreadable_job(&mut self, id: JobId, why: &BadMessage) {
        let version = env!("CARGO_PKG_VERSION");
        let message = format!("pgbelay-agent {version} does not understand the job ({why})");
        let end = JobEnd::Failed { message, hint: "upgrade the agent".to_owned(), problems: Vec::new() };
        self.tell_end(&id, &end);
    }

    pub(super) fn cancel_job(&mut self, id: &JobId) {
        match self.at_job.as_ref().filter(|at| at.id == *id) {
            Some(at) => at.cancel.cancel(),
            None if self.jobs.get(id).is_some() => self.tell_jobs(),
            // It never arrived, and will not: the controller has its word that it is over.
            None => self.tell_end(id, &JobEnd::Cancelled),
        }
    }

    pub(super) fn at_job_ended(&mut self, end: Option<JobEnd>) {
        let Some(at) = self.at_job.take() else { return };
        let end = end.unwrap_or_else(|| {
            tracing::error!(job = %at.id, "a job broke");
            JobEnd::Interrupted { why: "the agent broke while it was at it: see its log".to_owned() }
        });
        tracing::info!(job = %at.id, ?end, "a job has ended");
        if let Some(kept) = self.jobs.get(&at.id).cloned()
            && let Err(error) = self.jobs.keep(at.id.clone(), Kept { end: Some(end), ..kept })
        {
            // Not told: the next process finds out again.
            tracing::error!(job = %at.id, error = words::line(&error), "the end of a job is not on disk");
        }
        self.tell_jobs();
        self.recover_job();
    }

    /// Tells every end that the controller has not acknowledged.
    pub(super) fn tell_jobs(&self) {
        for (id, end) in self.jobs.ended() {
            self.tell_end(id, end);
        }
    }

    fn tell_end(&self, id: &JobId, end: &JobEnd) {
        if let Some(link) = &self.link {
            link.outbox.job_ended(id, end);
        }
    }

    fn tell_taken(&self, id: &JobId) {
        if let Some(link) = &self.link {
            link.outbox.job_taken(id);
        }
    }

    pub(super) fn tell_job_progress(&mut self) {
        if let (Some(link), Some(at)) = (&self.link, &mut self.at_job)
            && at.progress.has_changed().unwrap_or(false)
        {
            link.outbox.job_progress(&at.id, &at.progress.borrow_and_update().doing);
        }
    }
}
