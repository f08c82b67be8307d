//! Stopping: nothing new is started, the transaction that is under way may end, its result is kept and told.

use tokio::time::Instant;

use super::Dispatcher;
use crate::work::{Purpose, Site};

/// How far the agent is with stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is not stopping.
    Serving,
    /// What is under way may end by itself until then.
    Finishing { until: Instant },
    /// What did not end was cancelled, and has until then to roll back.
    Cancelling { until: Instant },
    /// Everything has ended; the controller has until then to acknowledge.
    Leaving { until: Instant },
    /// Nothing is left to be done.
    Over,
}

impl Phase {
    pub(super) const fn deadline(self) -> Option<Instant> {
        match self {
            Self::Serving | Self::Over => None,
            Self::Finishing { until } | Self::Cancelling { until } | Self::Leaving { until } => Some(until),
        }
    }

    pub(super) fn is_stopping(self) -> bool {
        self != Self::Serving
    }
}

impl<S: Site> Dispatcher<S> {
    pub(super) fn begin_to_stop(&mut self) {
        self.lease.end();
        match &self.job {
            Some(job) => {
                tracing::info!(command = %job.command.id, grace = ?self.timing.grace,
                    "stopping: the transaction that is under way may end");
                if job.purpose == Purpose::Recover {
                    job.cancel.cancel();
                }
                self.phase = Phase::Finishing { until: Instant::now() + self.timing.grace };
            }
            None => {
                tracing::info!("stopping");
                self.leave();
            }
        }
    }

    pub(super) fn phase_over(&mut self) {
        self.phase = match self.phase {
            Phase::Serving => Phase::Serving,
            Phase::Finishing { .. } => {
                tracing::warn!("what is under way did not end in time: cancelling it");
                if let Some(job) = &self.job {
                    job.cancel.cancel();
                }
                Phase::Cancelling { until: Instant::now() + self.timing.grace }
            }
            Phase::Cancelling { .. } => {
                tracing::error!(
                    "what is under way does not end: what it did is read from the database at the next start"
                );
                Phase::Over
            }
            Phase::Leaving { .. } | Phase::Over => Phase::Over,
        };
    }

    /// Waits for acknowledgements, if there is anybody to give them.
    pub(super) fn leave(&mut self) {
        let waits = self.journal.untold().next().is_some();
        self.phase = if waits && self.link.is_some() {
            Phase::Leaving { until: Instant::now() + self.timing.farewell }
        } else {
            Phase::Over
        };
    }
}
