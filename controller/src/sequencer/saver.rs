//! When a snapshot of the state is written: nobody waits for it but the end.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::time::{Duration, Instant};

use pgbelay_core::state::State;

use super::{behind, chain};
use crate::ledger::{Head, Place};
use crate::snapshot::{Snapshots, Stands, WriteError};

/// How many entries a snapshot must save the next start to be worth writing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth {
    /// While the controller serves: half a second of a start.
    pub(super) running: u64,
    /// At its end, when it has nothing else to do: a moment of a start.
    pub(super) end: u64,
}

impl Default for Worth {
    fn default() -> Self {
        Self { running: 50_000, end: 1_000 }
    }
}

/// How long the end waits for snapshots: with the audit's end before it, within what the server gives the ledger. What
/// is not written by then is not missed.
const END_DEADLINE: Duration = Duration::from_secs(6);

/// Writes snapshots.
pub(super) struct Saver {
    snapshots: Arc<Snapshots>,
    worth: Worth,
    /// The last entry that a snapshot was written for, or was tried to be.
    saved: u64,
    /// Ends with the thread that writes.
    writing: Option<Receiver<()>>,
}

impl Saver {
    /// `saved`: what the start found a snapshot of; 0: of nothing.
    pub(super) const fn new(snapshots: Arc<Snapshots>, worth: Worth, saved: u64) -> Self {
        Self { snapshots, worth, saved, writing: None }
    }

    /// There is a new state.
    pub(super) fn note(&mut self, state: &Arc<State>, head: &Head) {
        if head.seq.saturating_sub(self.saved) > self.worth.running && !self.is_writing() {
            self.begin(state, head, behind);
        }
    }

    /// The last state: waits for what is being written, and for its own snapshot, for [`END_DEADLINE`] in all.
    pub(super) fn finish(&mut self, state: &Arc<State>, head: &Head) {
        let until = Instant::now() + END_DEADLINE;
        self.wait(until);
        if head.seq.saturating_sub(self.saved) > self.worth.end && !self.is_writing() {
            self.begin(state, head, || {});
            self.wait(until);
        }
    }

    fn is_writing(&self) -> bool {
        self.writing.as_ref().is_some_and(|alive| alive.try_recv() == Err(TryRecvError::Empty))
    }

    fn wait(&self, until: Instant) {
        let Some(alive) = &self.writing else { return };
        if alive.recv_timeout(until.saturating_duration_since(Instant::now()))
            == Err(RecvTimeoutError::Timeout)
        {
            tracing::warn!(
                "the snapshot of the state takes too long: the next start reads more of the ledger"
            );
        }
    }

    fn begin(&mut self, state: &Arc<State>, head: &Head, prepare: fn()) {
        let stands =
            Stands { incarnation: head.incarnation, place: Place { seq: head.seq, hash: head.hash } };
        let (living, alive) = channel();
        let (snapshots, state) = (Arc::clone(&self.snapshots), Arc::clone(state));
        let write = move || {
            let _living = living;
            prepare();
            tell(stands.place.seq, snapshots.write(stands, &state));
        };
        self.saved = head.seq;
        match std::thread::Builder::new().name("snapshot".to_owned()).spawn(write) {
            Ok(_) => self.writing = Some(alive),
            Err(error) => tracing::warn!(%error, "failed to start a thread for the snapshot of the state"),
        }
    }
}

fn tell(seq: u64, written: Result<(), WriteError>) {
    match written {
        Ok(()) => tracing::info!(seq, "wrote a snapshot of the state"),
        Err(error @ (WriteError::NotEqual | WriteError::Encode(_) | WriteError::ReadBack(_))) => {
            tracing::error!(seq, why = chain(&error), "the snapshot of the state was not kept");
        }
        Err(error @ (WriteError::Io { .. } | WriteError::Program(_) | WriteError::Withdrawn)) => {
            tracing::warn!(seq, why = chain(&error), "no snapshot of the state was written");
        }
    }
}
