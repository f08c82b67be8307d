//! Between events and the entries of the ledger.

use pgbelay_core::event::Event;
use pgbelay_core::request::Circumstances;
use uuid::Uuid;

use crate::ledger::{Entry, NewEntry};

/// The version of the form in which events are stored.
const VERSION: u32 = 1;

/// An entry that is not an event of this version.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A later version wrote it.
    #[error("{kind} version {version} was written by a newer pgbelay; this one reads version {VERSION}")]
    Newer {
        /// The kind.
        kind: String,
        /// Its version.
        version: u32,
    },
    /// It does not read.
    #[error("{kind} is not an event that this version of pgbelay knows")]
    Unreadable {
        /// The kind.
        kind: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// It does not write.
    #[error("failed to write an event as JSON")]
    Unwritable(#[source] serde_json::Error),
}

/// The entry of an event.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn entry(event: &Event, here: &Circumstances) -> Result<NewEntry, EncodeError> {
    Ok(NewEntry {
        event_id: Uuid::now_v7(),
        at: here.now,
        actor: here.actor.to_string(),
        kind: event.kind().to_owned(),
        version: VERSION,
        critical: true,
        body: serde_json::to_string(event).map_err(EncodeError::Unwritable)?,
    })
}

/// The event of an entry; `None`: this version does not know it, and may do without it.
pub(super) fn event(entry: &Entry) -> Result<Option<Event>, EncodeError> {
    let error = if entry.version > VERSION {
        EncodeError::Newer { kind: entry.kind.clone(), version: entry.version }
    } else {
        match serde_json::from_str(&entry.body) {
            Ok(event) => return Ok(Some(event)),
            Err(source) => EncodeError::Unreadable { kind: entry.kind.clone(), source },
        }
    };
    if entry.critical { Err(error) } else { Ok(None) }
}
