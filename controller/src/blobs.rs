//! The blob store: SQL files by their SHA-256, beside the ledger.
//!
//! A blob is put before the entry that names it is appended, so that no entry names a blob that is not there.
//! One SQLite file rather than a file for each blob: a release of 500 files is one transaction with one fsync.
//! There is no deleting: what the ledger names stays.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pgbelay_core::digest::Digest;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};

use crate::ledger::file::{self, Format, FormatError};

/// The file's name in the controller's directory.
pub const FILE_NAME: &str = "blobs.sqlite";

/// The largest blob. Migrations are written and reviewed by people; bulk data does not belong in them.
pub const MAX_BLOB_BYTES: usize = 1024 * 1024;

/// "pgbb": marks the file as a blob store in SQLite's header.
const APPLICATION_ID: i32 = 0x7067_6262;
const SCHEMA_VERSION: i32 = 1;

const FORMAT: Format = Format {
    application_id: APPLICATION_ID,
    version: SCHEMA_VERSION,
    tables: &[(
        "blob",
        "CREATE TABLE blob (
  digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
  bytes BLOB NOT NULL
) STRICT",
    )],
};

// The text is under the digest of what is being put: should other bytes be there, they are damaged.
const PUT: &str = "INSERT INTO blob (digest, bytes) VALUES (?1, ?2) \
     ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes WHERE bytes IS NOT excluded.bytes";

/// A blob was not stored or not found.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Nothing was stored.
    #[error("a file of {bytes} bytes is too large: at most {MAX_BLOB_BYTES} bytes are stored")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// No blob has this digest.
    #[error("no file with the digest {digest} is stored")]
    Missing {
        /// The digest.
        digest: Digest,
    },
    /// The stored bytes are not those that were put.
    #[error(
        "the stored file {digest} is damaged: push the release that has it again, or restore {FILE_NAME} from a backup"
    )]
    Damaged {
        /// The digest.
        digest: Digest,
    },
    /// SQLite refused.
    #[error("failed to use the stored files")]
    Store(#[source] rusqlite::Error),
}

/// The blob store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum BlobOpenError {
    /// The file is something else.
    #[error("{} is not a pgbelay blob store, and was left as it is", path.display())]
    NotABlobStore {
        /// The file.
        path: PathBuf,
    },
    /// The file was made by a later pgbelay.
    #[error(
        "{} was written by a newer pgbelay (version {found}; this one knows versions up to {known}): run that version",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The version of the file.
        found: i32,
        /// The latest version that this program knows.
        known: i32,
    },
    /// The file's tables are not ours, or can't be read.
    #[error("{} is damaged: {detail}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The file could not be made.
    #[error("failed to make {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// SQLite refused.
    #[error("failed to open {}", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}

/// The blob store. Every call waits for the disk; callers share it behind an `Arc`.
#[derive(Debug)]
pub struct BlobStore {
    conn: Mutex<Connection>,
}

impl BlobStore {
    /// Opens the store in `directory`, which has to exist; makes it, readable by its owner only, if it is not there.
    ///
    /// # Errors
    /// [`BlobOpenError`]; a file that is something else is never touched.
    pub fn open(directory: &Path) -> Result<Self, BlobOpenError> {
        let path = directory.join(FILE_NAME);
        let io = |source| BlobOpenError::Io { path: path.clone(), source };
        // Absolute, because SQLite would take a relative name that starts with "file:" for a URI.
        let path = directory.canonicalize().map_err(io)?.join(FILE_NAME);
        let io = |source| BlobOpenError::Io { path: path.clone(), source };
        match file::private().create_new(true).open(&path) {
            Ok(_) => file::sync_directory_of(&path).map_err(io)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io(error)),
        }
        let conn = connect(&path).map_err(|error| open_error(path, error))?;
        Ok(Self { conn: Mutex::new(conn) })
    }

    /// Stores one blob; storing it again changes nothing. It is durable when this returns.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] or [`BlobError::Store`].
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, BlobError> {
        let digest = Digest::of(bytes);
        self.put_all([bytes]).map(|_| digest)
    }

    /// Stores all of the blobs or none, and returns their digests in the same order.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] or [`BlobError::Store`].
    pub fn put_all<'a>(&self, blobs: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Digest>, BlobError> {
        let mut conn = self.lock();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(BlobError::Store)?;
        let digests = blobs.into_iter().map(|bytes| put(&tx, bytes)).collect::<Result<_, _>>()?;
        tx.commit().map_err(BlobError::Store)?;
        Ok(digests)
    }

    /// The blob with this digest, exactly as it was put.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Damaged`] or [`BlobError::Store`].
    pub fn get(&self, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        let conn = self.lock();
        let mut select =
            conn.prepare_cached("SELECT bytes FROM blob WHERE digest = ?1").map_err(BlobError::Store)?;
        let found = select.query_row([digest.as_bytes()], |row| row.get::<_, Vec<u8>>(0)).optional();
        match found {
            Ok(Some(bytes)) if Digest::of(&bytes) == *digest => Ok(bytes),
            Ok(Some(_)) => Err(BlobError::Damaged { digest: *digest }),
            Ok(None) => Err(BlobError::Missing { digest: *digest }),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                Err(BlobError::Damaged { digest: *digest })
            }
            Err(error) => Err(BlobError::Store(error)),
        }
    }

    /// A thread that panicked left no half transaction behind: SQLite rolls back when it is dropped.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put(conn: &Connection, bytes: &[u8]) -> Result<Digest, BlobError> {
    if bytes.len() > MAX_BLOB_BYTES {
        return Err(BlobError::TooLarge { bytes: bytes.len() });
    }
    let digest = Digest::of(bytes);
    let mut insert = conn.prepare_cached(PUT).map_err(BlobError::Store)?;
    insert.execute((digest.as_bytes(), bytes)).map_err(BlobError::Store)?;
    Ok(digest)
}

fn connect(path: &Path) -> Result<Connection, FormatError> {
    let mut conn = file::connect(path)?;
    // Empty: just made, or the making was cut short before its one transaction.
    if conn.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0))? == 0 {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        FORMAT.create(&tx)?;
        tx.commit()?;
    }
    FORMAT.check(&conn)?;
    file::use_wal(&conn)?;
    Ok(conn)
}

fn open_error(path: PathBuf, error: FormatError) -> BlobOpenError {
    match error {
        FormatError::Foreign => BlobOpenError::NotABlobStore { path },
        FormatError::Newer { found } => BlobOpenError::NewerSchema { path, found, known: SCHEMA_VERSION },
        FormatError::Altered { detail } => BlobOpenError::Damaged { path, detail },
        FormatError::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            BlobOpenError::Damaged { path, detail: error.to_string() }
        }
        FormatError::Sql(source) => BlobOpenError::Store { path, source },
    }
}

#[cfg(test)]
mod tests;
