//! What became of a command whose agent died on the way. The database is asked again and again, for a while.

use std::sync::Arc;
use std::time::Duration;

use pgbelay_core::command::Outcome;
use pgbelay_proto::convert::{WireCommand, WireKind};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Site;
use crate::backoff::Backoff;
use crate::database::Progress;

/// Longest delay after the first failure.
const FIRST: Duration = Duration::from_secs(1);

/// How often, and for how long.
pub(super) struct Bounds {
    /// Between two tries, at most.
    pub(super) cap: Duration,
    /// No try begins later.
    pub(super) patience: Duration,
}

/// Finds out. Not known: the database does not answer, or it was cancelled before it did; whoever wants to know asks
/// again, and it is looked again.
pub(super) async fn recover<S: Site>(
    command: WireCommand,
    site: Arc<S>,
    bounds: Bounds,
    progress: watch::Sender<Progress>,
    cancel: CancellationToken,
) -> Outcome {
    match &command.kind {
        WireKind::Backup { .. } => {
            // It was not told of, or it would stand in the journal: a backup of which nobody knows is none.
            site.remove_leftovers(&command).await;
            Outcome::Interrupted { done: Vec::new(), observation: None }
        }
        WireKind::Rehearse(_) => {
            site.drop_copies().await;
            Outcome::Interrupted { done: Vec::new(), observation: None }
        }
        // Nothing was changed, and nobody was told of an answer.
        WireKind::Verify(_) => Outcome::Interrupted { done: Vec::new(), observation: None },
        WireKind::Run(_) | WireKind::Adopt(_) => tokio::select! {
            () = cancel.cancelled() => {
                let why = "cancelled before it was read from the database what was done when the agent stopped";
                Outcome::Unknown { why: why.to_owned() }
            }
            outcome = Box::pin(ask(&command, site.as_ref(), &bounds, &progress)) => outcome,
        },
    }
}

async fn ask<S: Site>(
    command: &WireCommand,
    site: &S,
    bounds: &Bounds,
    progress: &watch::Sender<Progress>,
) -> Outcome {
    let (mut backoff, begun) = (Backoff::new(FIRST, bounds.cap), Instant::now());
    loop {
        let error = match site.recover(command).await {
            Ok(outcome) => return outcome,
            Err(error) => error,
        };
        if begun.elapsed() >= bounds.patience {
            let why =
                format!("what was done when the agent stopped cannot be read from the database: {error}");
            return Outcome::Unknown { why };
        }
        let wait = backoff.next();
        tracing::warn!(command = %command.id, %error, retry_in = ?wait,
            "what an interrupted command did cannot be read yet");
        let doing = format!("reading what was done before the agent stopped: {error}");
        progress.send_replace(Progress { doing, ..Progress::default() });
        sleep(wait).await;
    }
}
