//! The tables of the SQLite ledger.

use super::file::Format;

/// "pgbl": marks the file as a ledger in SQLite's header.
const APPLICATION_ID: i32 = 0x7067_626c;
/// The version of the tables.
pub(super) const SCHEMA_VERSION: i32 = 1;

/// How a ledger file is recognised.
pub(super) const FORMAT: Format = Format {
    application_id: APPLICATION_ID,
    version: SCHEMA_VERSION,
    tables: &[("entry", ENTRY_TABLE), ("head", HEAD_TABLE)],
};

const ENTRY_TABLE: &str = "CREATE TABLE entry (
  seq INTEGER PRIMARY KEY CHECK (seq >= 1),
  event_id BLOB NOT NULL UNIQUE CHECK (length(event_id) = 16),
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  kind TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 0),
  critical INTEGER NOT NULL CHECK (critical IN (0, 1)),
  body TEXT NOT NULL,
  prev_hash BLOB NOT NULL CHECK (length(prev_hash) = 32),
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT";

// The lease is for stores that several replicas share; here the lock file is the lease, and both stay NULL.
const HEAD_TABLE: &str = "CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  incarnation BLOB NOT NULL CHECK (length(incarnation) = 16),
  seq INTEGER NOT NULL CHECK (seq >= 0),
  epoch INTEGER NOT NULL CHECK (epoch >= 0),
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  holder TEXT,
  lease_until INTEGER
) STRICT";
