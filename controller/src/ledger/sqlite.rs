//! The ledger in one SQLite file: how it is read and appended to once it is open.

use pgbelay_core::digest::Digest;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, TransactionBehavior, ffi};
use uuid::Uuid;

use super::chain::{Chain, Link, Stored, store_int};
use super::lock::Lock;
use super::{AppendError, Cause, Entry, Head, Ledger, LedgerError, MAX_BODY_BYTES, MAX_READ, NewEntry};

/// From a place on, at most so many; -1 for all.
pub(super) const SELECT_ENTRIES: &str = "SELECT seq, event_id, at, actor, kind, version, critical, body, \
     prev_hash, hash FROM entry WHERE seq >= ?1 ORDER BY seq LIMIT ?2";

const SELECT_OF_KIND: &str = "SELECT seq, event_id, at, actor, kind, version, critical, body, \
     prev_hash, hash FROM entry WHERE kind = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";

const INSERT_ENTRY: &str = "INSERT INTO entry (seq, event_id, at, actor, kind, version, critical, body, \
     prev_hash, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

// Sequence and epoch decide; the hash and the incarnation keep a mistaken caller from breaking the chain.
const SWAP_HEAD: &str = "UPDATE head SET seq = ?1, hash = ?2 \
     WHERE seq = ?3 AND epoch = ?4 AND hash = ?5 AND incarnation = ?6";

/// The embedded ledger: one file, one process. Every call waits for the disk.
#[derive(Debug)]
pub struct SqliteLedger {
    // Before the lock, so that the file is closed while the lock is still held.
    conn: Connection,
    stopped: bool,
    _lock: Lock,
}

impl SqliteLedger {
    pub(super) const fn new(conn: Connection, lock: Lock) -> Self {
        Self { conn, stopped: false, _lock: lock }
    }

    #[cfg(test)]
    pub(super) const fn connection(&self) -> &Connection {
        &self.conn
    }
}

impl Ledger for SqliteLedger {
    fn head(&self) -> Result<Head, LedgerError> {
        read_head(&self.conn).map_err(unread)
    }

    fn append(&mut self, expected: &Head, entries: &[NewEntry]) -> Result<Head, AppendError> {
        if self.stopped {
            return Err(AppendError::Stopped);
        }
        check_sizes(entries)?;
        let mut chain = Chain { last_seq: expected.seq, last_hash: expected.hash };
        let links: Vec<Link> = entries.iter().map(|entry| chain.link(entry)).collect();
        let next = Head { seq: chain.last_seq, hash: chain.last_hash, ..*expected };

        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        if !swap_head(&tx, expected, &next).map_err(failed)? {
            return Err(AppendError::Moved { actual: read_head(&tx).map_err(failed)? });
        }
        for (entry, link) in entries.iter().zip(&links) {
            insert(&tx, entry, link)?;
        }
        match tx.commit() {
            Ok(()) => Ok(next),
            Err(error) if surely_not_committed(&error) => Err(failed(error)),
            Err(error) => {
                self.stopped = true;
                Err(AppendError::Unknown(error.into()))
            }
        }
    }

    fn read(&self, after: u64, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        read_entries(&self.conn, after, limit)
    }

    fn hash_at(&self, seq: u64) -> Result<Option<Digest>, LedgerError> {
        Ok(chain_up_to(&self.conn, seq).map_err(unread)?.map(|chain| chain.last_hash))
    }

    fn contains(&self, event_id: Uuid) -> Result<bool, LedgerError> {
        let mut select =
            self.conn.prepare_cached("SELECT 1 FROM entry WHERE event_id = ?1").map_err(unread)?;
        select.exists([event_id.as_bytes()]).map_err(unread)
    }
}

/// The chain up to entry `seq`; `None` when there is no such entry.
pub(super) fn chain_up_to(conn: &Connection, seq: u64) -> rusqlite::Result<Option<Chain>> {
    if seq == 0 {
        return Ok(Some(Chain::genesis(read_head(conn)?.incarnation)));
    }
    let mut select = conn.prepare_cached("SELECT hash FROM entry WHERE seq = ?1")?;
    let hash = select.query_row([store_int(seq)], |row| row.get(0)).optional()?;
    Ok(hash.map(|hash| Chain { last_seq: seq, last_hash: Digest::from_bytes(hash) }))
}

