//! Exported entries of a ledger, and the check of their chain that needs no controller.

use pgbelay_core::chain::{Covered, genesis};
use pgbelay_core::digest::Digest;
use pgbelay_core::witness::Checkpoint;
use pgbelay_proto::wire::AuditEntry;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One line of an export: an entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) seq: u64,
    pub(crate) event_id: Uuid,
    /// For people; what is hashed is `at_ms`.
    pub(crate) time: String,
    pub(crate) at_ms: i64,
    pub(crate) actor: String,
    pub(crate) kind: String,
    pub(crate) version: u32,
    pub(crate) critical: bool,
    /// The event as JSON in a text, byte by byte as it is hashed.
    pub(crate) body: String,
    pub(crate) prev_hash: Digest,
    pub(crate) hash: Digest,
}

/// Why an entry is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("entry {seq} does not read: {why}")]
    Unreadable { seq: u64, why: String },
    #[error("entry {seq} was changed: its content does not match its hash")]
    Changed { seq: u64 },
    #[error("entry {expected} is missing: entry {found} follows")]
    Missing { expected: u64, found: u64 },
    #[error("entry {seq} does not follow from the one before it")]
    Broken { seq: u64 },
    #[error(
        "entry {seq} is not the one that the checkpoint names: this is another ledger, or another branch of it"
    )]
    NotTheCheckpoint { seq: u64 },
}

impl TryFrom<AuditEntry> for Line {
    type Error = Fault;
    fn try_from(entry: AuditEntry) -> Result<Self, Fault> {
        let unreadable = |why: String| Fault::Unreadable { seq: entry.seq, why };
        let digest = |text: &str| text.parse::<Digest>().map_err(|error| unreadable(error.to_string()));
        Ok(Self {
            seq: entry.seq,
            event_id: entry.event_id.parse().map_err(|error: uuid::Error| unreadable(error.to_string()))?,
            time: moment(entry.at_ms),
            at_ms: entry.at_ms,
            prev_hash: digest(&entry.prev_hash)?,
            hash: digest(&entry.hash)?,
            actor: entry.actor,
            kind: entry.kind,
            version: entry.version,
            critical: entry.critical,
            body: entry.body,
        })
    }
}

/// RFC 3339 in UTC, to the millisecond.
fn moment(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map(|at| format!("{at:.3}")).unwrap_or_default()
}

impl Line {
    fn computed_hash(&self) -> Digest {
        Covered {
            prev_hash: self.prev_hash.as_bytes(),
            seq: i64::try_from(self.seq).unwrap_or(i64::MAX),
            event_id: self.event_id.as_bytes(),
            at: self.at_ms,
            actor: self.actor.as_bytes(),
            kind: self.kind.as_bytes(),
            version: self.version.into(),
            critical: self.critical.into(),
            body: self.body.as_bytes(),
        }
        .hash()
    }
}

/// A walk along a chain: entries are shown to it in their order.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// The first entry; the chain need not begin with the ledger.
    pub(crate) first: Option<u64>,
    /// The last entry, and its hash.
    pub(crate) last: Option<(u64, Digest)>,
    checkpoint: Option<Checkpoint>,
    met: bool,
}

impl Walk {
    /// One that also looks for a checkpoint.
    pub(crate) fn past(checkpoint: Option<Checkpoint>) -> Self {
        Self { checkpoint, ..Self::default() }
    }

    /// Whether the checkpoint was there; `None`: none was looked for.
    pub(crate) fn met(&self) -> Option<bool> {
        self.checkpoint.map(|_| self.met)
    }

