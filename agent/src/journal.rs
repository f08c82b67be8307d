//! What the agent was asked to do and what came of it, on disk: one file for each command.
//!
//! A command is in here before the controller is told that it was accepted, and its result before that is reported.
//! So a command that was done answers with its stored result for as long as anybody may ask, and one that was in
//! work when the process died is known at the next start. The truth of what was *done* is not here but in the
//! database; this is about who asked, and who has been told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pgbelay_core::command::{CommandId, Outcome};
use pgbelay_core::time::Timestamp;
use pgbelay_proto::convert::WireCommand;
use serde::{Deserialize, Serialize};

use crate::durable::{self, DurableError};
use crate::words;
use files::FileName;

mod files;
mod stored;
#[cfg(test)]
mod tests;

/// Commands that were acknowledged and are kept for a controller that asks again: months of work of one database,
/// and some megabytes.
pub const KEPT: usize = 200;

/// Commands without acknowledgement that a journal takes. There is one at a time when all is well; a controller
/// that sends on and acknowledges nothing is out of order, and must not fill the disk.
pub const MAX_UNACKNOWLEDGED: usize = 500;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its identity.
    pub id: CommandId,
    /// Which run of it.
    pub attempt: u32,
    /// How far it is.
    pub state: EntryState,
}

/// How far a command is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum EntryState {
    /// It is in work, or the agent died on the way.
    Accepted {
        /// The command.
        #[serde(with = "stored::CommandDef")]
        command: Box<WireCommand>,
    },
    /// It has come to its end, and the controller has to hear of it.
    Finished {
        /// What came of it.
        outcome: Outcome,
    },
    /// The controller knows.
    Acknowledged {
        /// What came of it.
        outcome: Outcome,
        /// Since when it knows.
        at: Timestamp,
    },
}

impl Entry {
    /// What came of it, if it has come to its end.
    #[must_use]
    pub const fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            EntryState::Accepted { .. } => None,
            EntryState::Finished { outcome } | EntryState::Acknowledged { outcome, .. } => Some(outcome),
        }
    }

    fn acknowledged_at(&self) -> Option<Timestamp> {
        match &self.state {
            EntryState::Acknowledged { at, .. } => Some(*at),
            EntryState::Accepted { .. } | EntryState::Finished { .. } => None,
        }
    }

    fn file(&self) -> FileName {
        FileName { id: self.id.clone(), attempt: self.attempt }
    }
}

/// Why the journal can't be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk does not take it.
    #[error(transparent)]
    File(#[from] DurableError),
    /// An entry can't be written as JSON.
    #[error("failed to encode the journal entry of command {id}")]
    Encode {
        /// The command.
        id: CommandId,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// Too many results wait for their acknowledgement.
    #[error(
        "{MAX_UNACKNOWLEDGED} results wait for the controller's acknowledgement: no command is taken until it comes"
    )]
    Full,
}

/// The journal of one agent.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    entries: BTreeMap<CommandId, Entry>,
    /// Entries that the disk has not taken yet.
    unwritten: BTreeSet<CommandId>,
}

impl Journal {
    /// Reads what is there. What an interrupted write left is cleared; a damaged file is moved aside, and its command
    /// is finished with an unknown outcome, so that an inspection or a person settles it.
    ///
    /// # Errors
    /// The directory can't be made, listed or written to.
    pub fn open(directory: &Path, now: Timestamp) -> Result<Self, JournalError> {
        let mut journal =
            Self { directory: directory.to_owned(), entries: BTreeMap::new(), unwritten: BTreeSet::new() };
        let found = files::read(directory)?;
        for entry in found.entries {
            journal.take_found(entry);
        }
        for damaged in found.damaged {
            let path = files::move_aside(directory, &damaged.file, now)?;
            tracing::error!(command = %damaged.file.id, moved_to = %path.display(), why = %damaged.why,
                "a file of the journal is damaged: what became of its command is not known");
            let entry = unknown(&damaged.file, &path);
            journal.write(&entry)?;
            journal.take_found(entry);
        }
        Ok(journal)
    }

    /// What is known of a command.
    #[must_use]
    pub fn get(&self, id: &CommandId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// The commands that the controller has not acknowledged, in work or finished.
    pub fn unacknowledged(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|entry| entry.acknowledged_at().is_none())
    }

    /// Takes a command in. When this returns, it is on disk.
    ///
    /// # Errors
    /// It is not, and must not be started.
    pub fn accept(&mut self, command: WireCommand) -> Result<(), JournalError> {
        let (id, attempt) = (command.id.clone(), command.attempt);
        self.needs_room(&id)?;
        let entry = Entry { id, attempt, state: EntryState::Accepted { command: Box::new(command) } };
        self.write(&entry)?;
        self.replace(entry);
        Ok(())
    }

