//! Looking at a ledger that somebody else writes: for whoever reads much of it, and must not hold up the writer.

use std::path::Path;

use rusqlite::{Connection, InterruptHandle, OpenFlags};

use super::chain::Chain;
use super::file::{self, BUSY_TIMEOUT};
use super::open::check_structure;
use super::sqlite::{self, unread};
use super::{Cause, Damage, Entry, Head, LedgerError};

/// A connection that can only read. Each page is a statement of its own: nothing is held open between them.
#[derive(Debug)]
pub struct LedgerReader {
    conn: Connection,
}

impl LedgerReader {
    /// Opens the ledger at `path`, which this process has open for writing.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let conn = Connection::open_with_flags(path, flags)?;
            conn.busy_timeout(BUSY_TIMEOUT)?;
            conn.pragma_update(None, "trusted_schema", false)?;
            Ok(conn)
        };
        open()
            .map(|conn| Self { conn })
            .map_err(|error: rusqlite::Error| LedgerError::Store(Cause::from(error)))
    }

    /// Opens the ledger at `path` for [`LedgerReader::audit`]. Not read-only: SQLite then leaves the constraints out
    /// when it checks a file's structure. It refuses to write all the same.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn open_for_audit(path: &Path) -> Result<Self, LedgerError> {
        let conn = file::connect(path).map_err(unread)?;
        conn.pragma_update(None, "query_only", true).map_err(unread)?;
        Ok(Self { conn })
    }

    /// Where the ledger ends.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn head(&self) -> Result<Head, LedgerError> {
        sqlite::read_head(&self.conn).map_err(unread)
    }

    /// As [`Ledger::read`](super::Ledger::read).
    ///
    /// # Errors
    /// The entries cannot be read or were changed.
    pub fn read(&self, after: u64, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        sqlite::read_entries(&self.conn, after, limit)
    }

    /// Entries of one kind after another entry, the oldest first, at most `limit`. Each is checked against its own hash.
    ///
    /// # Errors
    /// The entries cannot be read or were changed.
    pub fn of_kind(&self, kind: &str, after: u64, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        sqlite::read_of_kind(&self.conn, kind, after, limit)
    }

    /// Checks every entry up to where the ledger ends now, from its beginning; `each` is called after each page with the
    /// last entry, and says whether to go on. Returns the head; `None`: it was ended by `each`.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub fn verify(&self, mut each: impl FnMut(&Entry) -> bool) -> Result<Option<Head>, LedgerError> {
        self.verify_pages(|page| page.last().is_none_or(&mut each))
    }

    fn verify_pages(&self, mut each: impl FnMut(&[Entry]) -> bool) -> Result<Option<Head>, LedgerError> {
        /// Entries of a page: a moment's work.
        const PAGE: usize = 2_000;
        let head = self.head()?;
        let mut last = Chain::genesis(head.incarnation);
        while last.last_seq < head.seq {
            let page = self.read(last.last_seq, PAGE)?;
            let Some((first, end)) = page.first().zip(page.last()) else {
                return Err(LedgerError::Damaged(Damage::Missing { seq: last.next_seq() }));
            };
            if first.prev_hash != last.last_hash {
                return Err(LedgerError::Damaged(Damage::ChainBroken { seq: first.seq }));
            }
            let at_head = page.iter().find(|entry| entry.seq == head.seq);
            if at_head.is_some_and(|entry| entry.hash != head.hash) {
                return Err(LedgerError::Damaged(Damage::HeadMismatch { seq: head.seq }));
            }
            last = Chain { last_seq: end.seq, last_hash: end.hash };
            if !each(&page) {
                return Ok(None);
            }
        }
        Ok(Some(head))
    }

    /// As [`LedgerReader::verify`], with the whole page for `each`, and then the structure of the file, as the opening of a ledger looks at it: that is
    /// one statement, and [`LedgerReader::interrupter`] can end it. `false`: it was ended.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub(crate) fn audit(&self, each: impl FnMut(&[Entry]) -> bool) -> Result<bool, LedgerError> {
        match self.verify_pages(each)? {
            None => Ok(false),
            Some(_) => check_structure(&self.conn).map(|()| true).map_err(LedgerError::Damaged),
        }
    }

    /// What ends a statement of this reader from another thread.
    pub(crate) fn interrupter(&self) -> InterruptHandle {
        self.conn.get_interrupt_handle()
    }
}
