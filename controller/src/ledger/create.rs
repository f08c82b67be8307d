//! Making an empty SQLite ledger.

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::SqliteLedger;
use super::chain::Chain;
use super::file;
use super::lock::Lock;
use super::open::{OpenError, Opening};
use super::schema::FORMAT;

/// No ledger was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is a file already; it was not touched.
    #[error("{} exists already, and was left as it is", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A former ledger's write-ahead log is still there, and SQLite would play it into the new ledger.
    #[error("{} belongs to a former ledger: move it away first", path.display())]
    Leftover {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be made.
    #[error("failed to make the ledger {}", path.display())]
    Io {
        /// The ledger.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// SQLite refused.
    #[error("failed to make the ledger {}", path.display())]
    Store {
        /// The ledger.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// It was made, but not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl SqliteLedger {
    /// Makes an empty ledger, readable by its owner only, in a directory that exists, and opens it.
    ///
    /// # Errors
    /// [`CreateError`]; a file that is there is never touched.
    pub fn create(path: &Path) -> Result<Self, CreateError> {
        let io = |source| CreateError::Io { path: path.to_owned(), source };
        let name = path.file_name().ok_or_else(|| io(io::ErrorKind::InvalidInput.into()))?;
        // Absolute, because SQLite would take a relative name that starts with "file:" for a URI.
        let path = file::directory_of(path).canonicalize().map_err(io)?.join(name);
        let lock = Lock::take(&path)?;
        make(&path)?;
        Ok(Opening::locked(path, lock)?.finish(None, |_| Ok::<(), OpenError>(()))?)
    }
}

/// Makes the file under another name first: a ledger that is there is whole, whenever the making was cut short.
fn make(path: &Path) -> Result<(), CreateError> {
    let io = |source| CreateError::Io { path: path.to_owned(), source };
    if path.symlink_metadata().is_ok() {
        return Err(CreateError::Exists { path: path.to_owned() });
    }
    let wal = file::beside(path, "-wal");
    if wal.symlink_metadata().is_ok() {
        return Err(CreateError::Leftover { path: wal });
    }
    let unfinished = file::beside(path, "-new");
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
        Ok(()) | Err(_) => {}
    }
    let made = file::private().create_new(true).open(&unfinished).map_err(io)?;
    write_empty(&unfinished).map_err(|source| CreateError::Store { path: path.to_owned(), source })?;
    made.sync_all().map_err(io)?;
    std::fs::rename(&unfinished, path).map_err(io)?;
    file::sync_directory_of(path).map_err(io)
}

fn write_empty(path: &Path) -> rusqlite::Result<()> {
    let mut conn = file::connect(path)?;
    let tx = conn.transaction()?;
    FORMAT.create(&tx)?;
    let incarnation = Uuid::new_v4();
    tx.execute(
        "INSERT INTO head (one, incarnation, seq, epoch, hash) VALUES (1, ?1, 0, 0, ?2)",
        (incarnation.as_bytes(), Chain::genesis(incarnation).last_hash.as_bytes()),
    )?;
    tx.commit()?;
    conn.close().map_err(|(_, error)| error)
}