    /// What may be told of a command: what came of it, once that is on disk.
    #[must_use]
    pub fn result(&self, id: &CommandId) -> Option<(u32, &Outcome)> {
        let entry = self.get(id).filter(|_| !self.unwritten.contains(id))?;
        Some((entry.attempt, entry.outcome()?))
    }

    /// The results that are on disk and that the controller has not acknowledged.
    pub fn untold(&self) -> impl Iterator<Item = (&CommandId, u32, &Outcome)> {
        self.unacknowledged().filter_map(|entry| {
            let (attempt, outcome) = self.result(&entry.id)?;
            Some((&entry.id, attempt, outcome))
        })
    }

    /// Writes what the disk did not take before.
    ///
    /// # Errors
    /// It still does not.
    pub fn write_again(&mut self) -> Result<(), JournalError> {
        while let Some(id) = self.unwritten.first().cloned() {
            if let Some(entry) = self.entries.get(&id) {
                self.write(entry)?;
            }
            self.unwritten.remove(&id);
        }
        Ok(())
    }

    /// Keeps what came of a command, known before or not.
    ///
    /// # Errors
    /// [`JournalError::Full`]: it is not kept. Any other: it is remembered, not on disk, and not to be told until
    /// [`Self::write_again`] has succeeded.
    pub fn finish(&mut self, id: &CommandId, attempt: u32, outcome: Outcome) -> Result<(), JournalError> {
        self.needs_room(id)?;
        self.keep(Entry { id: id.clone(), attempt, state: EntryState::Finished { outcome } })
    }

    /// The controller has the result of this attempt on disk. Anything else that it may acknowledge changes nothing.
    pub fn acknowledge(&mut self, id: &CommandId, attempt: u32, now: Timestamp) {
        let Some(entry) = self.entries.get(id).filter(|entry| entry.attempt == attempt) else { return };
        let EntryState::Finished { outcome } = &entry.state else { return };
        let state = EntryState::Acknowledged { outcome: outcome.clone(), at: now };
        let entry = Entry { id: id.clone(), attempt, state };
        if let Err(error) = self.keep(entry) {
            // After a restart the result is sent again, and acknowledged again.
            tracing::warn!(command = %id, error = words::line(&error), "an acknowledgement is not on disk");
        }
        self.prune();
    }

    fn needs_room(&self, id: &CommandId) -> Result<(), JournalError> {
        let has_its_place = self.entries.get(id).is_some_and(|entry| entry.acknowledged_at().is_none());
        if has_its_place || self.unacknowledged().count() < MAX_UNACKNOWLEDGED {
            return Ok(());
        }
        Err(JournalError::Full)
    }

    /// Remembers an entry, whether the disk takes it or not. The file of an earlier attempt goes when it does.
    fn keep(&mut self, entry: Entry) -> Result<(), JournalError> {
        let written = self.write(&entry);
        if written.is_ok() {
            self.replace(entry);
        } else {
            self.unwritten.insert(entry.id.clone());
            self.entries.insert(entry.id.clone(), entry);
        }
        written
    }

    fn write(&self, entry: &Entry) -> Result<(), JournalError> {
        let text = serde_json::to_vec_pretty(entry)
            .map_err(|source| JournalError::Encode { id: entry.id.clone(), source })?;
        Ok(durable::write(&entry.file().path(&self.directory), &text)?)
    }

    fn replace(&mut self, entry: Entry) {
        let (file, id) = (entry.file(), entry.id.clone());
        self.unwritten.remove(&id);
        if let Some(old) = self.entries.insert(id, entry).map(|old| old.file()).filter(|old| *old != file) {
            files::remove(&self.directory, &old);
        }
    }

    /// Of two attempts of one command, which a crash can leave, the later one counts.
    fn take_found(&mut self, entry: Entry) {
        match self.entries.get(&entry.id) {
            Some(known) if known.attempt >= entry.attempt => files::remove(&self.directory, &entry.file()),
            Some(_) | None => self.replace(entry),
        }
    }

    fn prune(&mut self) {
        let mut old: Vec<(Timestamp, CommandId)> = self
            .entries
            .values()
            .filter_map(|entry| Some((entry.acknowledged_at()?, entry.id.clone())))
            .collect();
        old.sort();
        for (_, id) in old.iter().take(old.len().saturating_sub(KEPT)) {
            if let Some(entry) = self.entries.remove(id) {
                files::remove(&self.directory, &entry.file());
            }
        }
    }
}

fn unknown(file: &FileName, moved_to: &Path) -> Entry {
    let why = format!(
        "the agent's journal of this command was damaged (moved to {}): whether it was run must be read from the database",
        moved_to.display()
    );
    let state = EntryState::Finished { outcome: Outcome::Unknown { why } };
    Entry { id: file.id.clone(), attempt: file.attempt, state }
}
