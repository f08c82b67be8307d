//! A managed database as the controller knows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::backup::BackupId;
use crate::command::{CommandId, Resolution};
use crate::digest::Digest;
use crate::migration::{Version, is_false};
use crate::name::{DatabaseName, EnvironmentName};
use crate::plan::{Direction, Rates};
use crate::time::Timestamp;

/// A migration that stands in the database's own `migration_records`, applied and not rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedRecord {
    /// Its version.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// The checksum of the SQL that was run.
    pub checksum: Digest,
    /// When, by the database's clock.
    pub applied_at: Timestamp,
    /// Whether it runs again when it changes. It has no place in the order, and is not taken back.
    #[serde(default, skip_serializing_if = "is_false")]
    pub repeatable: bool,
    /// Whether it was only recorded: another tool applied it, or a person says that it is applied.
    #[serde(default, skip_serializing_if = "is_false")]
    pub adopted: bool,
}

/// What an agent read from its database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// PostgreSQL's number of its version, for example `150018`.
    pub server_version: u32,
    /// `pg_control_system().system_identifier`, with the database's oid: which database this really is.
    pub system_identifier: String,
    /// Hash of the canonical schema facts, without pgbelay's own schema.
    pub fingerprint: Digest,
    /// Hash of what decides beside the schema what SQL does there: `search_path`, time zone, tablespaces, access methods.
    #[serde(default = "no_conditions")]
    pub conditions: Digest,
    /// What is applied, in the order in which it was.
    pub records: Vec<AppliedRecord>,
    /// Migrations that have begun and are not recorded: some of their pieces are done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<Unfinished>,
}

/// A migration that runs in pieces, has begun, and has not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// Its version.
    pub version: Version,
    /// Forward or back.
    pub direction: Direction,
    /// How many of its pieces are done.
    pub done: u32,
    /// How many it has.
    pub pieces: u32,
    /// The intent of a piece that was begun and of which it is not settled whether it took effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<i64>,
}

/// Where nobody told.
#[must_use]
pub fn no_conditions() -> Digest {
    Digest::of("")
}

impl Observation {
    /// The migrations that have a place in the order, in that in which they were applied.
    pub fn versioned(&self) -> impl DoubleEndedIterator<Item = &AppliedRecord> {
        self.records.iter().filter(|record| !record.repeatable)
    }

    /// The digest of the applied migrations: versions and checksums, in order.
    #[must_use]
    pub fn records_digest(&self) -> Digest {
        records_digest(&self.records)
    }
}

/// The digest of applied migrations: versions and checksums, in order.
#[must_use]
pub fn records_digest(records: &[AppliedRecord]) -> Digest {
    let parts: Vec<String> =
        records.iter().flat_map(|r| [r.version.as_str().to_owned(), r.checksum.to_string()]).collect();
    Digest::of_parts("pgbelay records 1", parts.iter().map(String::as_bytes))
}

/// How long a migration of a database may be rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// When it was applied: by the controller's clock, or by the database's if the controller was not told.
    pub opened_at: Timestamp,
    /// From when on it is closed.
    pub until: Timestamp,
    /// The backup that was taken before the run; `None`: policy wanted none, or it is not known.
    pub backup: Option<BackupId>,
}

/// What may be said of a window at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowState {
    /// The migration may be rolled back.
    Open,
    /// A later migration has to be rolled back first.
    Superseded,
    /// Its time is over.
    Expired,
}

impl Window {
    /// Whether its time is over.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        now >= self.until
    }
}

/// Somebody else has changed the schema since pgbelay last knew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The schema's fingerprint as it was before.
    pub expected: Digest,
    /// When the change was first seen.
    pub since: Timestamp,
}

/// A managed database: exactly one agent serves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// Its name.
    pub name: DatabaseName,
    /// The environment that it belongs to.
    pub environment: EnvironmentName,
    /// What selects it.
    pub labels: BTreeMap<String, String>,
    /// Which database this really is; a command for another one is refused.
    pub system_identifier: String,
    /// What its agent read last, and when that was last different.
    pub observed: Option<(Timestamp, Arc<Observation>)>,
    /// Counts up with every command that changes something; the database itself remembers the highest.
    pub fence: u64,
    /// The one command that may change something.
    pub in_flight: Option<CommandId>,
    /// A person's word on a statement that was cut off there, for the next run.
    pub resolution: Option<Resolution>,
    /// The windows of the migrations that are applied.
    pub windows: BTreeMap<Version, Window>,
    /// The releases that this database carries whole, and since when.
    pub carries: BTreeMap<Digest, Timestamp>,
    /// How fast it scans, builds indexes and rewrites, as its runs have shown.
    pub rates: Rates,
    /// Since when nobody knows how it is: its agent was away, or could not reach it, for longer than policy lets pass.
    pub unreachable: Option<Timestamp>,
    /// What somebody else did to its schema; none as soon as that is taken back, or other migrations are applied there:
    /// those were planned for the schema as it was then.
    pub drift: Option<Drift>,
}

impl Database {
    /// The version that was applied last.
    #[must_use]
    pub fn version(&self) -> Option<&Version> {
        self.observed.as_ref()?.1.versioned().next_back().map(|record| &record.version)
    }

    /// The window of a version, at a moment.
    #[must_use]
    pub fn window_state(&self, version: &Version, now: Timestamp) -> Option<WindowState> {
        let window = self.windows.get(version)?;
        Some(match () {
            () if window.expired(now) => WindowState::Expired,
            () if self.version() != Some(version) => WindowState::Superseded,
            () => WindowState::Open,
        })
    }
}
