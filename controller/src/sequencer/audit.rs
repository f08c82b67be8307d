//! Verifies, after the start, what a snapshot let the start skip.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use pgbelay_core::digest::Digest;
use rusqlite::InterruptHandle;
use tokio::sync::mpsc::WeakSender;

use super::{StartError, Work, behind};
use crate::ledger::{Damage, LedgerError, LedgerReader, OpenError, Place};
use crate::snapshot::Snapshots;

/// Entries between two lines of the log.
const PROGRESS: u64 = 250_000;

/// How long its end is waited for: hundreds of times what a page takes. A thread that is left only reads.
const END_DEADLINE: Duration = Duration::from_secs(2);

/// Between two interruptions of a statement: one that came before the statement has begun does nothing.
const INTERRUPT_EVERY: Duration = Duration::from_millis(10);

/// A verification under way.
pub(super) struct Audit {
    stop: Arc<AtomicBool>,
    interrupt: InterruptHandle,
    /// Says nothing, and ends with the thread.
    alive: Receiver<()>,
}

impl Audit {
    /// Begins in a thread of its own. What is wrong is told in the log, takes the snapshot away, and ends the sequencer.
    pub(super) fn start(
        path: &Path,
        skipped: Place,
        snapshots: Arc<Snapshots>,
        work: WeakSender<Work>,
    ) -> Result<Self, StartError> {
        let reader = LedgerReader::open_for_audit(path)?;
        let interrupt = reader.interrupter();
        let stop = Arc::new(AtomicBool::new(false));
        let (living, alive) = channel();
        let (stopped, path) = (Arc::clone(&stop), path.to_owned());
        let run = move || {
            let _living = living;
            behind();
            let result = verify(&reader, skipped, &stopped);
            drop(reader);
            let Err(damage) = result else { return };
            if !stopped.load(Ordering::Relaxed) {
                let error = OpenError::Damaged { path, damage };
                tracing::error!(%error, "the controller stops: what a snapshot let it skip at the start is damaged");
                if let Err(error) = snapshots.withdraw() {
                    tracing::error!(%error, "failed to delete the snapshot of the state: delete it by hand");
                }
                if let Some(work) = work.upgrade() {
                    // Nobody is there any more when the process is going down.
                    drop(work.blocking_send(Work::Damaged(Box::new(error))));
                }
            }
        };
        std::thread::Builder::new().name("audit".to_owned()).spawn(run).map_err(StartError::Thread)?;
        Ok(Self { stop, interrupt, alive })
    }

    /// Ends it, however far it is.
    pub(super) fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let until = Instant::now() + END_DEADLINE;
        while Instant::now() < until {
            self.interrupt.interrupt();
            match self.alive.recv_timeout(INTERRUPT_EVERY) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// As at a start without a snapshot: what cannot be read counts as damaged.
fn verify(reader: &LedgerReader, skipped: Place, stop: &AtomicBool) -> Result<(), Damage> {
    let mut last = 0;
    let mut at_snapshot: Option<Digest> = None;
    let begun = Instant::now();
    let audited = reader.audit(|page| {
        let Some(end) = page.last() else { return true };
        at_snapshot = at_snapshot.or_else(|| page.iter().find(|e| e.seq == skipped.seq).map(|e| e.hash));
        if end.seq / PROGRESS > last / PROGRESS {
            tracing::info!(entry = end.seq, "verifying what the start skipped");
        }
        last = end.seq;
        !stop.load(Ordering::Relaxed)
    });
    match audited {
        Ok(false) => Ok(()),
        Ok(true) if at_snapshot == Some(skipped.hash) => {
            tracing::info!(entries = last, took = ?begun.elapsed(), "verified what the start skipped: the ledger is sound");
            Ok(())
        }
        Ok(true) => Err(Damage::ChainBroken { seq: skipped.seq.saturating_add(1) }),
        Err(LedgerError::Damaged(damage)) => Err(damage),
        Err(LedgerError::Store(cause)) => {
            Err(Damage::Unreadable { near: last.saturating_add(1), detail: super::chain(cause.as_ref()) })
        }
    }
}
