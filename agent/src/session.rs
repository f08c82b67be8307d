//! The connection to the controller: made, kept, and made again for as long as the agent runs.
//!
//! Nothing is decided here. What arrives is turned into [`LinkEvent`]s for the dispatcher, which outlives every
//! connection; work goes on while there is none. Each connection is made anew, from files that are read anew.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pgbelay_proto::channel::DialError;
use pgbelay_proto::status::{RemoteError, RemoteKind};
use pgbelay_proto::wire;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::transport::Channel;

use crate::backoff::{self, Backoff};
use crate::identity_files::IdentityFiles;
use crate::timing::Timing;
use crate::witness::Witness;
use crate::words;
use crate::work::Site;
pub(crate) use incoming::{Incoming, Question};
pub(crate) use outbox::Outbox;
pub(crate) use sql::SqlSource;

mod connection;
mod incoming;
mod outbox;
mod renewal;
mod sql;

/// Longest time that a controller may ask agents to stay away: longer than any restart.
const MAX_DRAIN: Duration = Duration::from_secs(300);

/// What becomes of the connection, for the dispatcher.
pub(crate) enum LinkEvent {
    /// A connection is being made: what is not acknowledged?
    Greeting(oneshot::Sender<Remembered>),
    /// The controller has welcomed this agent.
    Up(Link),
    /// It said something.
    Heard(Incoming),
    /// The connection has ended.
    Down,
}

/// What was not acknowledged.
pub(crate) struct Remembered {
    /// The commands.
    pub(crate) journal: Vec<wire::JournalEntry>,
    /// The jobs.
    pub(crate) jobs: Vec<String>,
}

/// A connection on which the controller has welcomed this agent.
pub(crate) struct Link {
    /// What goes out.
    pub(crate) outbox: Outbox,
    /// How often the controller wants to hear that all is well.
    pub(crate) heartbeat_every: Duration,
    /// How long after its last word this agent may start something.
    pub(crate) lease: Duration,
    /// What the hello said about the database; empty when it answered.
    pub(crate) database_error: String,
}

/// All that the keeper of the connection needs.
pub(crate) struct Keeper<S> {
    pub(crate) controller: String,
    pub(crate) files: IdentityFiles,
    pub(crate) instance_id: String,
    pub(crate) process_id: String,
    pub(crate) witness: Witness,
    pub(crate) site: Arc<S>,
    pub(crate) timing: Timing,
    pub(crate) events: mpsc::Sender<LinkEvent>,
    /// Where SQL can be fetched at the moment.
    pub(crate) channel: watch::Sender<Option<Channel>>,
    pub(crate) stop: CancellationToken,
}

/// Why a connection ended or was not made.
#[derive(Debug)]
enum Ended {
    /// The agent stops.
    Stopped,
    /// Nobody there, or the line broke. `lasted`: since the welcome.
    Lost { why: String, lasted: Duration },
    /// The controller asked agents to stay away for a while.
    Drained { after: Duration },
    /// The controller turns this agent away, or is not one to be trusted.
    TurnedAway { why: String, next_step: String },
    /// There is a new certificate to connect with.
    Renewed,
    /// The new certificate is not accepted; the one before it may be.
    SuccessorRefused { why: String },
}

impl Ended {
    fn lost(why: impl fmt::Display) -> Self {
        Self::Lost { why: why.to_string(), lasted: Duration::ZERO }
    }

    fn of_dial(error: &DialError) -> Self {
        let next_step = match error {
            DialError::Unreachable { .. } => return Self::lost(words::line(error)),
            DialError::NotTrusted { .. } => "check agent.controller; if its CA was replaced, enroll again",
            DialError::Refused { .. } => {
                "the certificate is revoked or has expired: enroll again with a new token (pgbelay token create)"
            }
            DialError::Protocol { .. } => {
                "check agent.controller: it must name the controller's main listener"
            }
        };
        Self::TurnedAway { why: words::line(error), next_step: next_step.to_owned() }
    }

    fn of_status(status: &tonic::Status, lasted: Duration) -> Self {
        let error = RemoteError::from_status(status);
        if matches!(status.code(), Code::Aborted | Code::ResourceExhausted) {
            return Self::Lost { why: error.message, lasted };
        }
        match error.kind {
            RemoteKind::NotAllowed | RemoteKind::Refused | RemoteKind::Usage => {
                let hint = "if this agent was revoked, enroll again with a new token (pgbelay token create)";
                let next_step = if error.next_step.is_empty() { hint.to_owned() } else { error.next_step };
                Self::TurnedAway { why: error.message, next_step }
            }
            RemoteKind::Unreachable | RemoteKind::Internal | RemoteKind::Unknown | RemoteKind::Approval => {
                Self::Lost { why: error.message, lasted }
            }
        }
    }
}

impl<S: Site> Keeper<S> {
    /// Keeps a connection until the agent stops.
    pub(crate) async fn keep(self) {
        let mut backoff = Backoff::new(self.timing.reconnect_first, self.timing.reconnect_cap);
        loop {
            let ended = tokio::select! {
                () = self.stop.cancelled() => Ended::Stopped,
                ended = Box::pin(self.connect_once()) => ended,
            };
            self.channel.send_replace(None);
            let Some(wait) = self.wait_after(ended, &mut backoff) else { return };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// How long to wait before the next connection; `None`: there is none.
    fn wait_after(&self, ended: Ended, backoff: &mut Backoff) -> Option<Duration> {
        let controller = self.controller.as_str();
        Some(match ended {
            Ended::Stopped => return None,
            Ended::Lost { why, lasted } => {
                if lasted >= self.timing.stable {
                    backoff.reset();
                }
                let wait = backoff.next();
                tracing::warn!(controller, why, retry_in = ?wait, "no connection to the controller");
                wait
            }
            Ended::Drained { after } => {
                backoff.reset();
                let wait = after.min(MAX_DRAIN) + backoff.next();
                tracing::info!(controller, retry_in = ?wait, "the controller is going away for a while");
                wait
            }
            Ended::TurnedAway { why, next_step } => {
                let wait = backoff::about(self.timing.refused);
                tracing::error!(controller, why, next_step, retry_in = ?wait, "this agent cannot join its fleet");
                wait
            }
            Ended::Renewed => Duration::ZERO,
            Ended::SuccessorRefused { why } => {
                tracing::warn!(
                    controller,
                    why,
                    "the renewed certificate is refused: using the one before it"
                );
                Duration::ZERO
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_person_can_help_one_who_is_turned_away() {
        let ended = |status: tonic::Status| Ended::of_status(&status, Duration::ZERO);
        for status in [
            tonic::Status::unauthenticated("who?"),
            tonic::Status::permission_denied("revoked"),
            tonic::Status::failed_precondition("another database"),
        ] {
            assert!(matches!(ended(status.clone()), Ended::TurnedAway { .. }), "{status:?}");
        }
        for status in [
            tonic::Status::unavailable("going"),
            tonic::Status::internal("oops"),
            tonic::Status::aborted("x"),
        ] {
            assert!(matches!(ended(status.clone()), Ended::Lost { .. }), "{status:?}");
        }
    }
}
