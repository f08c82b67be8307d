//! Between the wire and the types of `pgbelay-core`.
//!
//! `From` goes out; `TryFrom` comes in, and is the only place where a missing or malformed field becomes an error.

use pgbelay_core::database::{AppliedRecord, Observation, Unfinished, no_conditions};
use pgbelay_core::origin::Origin;
use pgbelay_core::plan::{Direction, Expectation};
use pgbelay_core::time::Timestamp;
use pgbelay_core::witness::Checkpoint;

use crate::wire;

mod adopt;
mod backup;
pub use backup::MOST_COPIES;
mod command;
mod history;
mod job;
pub use command::{WireAdopt, WireAdopted, WireCommand, WireKind, WireRehearse, WireRun, WireStep};
pub use job::WireJob;
mod outcome;
pub use outcome::failure_word;

/// A message that the contract does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message's field {field} is {fault}")]
pub struct BadMessage {
    /// The field, by its name in the contract.
    pub field: &'static str,
    /// What is wrong with it: "missing", or what it should have been.
    pub fault: String,
}

pub(crate) fn missing(field: &'static str) -> BadMessage {
    BadMessage { field, fault: "missing".to_owned() }
}

/// Parses a text field.
pub(crate) fn parse<T: std::str::FromStr>(field: &'static str, text: &str) -> Result<T, BadMessage>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| BadMessage { field, fault: format!("not valid: {error}") })
}

/// Takes a message field that must be there.
pub(crate) fn required<W, T: TryFrom<W, Error = BadMessage>>(
    field: &'static str,
    value: Option<W>,
) -> Result<T, BadMessage> {
    value.ok_or_else(|| missing(field))?.try_into()
}

/// Converts every element.
pub(crate) fn all<W, T: TryFrom<W, Error = BadMessage>>(values: Vec<W>) -> Result<Vec<T>, BadMessage> {
    values.into_iter().map(T::try_from).collect()
}

pub(crate) fn none_if_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

impl From<&AppliedRecord> for wire::AppliedRecord {
    fn from(record: &AppliedRecord) -> Self {
        Self {
            version: record.version.to_string(),
            name: record.name.clone(),
            checksum: record.checksum.to_string(),
            applied_at_ms: record.applied_at.0,
            repeatable: record.repeatable,
            adopted: record.adopted,
        }
    }
}

impl TryFrom<wire::AppliedRecord> for AppliedRecord {
    type Error = BadMessage;
    fn try_from(wire: wire::AppliedRecord) -> Result<Self, BadMessage> {
        Ok(Self {
            version: parse("version", &wire.version)?,
            name: wire.name,
            checksum: parse("checksum", &wire.checksum)?,
            applied_at: Timestamp(wire.applied_at_ms),
            repeatable: wire.repeatable,
            adopted: wire.adopted,
        })
    }
}

impl From<wire::controller_message::Message> for wire::ControllerMessage {
    fn from(message: wire::controller_message::Message) -> Self {
        Self { message: Some(message), checkpoint: None }
    }
}

impl From<&Checkpoint> for wire::Checkpoint {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self {
            incarnation: checkpoint.incarnation.to_string(),
            acceptances: checkpoint.acceptances,
            seq: checkpoint.seq,
            hash: checkpoint.hash.to_string(),
        }
    }
}

impl TryFrom<wire::Checkpoint> for Checkpoint {
    type Error = BadMessage;
    fn try_from(wire: wire::Checkpoint) -> Result<Self, BadMessage> {
        Ok(Self {
            incarnation: parse("incarnation", &wire.incarnation)?,
            acceptances: wire.acceptances,
            seq: wire.seq,
            hash: parse("hash", &wire.hash)?,
        })
    }
}

impl From<&Unfinished> for wire::Unfinished {
    fn from(unfinished: &Unfinished) -> Self {
        Self {
            version: unfinished.version.to_string(),
            direction: wire::Direction::from(unfinished.direction).into(),
            done: unfinished.done,
            pieces: unfinished.pieces,
            open: unfinished.open,
        }
    }
}

impl TryFrom<wire::Unfinished> for Unfinished {
    type Error = BadMessage;
    fn try_from(wire: wire::Unfinished) -> Result<Self, BadMessage> {
        Ok(Self {
            version: parse("version", &wire.version)?,
            direction: direction(wire.direction)?,
            done: wire.done,
            pieces: wire.pieces,
            open: wire.open,
        })
    }
}

impl From<&Origin> for wire::Origin {
    fn from(origin: &Origin) -> Self {
        let Origin { id, description, script, checksum, more } = origin.clone();
        Self { id, description, script, checksum, more }
    }
}

impl From<wire::Origin> for Origin {
    fn from(wire: wire::Origin) -> Self {
        let wire::Origin { id, description, script, checksum, more } = wire;
        Self { id, description, script, checksum, more }
    }
}

impl From<&Observation> for wire::Observation {
    fn from(seen: &Observation) -> Self {
        Self {
            server_version: seen.server_version,
            system_identifier: seen.system_identifier.clone(),
            fingerprint: seen.fingerprint.to_string(),
            records: seen.records.iter().map(Into::into).collect(),
            conditions: seen.conditions.to_string(),
            unfinished: seen.unfinished.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<wire::Observation> for Observation {
    type Error = BadMessage;
    fn try_from(wire: wire::Observation) -> Result<Self, BadMessage> {
        Ok(Self {
            server_version: wire.server_version,
            system_identifier: wire.system_identifier,
            fingerprint: parse("fingerprint", &wire.fingerprint)?,
            conditions: match wire.conditions.as_str() {
                "" => no_conditions(),
                digest => parse("conditions", digest)?,
            },
            records: all(wire.records)?,
            unfinished: all(wire.unfinished)?,
        })
    }
}

impl From<&Expectation> for wire::Expectation {
    fn from(expect: &Expectation) -> Self {
        Self {
            system_identifier: expect.system_identifier.clone(),
            records: expect.records.to_string(),
            fingerprint: expect.fingerprint.to_string(),
        }
    }
}

impl TryFrom<wire::Expectation> for Expectation {
    type Error = BadMessage;
    fn try_from(wire: wire::Expectation) -> Result<Self, BadMessage> {
        Ok(Self {
            system_identifier: wire.system_identifier,
            records: parse("records", &wire.records)?,
            fingerprint: parse("fingerprint", &wire.fingerprint)?,
        })
    }
}

impl From<Direction> for wire::Direction {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Up => Self::Up,
            Direction::Down => Self::Down,
        }
    }
}

pub(crate) fn direction(number: i32) -> Result<Direction, BadMessage> {
    match wire::Direction::try_from(number) {
        Ok(wire::Direction::Up) => Ok(Direction::Up),
        Ok(wire::Direction::Down) => Ok(Direction::Down),
        Ok(wire::Direction::Unspecified) | Err(_) => Err(missing("direction")),
    }
}

#[cfg(test)]
mod tests;
