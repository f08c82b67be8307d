//! Opening the SQLite ledger: every entry is verified, and handed over for folding, in one pass.

use std::io;
use std::path::{Path, PathBuf};

use pgbelay_core::digest::Digest;
use rusqlite::{Connection, ErrorCode};

use super::chain::{Chain, Damage, store_int};
use super::file::{self, FormatError};
use super::lock::Lock;
use super::schema::{FORMAT, SCHEMA_VERSION};
use super::sqlite::{self, SqliteLedger};
use super::{Entry, Head};

/// The ledger was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no file.
    #[error("there is no ledger at {}", path.display())]
    Absent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Another process has it.
    #[error("the ledger {} is in use by another process: only one controller may run on it", path.display())]
    InUse {
        /// The ledger.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a pgbelay ledger, and was left as it is", path.display())]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// The file was made by a later pgbelay.
    #[error(
        "the ledger {} was written by a newer pgbelay (ledger version {found}; this one knows versions up to {known}): run that version",
        path.display()
    )]
    NewerSchema {
        /// The ledger.
        path: PathBuf,
        /// The version of the file.
        found: i32,
        /// The latest version that this program knows.
        known: i32,
    },
    /// What is in the file is not what was written.
    #[error(
        "the ledger {} is damaged: {damage}; move it and any -wal and -shm file beside it away, and restore the ledger file from a backup (pgbelay never repairs a ledger by itself)",
        path.display()
    )]
    Damaged {
        /// The ledger.
        path: PathBuf,
        /// What is wrong, and where.
        damage: Damage,
    },
    /// A file beside or above it could not be used.
    #[error("failed to use {}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// SQLite refused.
    #[error("failed to open the ledger {}", path.display())]
    Store {
        /// The ledger.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}

/// A place in a ledger: an entry and its hash. Entry 0 is the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The entry.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
}

/// A ledger that is locked and known to be one, and not read yet.
#[derive(Debug)]
pub struct Opening {
    path: PathBuf,
    // Before the lock, so that the file is closed while the lock is still held.
    conn: Connection,
    lock: Lock,
}

impl Opening {
    /// Takes the ledger at `path`, and changes nothing that it says.
    ///
    /// # Errors
    /// It is not there, not a ledger, or somebody else has it.
    pub fn begin(path: &Path) -> Result<Self, OpenError> {
        let path = path.canonicalize().map_err(|source| {
            let path = path.to_owned();
            if source.kind() == io::ErrorKind::NotFound {
                OpenError::Absent { path }
            } else {
                OpenError::Io { path, source }
            }
        })?;
        let lock = Lock::take(&path)?;
        Self::locked(path, lock)
    }

    pub(super) fn locked(path: PathBuf, lock: Lock) -> Result<Self, OpenError> {
        let store = |source| store_error(&path, source);
        let conn = file::connect(&path).map_err(store)?;
        FORMAT.check(&conn).map_err(|error| format_error(&path, error))?;
        file::use_wal(&conn).map_err(store)?;
        Ok(Self { path, conn, lock })
    }

    /// Where the ledger says that it ends.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn head(&self) -> Result<Head, OpenError> {
        read_head(&self.conn, &self.path)
    }

    /// The hash that entry `seq` says it has; its content is not looked at. `None`: it is not there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn hash_at(&self, seq: u64) -> Result<Option<Digest>, OpenError> {
        let chain = sqlite::chain_up_to(&self.conn, seq).map_err(|error| store_error(&self.path, error))?;
        Ok(chain.map(|chain| chain.last_hash))
    }

    /// Verifies the ledger and hands its entries to `each`, as [`SqliteLedger::open`] does. With `after`, only entries
    /// that follow that place, tied to its hash: neither what comes before it nor the structure of the file is looked
    /// at, and `LedgerReader::audit` has to do so.
    ///
    /// # Errors
    /// [`OpenError`], as the caller's own error type, or what `each` returned.
    pub fn finish<E>(
        mut self,
        after: Option<Place>,
        each: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<SqliteLedger, E>
    where
        E: From<OpenError>,
    {
        {
            let snapshot = self.conn.transaction().map_err(|source| store_error(&self.path, source))?;
            verify(&snapshot, &self.path, after, each)?;
        }
        raise_epoch(&self.conn).map_err(|source| store_error(&self.path, source))?;
        Ok(SqliteLedger::new(self.conn, self.lock))
    }
}

