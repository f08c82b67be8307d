//! What the controller last told of its ledger, on disk.
//!
//! The agent believes nothing of it and decides nothing by it: it returns it, so that a controller that runs on an old
//! copy of its ledger finds out. It belongs to the CA of the controller that told it: a fleet that was set up anew is
//! not measured by what another one had.

use std::fs;
use std::io;
use std::path::PathBuf;

use pgbelay_core::digest::Digest;
use pgbelay_core::witness::Checkpoint;
use serde::{Deserialize, Serialize};

use crate::durable::{self, DurableError};
use crate::words;

/// The file of one agent.
#[derive(Debug, Clone)]
pub(crate) struct Witness {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct OnDisk {
    /// The digest of the CA's certificate.
    ca: Digest,
    checkpoint: Checkpoint,
}

impl Witness {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// What a controller of this CA told last. A file that cannot be read says nothing, and says so in the log.
    pub(crate) fn last(&self, ca_pem: &str) -> Option<Checkpoint> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                let error = DurableError::of("read", &self.path)(error);
                tracing::warn!(error = words::line(&error), "what was told of the ledger cannot be read");
                return None;
            }
        };
        match serde_json::from_slice::<OnDisk>(&text) {
            Ok(kept) => (kept.ca == Digest::of(ca_pem)).then_some(kept.checkpoint),
            Err(error) => {
                let path = self.path.display();
                tracing::warn!(%path, %error, "what was told of the ledger is damaged, and counts as nothing");
                None
            }
        }
    }

    /// Keeps what was told. What cannot be kept leaves what was there: an older word of the same ledger is true as well.
    pub(crate) fn keep(&self, checkpoint: Checkpoint, ca_pem: &str) {
        let kept = serde_json::to_vec(&OnDisk { ca: Digest::of(ca_pem), checkpoint })
            .map_err(io::Error::other)
            .map_err(DurableError::of("write", &self.path))
            .and_then(|text| durable::write(&self.path, &text));
        if let Err(error) = kept {
            tracing::warn!(error = words::line(&error), "what was told of the ledger is not on disk");
        }
    }
}

#[cfg(test)]
mod tests {
    use pgbelay_core::witness::Incarnation;

    use super::*;

    fn checkpoint(seq: u64) -> Checkpoint {
        let incarnation = Incarnation::from_bytes([7; 16]);
        Checkpoint { incarnation, acceptances: 1, seq, hash: Digest::of("entry") }
    }

    #[test]
    fn the_last_word_is_kept_for_the_ca_that_said_it() {
        let dir = tempfile::tempdir().unwrap();
        let witness = Witness::new(dir.path().join("witness.json"));
        assert_eq!(witness.last("ca"), None);
        witness.keep(checkpoint(1), "ca");
        witness.keep(checkpoint(2), "ca");
        assert_eq!(witness.last("ca"), Some(checkpoint(2)));
        assert_eq!(witness.last("another ca"), None);
        witness.keep(checkpoint(9), "another ca");
        assert_eq!((witness.last("ca"), witness.last("another ca")), (None, Some(checkpoint(9))));
    }

    #[test]
    fn what_is_damaged_counts_as_nothing_and_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("witness.json");
        let witness = Witness::new(path.clone());
        fs::write(&path, "{\"ca\":").unwrap();
        assert_eq!(witness.last("ca"), None);
        witness.keep(checkpoint(3), "ca");
        assert_eq!(witness.last("ca"), Some(checkpoint(3)));
    }
}
