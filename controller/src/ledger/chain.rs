//! The hash chain: how a stored entry is believed, and a new one is tied to it. No store in here.

use pgbelay_core::chain::{Covered, genesis};
use pgbelay_core::digest::Digest;
use pgbelay_core::time::Timestamp;
use pgbelay_core::witness::Incarnation;
use uuid::Uuid;

use super::{Entry, NewEntry};

/// What is wrong with a ledger, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// An entry before the head is not there.
    #[error("entry {seq} is missing")]
    Missing {
        /// The first that is missing.
        seq: u64,
    },
    /// There is an entry that the head does not know of.
    #[error("entry {seq} lies beyond the head")]
    Extra {
        /// The first such entry.
        seq: u64,
    },
    /// An entry was changed after it was written.
    #[error("entry {seq} was changed: its content does not match its hash")]
    HashMismatch {
        /// The entry.
        seq: u64,
    },
    /// An entry agrees with itself, but not with the one before it.
    #[error(
        "entry {seq} does not follow from the one before it: that one was replaced, or belongs to another ledger"
    )]
    ChainBroken {
        /// The later of the two entries.
        seq: u64,
    },
    /// The last entry is not the one that the head names.
    #[error("entry {seq} is the last, but the head names another hash than the entry has")]
    HeadMismatch {
        /// The last entry; 0 when there is none.
        seq: u64,
    },
    /// The store could not read an entry.
    #[error("entry {near} can't be read: {detail}")]
    Unreadable {
        /// The first entry that was not read.
        near: u64,
        /// The store's words.
        detail: String,
    },
    /// The file is broken outside the entries.
    #[error("the file's structure is broken: {detail}")]
    Structure {
        /// The store's words.
        detail: String,
    },
}

/// The columns of an entry as a store holds them, before anything about them is believed.
pub(super) struct Stored<'a> {
    pub(super) seq: i64,
    pub(super) event_id: &'a [u8],
    pub(super) at: i64,
    pub(super) actor: &'a [u8],
    pub(super) kind: &'a [u8],
    pub(super) version: i64,
    pub(super) critical: i64,
    pub(super) body: &'a [u8],
    pub(super) prev_hash: &'a [u8],
    pub(super) hash: &'a [u8],
}

impl Stored<'_> {
    fn computed_hash(&self) -> Digest {
        Covered {
            prev_hash: self.prev_hash,
            seq: self.seq,
            event_id: self.event_id,
            at: self.at,
            actor: self.actor,
            kind: self.kind,
            version: self.version,
            critical: self.critical,
            body: self.body,
        }
        .hash()
    }

    /// The entry; `None` when its columns, though they match their hash, can't have been written by pgbelay.
    fn entry(&self, seq: u64, prev_hash: Digest, hash: Digest) -> Option<Entry> {
        Some(Entry {
            seq,
            event_id: Uuid::from_slice(self.event_id).ok()?,
            at: Timestamp(self.at),
            actor: text(self.actor)?,
            kind: text(self.kind)?,
            version: self.version.try_into().ok()?,
            critical: match self.critical {
                0 => false,
                1 => true,
                _ => return None,
            },
            body: text(self.body)?,
            prev_hash,
            hash,
        })
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    String::from_utf8(bytes.to_vec()).ok()
}

/// How a new entry is tied to the one before it.
pub(super) struct Link {
    pub(super) seq: i64,
    pub(super) prev_hash: Digest,
    pub(super) hash: Digest,
}

/// A walk along the chain: the last entry seen, and what has to come next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    pub(super) last_seq: u64,
    pub(super) last_hash: Digest,
}

impl Chain {
    /// Before the first entry: the genesis hash ties every entry to this incarnation.
    pub(super) fn genesis(incarnation: Uuid) -> Self {
        Self { last_seq: 0, last_hash: genesis(Incarnation::from_bytes(*incarnation.as_bytes())) }
    }

    /// Before an entry, as that one has it: for whoever looks at it alone.
    pub(super) fn before(stored: &Stored<'_>) -> Self {
        let hash = <[u8; 32]>::try_from(stored.prev_hash).map(Digest::from_bytes);
        Self {
            last_seq: stored.seq.unsigned_abs().saturating_sub(1),
            last_hash: hash.unwrap_or_else(|_| Digest::of(stored.prev_hash)),
        }
    }

    pub(super) const fn next_seq(&self) -> u64 {
        self.last_seq.saturating_add(1)
    }

    /// Takes the next stored entry, if it is the next and is what was written.
    pub(super) fn accept(&mut self, stored: &Stored<'_>) -> Result<Entry, Damage> {
        let seq = self.next_seq();
        if stored.seq != store_int(seq) {
            return Err(Damage::Missing { seq });
        }
        let hash = stored.computed_hash();
        if stored.hash != hash.as_bytes() {
            return Err(Damage::HashMismatch { seq });
        }
        if stored.prev_hash != self.last_hash.as_bytes() {
            return Err(Damage::ChainBroken { seq });
        }
        let entry = stored.entry(seq, self.last_hash, hash).ok_or_else(|| Damage::Unreadable {
            near: seq,
            detail: "its columns do not hold an entry".to_owned(),
        })?;
        *self = Self { last_seq: seq, last_hash: hash };
        Ok(entry)
    }

    /// Ties a new entry to the chain.
    pub(super) fn link(&mut self, entry: &NewEntry) -> Link {
        let (seq, prev_hash) = (self.next_seq(), self.last_hash);
        let hash = Stored {
            seq: store_int(seq),
            event_id: entry.event_id.as_bytes(),
            at: entry.at.0,
            actor: entry.actor.as_bytes(),
            kind: entry.kind.as_bytes(),
            version: entry.version.into(),
            critical: entry.critical.into(),
            body: entry.body.as_bytes(),
            prev_hash: prev_hash.as_bytes(),
            hash: &[],
        }
        .computed_hash();
        *self = Self { last_seq: seq, last_hash: hash };
        Link { seq: store_int(seq), prev_hash, hash }
    }
}

/// A place as the store's signed integer. No ledger gets near the limit, and what is over it matches no entry.
pub(super) fn store_int(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