impl SqliteLedger {
    /// Opens a ledger, verifies every entry and hands each to `each`, in order: one pass for checking and folding.
    /// An entry that `each` sees is sound, but only `Ok` at the end says that the ledger as a whole is.
    /// `each` stops the opening with an error of its own. Opening raises the epoch.
    ///
    /// # Errors
    /// [`OpenError`], as the caller's own error type, or what `each` returned.
    pub fn open<E>(path: &Path, each: impl FnMut(Entry) -> Result<(), E>) -> Result<Self, E>
    where
        E: From<OpenError>,
    {
        Opening::begin(path)?.finish(None, each)
    }
}

/// Entry by entry first, because that can say which entry is damaged; then the structure as a whole, with the
/// index that finds an event id.
fn verify<E>(
    conn: &Connection,
    path: &Path,
    after: Option<Place>,
    each: impl FnMut(Entry) -> Result<(), E>,
) -> Result<(), E>
where
    E: From<OpenError>,
{
    let damaged = |damage| OpenError::Damaged { path: path.to_owned(), damage };
    let head = read_head(conn, path)?;
    let from = match after {
        Some(Place { seq, hash }) => Chain { last_seq: seq, last_hash: hash },
        None => Chain::genesis(head.incarnation),
    };
    let last = verify_entries(conn, (&head, from), path, each)?;
    if last != head.hash {
        return Err(damaged(Damage::HeadMismatch { seq: head.seq }).into());
    }
    if after.is_none() {
        check_structure(conn).map_err(damaged)?;
    }
    Ok(())
}

fn read_head(conn: &Connection, path: &Path) -> Result<Head, OpenError> {
    sqlite::read_head(conn).map_err(|error| OpenError::Damaged {
        path: path.to_owned(),
        damage: Damage::Structure { detail: format!("the head can't be read: {error}") },
    })
}

/// Returns the hash of the last entry.
fn verify_entries<E>(
    conn: &Connection,
    (head, mut chain): (&Head, Chain),
    path: &Path,
    mut each: impl FnMut(Entry) -> Result<(), E>,
) -> Result<Digest, E>
where
    E: From<OpenError>,
{
    let damaged = |damage| OpenError::Damaged { path: path.to_owned(), damage };
    let unreadable =
        |near, error: rusqlite::Error| damaged(Damage::Unreadable { near, detail: error.to_string() });
    let first = chain.next_seq();
    let mut statement = conn.prepare(sqlite::SELECT_ENTRIES).map_err(|error| unreadable(first, error))?;
    let mut rows = statement.query((store_int(first), -1)).map_err(|error| unreadable(first, error))?;
    while let Some(row) = rows.next().map_err(|error| unreadable(chain.next_seq(), error))? {
        let stored = sqlite::stored(row).map_err(|error| unreadable(chain.next_seq(), error))?;
        if chain.last_seq == head.seq {
            return Err(damaged(Damage::Extra { seq: stored.seq.unsigned_abs() }).into());
        }
        each(chain.accept(&stored).map_err(damaged)?)?;
    }
    if chain.last_seq < head.seq {
        return Err(damaged(Damage::Missing { seq: chain.next_seq() }).into());
    }
    Ok(chain.last_hash)
}

pub(super) fn check_structure(conn: &Connection) -> Result<(), Damage> {
    // Not quick_check: that does not compare the index with the table, and an entry that the index does not know
    // could be appended twice.
    let found = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    match found {
        Ok(answer) if answer == "ok" => Ok(()),
        Ok(detail) => Err(Damage::Structure { detail }),
        Err(error) => Err(Damage::Structure { detail: error.to_string() }),
    }
}

/// Whoever opens the ledger is its holder: should an earlier process still live, its lock file removed,
/// then its appends are refused.
fn raise_epoch(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute("UPDATE head SET epoch = epoch + 1", []).map(|_| ())
}

fn format_error(path: &Path, error: FormatError) -> OpenError {
    let path = path.to_owned();
    match error {
        FormatError::Foreign => OpenError::NotALedger { path },
        FormatError::Newer { found } => OpenError::NewerSchema { path, found, known: SCHEMA_VERSION },
        FormatError::Altered { detail } => OpenError::Damaged { path, damage: Damage::Structure { detail } },
        FormatError::Sql(source) => store_error(&path, source),
    }
}

fn store_error(path: &Path, source: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotALedger { path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse { path },
        Some(ErrorCode::DatabaseCorrupt) => {
            OpenError::Damaged { path, damage: Damage::Structure { detail: source.to_string() } }
        }
        _ => OpenError::Store { path, source },
    }
}