/// A page of entries, each checked against its hash and the one before it.
pub(super) fn read_entries(conn: &Connection, after: u64, limit: usize) -> Result<Vec<Entry>, LedgerError> {
    let Some(mut chain) = chain_up_to(conn, after).map_err(unread)? else { return Ok(Vec::new()) };
    let limit = limit.min(MAX_READ);
    let mut select = conn.prepare_cached(SELECT_ENTRIES).map_err(unread)?;
    let from_and_limit = (store_int(chain.next_seq()), store_int(limit as u64));
    let mut rows = select.query(from_and_limit).map_err(unread)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(unread)? {
        let stored = stored(row).map_err(unread)?;
        entries.push(chain.accept(&stored).map_err(LedgerError::Damaged)?);
    }
    Ok(entries)
}

/// A page of entries of one kind, each checked against its own hash: those between them are not read.
pub(super) fn read_of_kind(
    conn: &Connection,
    kind: &str,
    after: u64,
    limit: usize,
) -> Result<Vec<Entry>, LedgerError> {
    let mut select = conn.prepare_cached(SELECT_OF_KIND).map_err(unread)?;
    let limit = store_int(limit.min(MAX_READ) as u64);
    let mut rows = select.query((kind, store_int(after), limit)).map_err(unread)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(unread)? {
        let stored = stored(row).map_err(unread)?;
        entries.push(Chain::before(&stored).accept(&stored).map_err(LedgerError::Damaged)?);
    }
    Ok(entries)
}

pub(super) fn read_head(conn: &Connection) -> rusqlite::Result<Head> {
    let mut select = conn.prepare_cached("SELECT incarnation, seq, epoch, hash FROM head")?;
    select.query_row([], |row| {
        Ok(Head {
            incarnation: Uuid::from_bytes(row.get(0)?),
            seq: unsigned(row, 1)?,
            epoch: unsigned(row, 2)?,
            hash: Digest::from_bytes(row.get(3)?),
        })
    })
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// The columns of [`SELECT_ENTRIES`], as they are.
pub(super) fn stored<'row>(row: &'row Row<'_>) -> rusqlite::Result<Stored<'row>> {
    Ok(Stored {
        seq: row.get(0)?,
        event_id: bytes(row, 1)?,
        at: row.get(2)?,
        actor: bytes(row, 3)?,
        kind: bytes(row, 4)?,
        version: row.get(5)?,
        critical: row.get(6)?,
        body: bytes(row, 7)?,
        prev_hash: bytes(row, 8)?,
        hash: bytes(row, 9)?,
    })
}

/// Text as bytes too: damaged text need not be UTF-8, and its hash is what tells.
fn bytes<'row>(row: &'row Row<'_>, column: usize) -> rusqlite::Result<&'row [u8]> {
    match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(bytes),
        other @ (ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_)) => {
            Err(rusqlite::Error::InvalidColumnType(column, "entry".to_owned(), other.data_type()))
        }
    }
}

fn check_sizes(entries: &[NewEntry]) -> Result<(), AppendError> {
    match entries.iter().find(|entry| entry.body.len() > MAX_BODY_BYTES) {
        Some(entry) => Err(AppendError::TooLarge { event_id: entry.event_id, bytes: entry.body.len() }),
        None => Ok(()),
    }
}

fn swap_head(conn: &Connection, expected: &Head, next: &Head) -> rusqlite::Result<bool> {
    let swapped = conn.prepare_cached(SWAP_HEAD)?.execute((
        store_int(next.seq),
        next.hash.as_bytes(),
        store_int(expected.seq),
        store_int(expected.epoch),
        expected.hash.as_bytes(),
        expected.incarnation.as_bytes(),
    ))?;
    Ok(swapped == 1)
}

fn insert(conn: &Connection, entry: &NewEntry, link: &Link) -> Result<(), AppendError> {
    let mut insert = conn.prepare_cached(INSERT_ENTRY).map_err(failed)?;
    let inserted = insert.execute((
        link.seq,
        entry.event_id.as_bytes(),
        entry.at.0,
        &entry.actor,
        &entry.kind,
        entry.version,
        entry.critical,
        &entry.body,
        link.prev_hash.as_bytes(),
        link.hash.as_bytes(),
    ));
    match inserted {
        Ok(_) => Ok(()),
        Err(rusqlite::Error::SqliteFailure(error, _))
            if error.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE =>
        {
            Err(AppendError::Duplicate { event_id: entry.event_id })
        }
        Err(error) => Err(failed(error)),
    }
}

/// Whether a failed COMMIT left nothing behind. A full disk and a lock are met before the commit mark is written.
/// After any other error, a failed fsync above all, the mark may be on disk and count at the next start.
fn surely_not_committed(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

fn failed(error: rusqlite::Error) -> AppendError {
    AppendError::Failed(Cause::from(error))
}

pub(super) fn unread(error: rusqlite::Error) -> LedgerError {
    LedgerError::Store(Cause::from(error))
}