    /// Takes the next entry, if it is the next and is what was written.
    pub(crate) fn take(&mut self, line: &Line) -> Result<(), Fault> {
        let seq = line.seq;
        if line.computed_hash() != line.hash {
            return Err(Fault::Changed { seq });
        }
        if let Some((last, hash)) = self.last {
            if seq != last + 1 {
                return Err(Fault::Missing { expected: last + 1, found: seq });
            }
            if line.prev_hash != hash {
                return Err(Fault::Broken { seq });
            }
        }
        if let Some(checkpoint) = &self.checkpoint {
            let begins_another = seq == 1 && line.prev_hash != genesis(checkpoint.incarnation);
            if begins_another || (seq == checkpoint.seq && line.hash != checkpoint.hash) {
                return Err(Fault::NotTheCheckpoint { seq });
            }
            self.met |= seq == checkpoint.seq;
        }
        self.first.get_or_insert(seq);
        self.last = Some((seq, line.hash));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pgbelay_core::witness::Incarnation;

    use super::*;

    const OURS: Incarnation = Incarnation::from_bytes([7; 16]);

    fn chain(of: Incarnation, length: u64) -> Vec<Line> {
        let mut prev_hash = genesis(of);
        (1..=length)
            .map(|seq| {
                let mut line = Line {
                    seq,
                    event_id: Uuid::from_u128(seq.into()),
                    time: String::new(),
                    at_ms: 1_700_000_000_000,
                    actor: "operator/ada".to_owned(),
                    kind: "plan-approved".to_owned(),
                    version: 1,
                    critical: true,
                    body: format!("{{\"n\":{seq},\"text\":\"ä\\n\"}}"),
                    prev_hash,
                    hash: prev_hash,
                };
                line.hash = line.computed_hash();
                prev_hash = line.hash;
                line
            })
            .collect()
    }

    fn walked(lines: &[Line], checkpoint: Option<Checkpoint>) -> Result<Walk, Fault> {
        let mut walk = Walk::past(checkpoint);
        lines.iter().try_for_each(|line| walk.take(line))?;
        Ok(walk)
    }

    #[test]
    fn a_whole_chain_and_a_part_of_one_are_sound() {
        let lines = chain(OURS, 5);
        let walk = walked(&lines, None).unwrap();
        assert_eq!((walk.first, walk.last), (Some(1), Some((5, lines[4].hash))));
        assert_eq!(walked(&lines[2..4], None).unwrap().first, Some(3));
        // What is for people is not covered.
        let mut other = lines;
        other[1].time = "yesterday".to_owned();
        assert!(walked(&other, None).is_ok());
    }

    #[test]
    fn every_field_is_covered() {
        type Change = fn(&mut Line);
        let changes: [Change; 9] = [
            |line| line.event_id = Uuid::from_u128(99),
            |line| line.at_ms += 1,
            |line| line.actor.push('x'),
            |line| line.kind = "plan-approvee".to_owned(),
            |line| line.version = 2,
            |line| line.critical = false,
            |line| line.body.push(' '),
            |line| line.prev_hash = line.hash,
            |line| line.seq = 7,
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut lines = chain(OURS, 4);
            change(&mut lines[2]);
            assert!(matches!(walked(&lines, None), Err(Fault::Changed { .. })), "change {at} was not found");
        }
    }

    #[test]
    fn what_was_taken_out_or_replaced_is_found() {
        let mut lines = chain(OURS, 5);
        let taken = lines.remove(2);
        assert_eq!(walked(&lines, None).err(), Some(Fault::Missing { expected: 3, found: 4 }));
        lines.insert(2, Line { body: "{}".to_owned(), ..taken });
        lines[2].hash = lines[2].computed_hash();
        assert_eq!(walked(&lines, None).err(), Some(Fault::Broken { seq: 4 }));
    }

    #[test]
    fn a_checkpoint_is_met_missed_or_contradicted() {
        let lines = chain(OURS, 5);
        let at = |seq, hash| Some(Checkpoint { incarnation: OURS, acceptances: 0, seq, hash });
        assert_eq!(walked(&lines, at(3, lines[2].hash)).unwrap().met(), Some(true));
        assert_eq!(walked(&lines, at(9, lines[2].hash)).unwrap().met(), Some(false));
        let fault = walked(&lines, at(3, lines[1].hash)).err();
        assert_eq!(fault, Some(Fault::NotTheCheckpoint { seq: 3 }));
        let foreign = chain(Incarnation::from_bytes([8; 16]), 5);
        assert_eq!(walked(&foreign, at(9, lines[2].hash)).err(), Some(Fault::NotTheCheckpoint { seq: 1 }));
        assert_eq!(walked(&lines, None).unwrap().met(), None);
    }
}
