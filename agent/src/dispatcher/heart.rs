//! Signs of life: of the agent, and of its database as the agent sees it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{Dispatcher, Event, ticking};
use crate::timing::Timing;
use crate::work::Site;

/// Until the controller has said how often.
const UNTIL_TOLD: Duration = Duration::from_secs(15);

/// When to beat, and what is known of the database.
pub(super) struct Heart {
    beats: Interval,
    /// Empty: it answers.
    database_error: String,
    check: Option<AbortOnDropHandle<String>>,
    checked_at: Option<Instant>,
    check_every: Duration,
}

impl Heart {
    pub(super) fn new(timing: &Timing) -> Self {
        Self {
            beats: ticking(UNTIL_TOLD),
            database_error: String::new(),
            check: None,
            checked_at: None,
            check_every: timing.check,
        }
    }

    /// Takes what a new connection asks for, and what its hello has said already.
    pub(super) fn follow(&mut self, every: Duration, database_error: &str) {
        self.beats = ticking(every);
        self.beats.reset();
        database_error.clone_into(&mut self.database_error);
        self.checked_at = Some(Instant::now());
    }

    /// Waits for what comes first: the time to beat, or the end of the check that runs.
    pub(super) async fn next(&mut self) -> Event {
        let check = async {
            match &mut self.check {
                Some(check) => check.await.ok(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.beats.tick() => Event::Heartbeat,
            error = check => Event::Checked(error),
        }
    }

    fn is_due(&self) -> bool {
        let fresh = self.checked_at.is_some_and(|at| at.elapsed() < self.check_every);
        self.check.is_none() && !fresh
    }
}

impl<S: Site> Dispatcher<S> {
    /// Says that all is well, and sees to it that this is known of the database. A controller that has not said a
    /// word for the whole lease is not there, whatever TCP believes.
    pub(super) fn beat(&mut self) {
        let Some(link) = &self.link else { return };
        if !self.lease.holds() && !self.phase.is_stopping() {
            tracing::warn!(lease = ?link.lease, "the controller is silent: nothing new is started");
            link.outbox.cut();
            return;
        }
        link.outbox.heartbeat(&self.heart.database_error);
        if self.heart.is_due() {
            let (site, deadline) = (Arc::clone(&self.site), self.timing.look);
            self.heart.check = Some(AbortOnDropHandle::new(tokio::spawn(check(site, deadline))));
        }
    }

    pub(super) fn database_checked(&mut self, error: Option<String>) {
        self.heart.check = None;
        self.heart.checked_at = Some(Instant::now());
        let Some(error) = error.filter(|error| *error != self.heart.database_error) else { return };
        if error.is_empty() {
            tracing::info!("the database answers again");
        } else {
            tracing::warn!(error, "the database does not answer");
        }
        self.heart.database_error = error;
        if let Some(link) = &self.link {
            link.outbox.heartbeat(&self.heart.database_error);
        }
    }
}

/// What is wrong with the database; nothing, if it answers.
async fn check<S: Site>(site: Arc<S>, deadline: Duration) -> String {
    match timeout(deadline, Box::pin(site.check())).await {
        Ok(Ok(())) => String::new(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("the database did not answer within {deadline:?}"),
    }
}
