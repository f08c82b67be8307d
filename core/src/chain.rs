//! The hash chain of the ledger: what the hash of an entry covers. One place for whoever writes entries and for whoever
//! checks an exported copy without a controller.

use crate::digest::Digest;
use crate::witness::Incarnation;

const ENTRY_DOMAIN: &str = "pgbelay ledger entry 1";
const GENESIS_DOMAIN: &str = "pgbelay ledger genesis 1";

/// What an entry's hash covers, as bytes and numbers: nothing about them need be true yet.
#[derive(Debug, Clone, Copy)]
pub struct Covered<'a> {
    /// The hash of the entry before it; of the first one, [`genesis`].
    pub prev_hash: &'a [u8],
    /// Its place.
    pub seq: i64,
    /// Its id: the 16 bytes of a UUID.
    pub event_id: &'a [u8],
    /// When it was decided: milliseconds since 1970, UTC.
    pub at: i64,
    /// Who caused it.
    pub actor: &'a [u8],
    /// The kind of its event.
    pub kind: &'a [u8],
    /// The version of that kind's encoding.
    pub version: i64,
    /// 1: a reader that does not know the kind has to stop; else 0.
    pub critical: i64,
    /// The event as JSON, byte by byte.
    pub body: &'a [u8],
}

impl Covered<'_> {
    /// SHA-256 over the domain and each field in this order, each preceded by its length in bytes as eight bytes, the
    /// numbers as eight bytes, all big-endian.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of_parts(
            ENTRY_DOMAIN,
            [
                self.prev_hash,
                &self.seq.to_be_bytes(),
                self.event_id,
                &self.at.to_be_bytes(),
                self.actor,
                self.kind,
                &self.version.to_be_bytes(),
                &self.critical.to_be_bytes(),
                self.body,
            ],
        )
    }
}

/// What stands for the hash before the first entry: it ties every entry to this ledger.
#[must_use]
pub fn genesis(incarnation: Incarnation) -> Digest {
    Digest::of_parts(GENESIS_DOMAIN, [incarnation.as_bytes().as_slice()])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These digests stand in ledgers: they never change.
    #[test]
    fn a_hash_is_what_it_has_always_been() {
        let genesis = genesis(Incarnation::from_bytes([7; 16]));
        let entry = Covered {
            prev_hash: genesis.as_bytes(),
            seq: 1,
            event_id: &[1; 16],
            at: 1_700_000_000_000,
            actor: b"controller",
            kind: b"policy-applied",
            version: 1,
            critical: 1,
            body: b"{}",
        };
        assert_eq!(genesis.to_string(), "0179aa1fd85124a1d3f374224eb684056ce5283762fedf60eef06bbf7b6728c9");
        assert_eq!(
            entry.hash().to_string(),
            "825d76f47a5678f516340c6389e50d27a087684c59f3c3aae23c72bf95ca85cc"
        );
        assert_ne!(Covered { critical: 0, ..entry }.hash(), entry.hash());
    }
}
