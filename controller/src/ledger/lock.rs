//! One process for each ledger: a lock that the system takes back when the process ends, however it ends.
//!
//! The lock is on a file beside the ledger. Not on the ledger itself: closing any descriptor of a file drops
//! the locks that SQLite holds on it in the same process.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::file;
use super::open::OpenError;

/// Held as long as the ledger is open.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Takes the lock of the ledger at `path`, or says that somebody has it.
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let lock_path = file::beside(path, "-lock");
        let io = |source| OpenError::Io { path: lock_path.clone(), source };
        let file = file::private().create(true).truncate(false).open(&lock_path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would do, unless a child that is being started has inherited the descriptor until its exec.
        let _ = self.0.unlock();
    }
}
