//! The ledger: the append-only, hash-chained log that is the controller's state and its audit trail.
//!
//! [`Ledger`] is the port: entries are opaque here, and nothing in this module knows what an event means.
//! [`SqliteLedger`] is the embedded store. What the entries say is folded by the caller, while they are verified.

mod chain;
mod create;
pub(crate) mod file;
mod lock;
mod open;
mod reader;
mod schema;
mod sqlite;

use pgbelay_core::digest::Digest;
use pgbelay_core::time::Timestamp;
use pgbelay_core::witness::Incarnation;
use uuid::Uuid;

pub use self::chain::Damage;
pub use self::create::CreateError;
pub use self::open::{OpenError, Opening, Place};
pub use self::reader::LedgerReader;
pub use self::sqlite::SqliteLedger;

/// What a store's own error is kept as, so that the port does not depend on the store.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The largest body of one entry. SQL text lives in blobs; the largest entries are plans, which name digests:
/// at about 200 bytes for each step, this leaves room for 500 migrations on 150 databases.
pub const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The most entries that one [`Ledger::read`] returns: a page, whatever the caller asks for.
pub const MAX_READ: usize = 10_000;

/// An entry to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// Unique in the ledger: finds the entry again when the outcome of an append is not known.
    pub event_id: Uuid,
    /// When it was decided.
    pub at: Timestamp,
    /// Who caused it.
    pub actor: String,
    /// The kind of event that the body holds.
    pub kind: String,
    /// The version of that kind's encoding.
    pub version: u32,
    /// Whether a reader that does not know the kind has to stop.
    pub critical: bool,
    /// JSON text.
    pub body: String,
}

/// An entry as the ledger holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place, from 1, without gaps.
    pub seq: u64,
    /// Unique in the ledger.
    pub event_id: Uuid,
    /// When it was decided.
    pub at: Timestamp,
    /// Who caused it.
    pub actor: String,
    /// The kind of event that the body holds.
    pub kind: String,
    /// The version of that kind's encoding.
    pub version: u32,
    /// Whether a reader that does not know the kind has to stop.
    pub critical: bool,
    /// JSON text.
    pub body: String,
    /// The hash of the entry before it; for the first, one that is derived from the incarnation.
    pub prev_hash: Digest,
    /// The hash of all of the above.
    pub hash: Digest,
}

/// Where the ledger ends, and who may go on from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Which ledger this is: chosen at random when it is made.
    pub incarnation: Uuid,
    /// The last entry's place; 0 when there is none.
    pub seq: u64,
    /// Rises with each holder: an earlier holder's append is refused.
    pub epoch: u64,
    /// The last entry's hash; the genesis hash when there is none.
    pub hash: Digest,
}

impl Head {
    /// The ledger's name, as the events speak of it.
    #[must_use]
    pub const fn incarnation(&self) -> Incarnation {
        Incarnation::from_bytes(*self.incarnation.as_bytes())
    }
}

/// The ledger could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// What was read is not what was written.
    #[error("the ledger is damaged: {0}")]
    Damaged(Damage),
    /// The store refused.
    #[error("failed to read the ledger")]
    Store(#[source] Cause),
}

/// Entries were not appended, or perhaps were.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was appended: the ledger is elsewhere than expected. Read on, fold and decide again.
    #[error("the ledger has moved on to entry {}, epoch {}", actual.seq, actual.epoch)]
    Moved {
        /// Where it is.
        actual: Head,
    },
    /// Nothing was appended: an entry with this id is there already.
    #[error("the ledger already holds an entry with the id {event_id}")]
    Duplicate {
        /// The id.
        event_id: Uuid,
    },
    /// Nothing was appended: one body is over [`MAX_BODY_BYTES`].
    #[error("the body of entry {event_id} has {bytes} bytes, and the ledger takes at most {MAX_BODY_BYTES}")]
    TooLarge {
        /// Which of the entries.
        event_id: Uuid,
        /// Its size.
        bytes: usize,
    },
    /// Nothing was appended: the store refused, and may accept a later append.
    #[error("failed to append to the ledger")]
    Failed(#[source] Cause),
    /// The store failed while it committed: the entries are all there or none is.
    /// Opening the ledger anew settles which; until then this one takes no more.
    #[error("failed to learn whether the ledger took the entries; a restart of the controller settles it")]
    Unknown(#[source] Cause),
    /// Nothing was appended: the outcome of an earlier append is unknown.
    #[error(
        "the ledger takes nothing more, because the outcome of an earlier append is unknown; a restart of the controller settles it"
    )]
    Stopped,
}

/// A ledger: gapless order, fencing and the hash chain from one compare-and-swap.
pub trait Ledger: Send {
    /// Where the ledger ends.
    ///
    /// # Errors
    /// [`LedgerError`] when the store can't be read.
    fn head(&self) -> Result<Head, LedgerError>;

    /// Appends all of `entries` or none, if the ledger's head still is `expected`; returns the new head.
    /// What it returns `Ok` for is durable.
    ///
    /// # Errors
    /// [`AppendError`]; only [`AppendError::Unknown`] leaves open what happened.
    fn append(&mut self, expected: &Head, entries: &[NewEntry]) -> Result<Head, AppendError>;

    /// The entries that follow entry `after`, in order, at most `limit` and at most [`MAX_READ`] of them,
    /// verified against their hashes. Empty at the head.
    ///
    /// # Errors
    /// [`LedgerError`] when they can't be read or were changed.
    fn read(&self, after: u64, limit: usize) -> Result<Vec<Entry>, LedgerError>;

    /// The hash of entry `seq`, without reading any other; entry 0 is the beginning. `None`: it is not there.
    ///
    /// # Errors
    /// [`LedgerError`] when the store can't be read.
    fn hash_at(&self, seq: u64) -> Result<Option<Digest>, LedgerError>;

    /// Whether an entry with this id is there.
    ///
    /// # Errors
    /// [`LedgerError`] when the store can't be read.
    fn contains(&self, event_id: Uuid) -> Result<bool, LedgerError>;
}

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod tests;
