//! An agent, what it keeps on its disk, and its database.

use std::collections::{BTreeMap, VecDeque};

use pgbelay_core::command::{CommandId, Outcome};
use pgbelay_core::database::{AppliedRecord, Observation, Unfinished, no_conditions};
use pgbelay_core::digest::Digest;
use pgbelay_core::migration::Version;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::Direction;
use pgbelay_proto::convert::WireCommand;
use pgbelay_proto::wire;

use crate::work::Work;

/// What really happened to a database, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) command: CommandId,
    pub(crate) version: Version,
    pub(crate) direction: Direction,
}

/// A command in the journal.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) attempt: u32,
    pub(crate) command: Option<WireCommand>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) acknowledged: bool,
}

/// The database: it survives everything.
#[derive(Debug, Default)]
pub(crate) struct Database {
    pub(crate) applied: Vec<AppliedRecord>,
    pub(crate) unfinished: Vec<Unfinished>,
    /// Counts what somebody else changed.
    pub(crate) changes: u32,
    /// The highest fence that it has seen.
    pub(crate) fence: u64,
    pub(crate) commits: Vec<Commit>,
}

/// An agent.
pub(crate) struct Agent {
    pub(crate) name: DatabaseName,
    pub(crate) database: Database,
    // On its disk:
    pub(crate) journal: BTreeMap<CommandId, Entry>,
    pub(crate) serial: String,
    /// The last checkpoint of the ledger that it was told.
    pub(crate) witness: Option<wire::Checkpoint>,
    // In its process:
    pub(crate) up: bool,
    pub(crate) process: u64,
    pub(crate) link: Option<u64>,
    pub(crate) welcomed: bool,
    /// Until when it may start something.
    pub(crate) lease_until: i64,
    pub(crate) work: Option<Work>,
    /// Commands that an earlier process began, or of which it could not be told what they did.
    pub(crate) interrupted: VecDeque<WireCommand>,
    pub(crate) works: u64,
}

impl Agent {
    pub(crate) fn new(name: DatabaseName, serial: String) -> Self {
        Self {
            name,
            database: Database::default(),
            journal: BTreeMap::new(),
            serial,
            witness: None,
            up: true,
            process: 1,
            link: None,
            welcomed: false,
            lease_until: 0,
            work: None,
            interrupted: VecDeque::new(),
            works: 0,
        }
    }

    pub(crate) fn observation(&self) -> Observation {
        let versions: Vec<_> = self.database.applied.iter().map(|record| record.version.as_str()).collect();
        Observation {
            conditions: no_conditions(),
            server_version: 150_018,
            system_identifier: format!("system-of-{}", self.name),
            fingerprint: Digest::of(format!("{versions:?} {}", self.database.changes)),
            records: self.database.applied.clone(),
            unfinished: self.database.unfinished.clone(),
        }
    }

    pub(crate) fn hello(&self) -> wire::Hello {
        let unacknowledged = self.journal.iter().filter(|(_, entry)| !entry.acknowledged);
        let journal = unacknowledged.map(|(id, entry)| wire::JournalEntry {
            command_id: id.to_string(),
            attempt: entry.attempt,
            finished: entry.outcome.is_some(),
        });
        let protocol = pgbelay_proto::PROTOCOL;
        wire::Hello {
            protocol: Some(wire::ProtocolRange { min: protocol, max: protocol }),
            agent_version: "simulated".to_owned(),
            instance_id: format!("instance-of-{}", self.name),
            process_id: format!("{}-{}", self.name, self.process),
            observation: Some((&self.observation()).into()),
            journal: journal.collect(),
            witness: self.witness.clone(),
            ..Default::default()
        }
    }

    /// The process ends; its disk and its database stay. A new one takes up what the journal says.
    pub(crate) fn restart(&mut self) {
        self.process += 1;
        self.work = None;
        let in_work = self.journal.values().filter(|entry| entry.outcome.is_none());
        self.interrupted = in_work.filter_map(|entry| entry.command.clone()).collect();
    }

    /// The results that the controller has not acknowledged.
    pub(crate) fn untold(&self) -> Vec<(CommandId, u32, Outcome)> {
        let untold = self.journal.iter().filter(|(_, entry)| !entry.acknowledged);
        untold.filter_map(|(id, entry)| Some((id.clone(), entry.attempt, entry.outcome.clone()?))).collect()
    }
}
