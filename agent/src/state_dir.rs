//! The directory that makes an agent the one that it is: identity, journal, instance id. One process at a time.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use crate::durable::{self, DurableError};

/// A state directory that this process holds; another process is turned away until this is dropped.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// The lock goes with the descriptor: no process that has died holds it.
    _lock: File,
}

/// Why the state directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// It can't be made or written to.
    #[error(transparent)]
    Unusable(#[from] DurableError),
    /// Another process is at it.
    #[error("the state directory {path} is in use: another pgbelay-agent runs with it")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
}

/// Where the identity is in a state directory.
pub(crate) fn identity_in(path: &Path) -> PathBuf {
    path.join("identity")
}

impl StateDir {
    /// Makes the directory if it is not there, and holds it.
    ///
    /// # Errors
    /// It can't be made, or somebody else holds it.
    pub fn open(path: &Path) -> Result<Self, StateDirError> {
        make(path)?;
        let lock_path = path.join("lock");
        let lock = File::options().write(true).create(true).truncate(false).open(&lock_path);
        let lock = lock.map_err(DurableError::of("open", &lock_path))?;
        match lock_soon(&lock) {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StateDirError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(DurableError::of("lock", &lock_path)(source).into()),
        }
    }

    /// Where the jobs are.
    #[must_use]
    pub fn jobs(&self) -> PathBuf {
        self.path.join("jobs")
    }

    /// Where the identity is.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        identity_in(&self.path)
    }

    /// Where the journal is.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    /// Where is kept what the controller told of its ledger.
    #[must_use]
    pub fn witness(&self) -> PathBuf {
        self.path.join("witness.json")
    }

    /// What tells this directory from a copy of its identity elsewhere; made at the first call.
    ///
    /// # Errors
    /// It can't be read or written.
    pub fn instance_id(&self) -> Result<String, StateDirError> {
        let path = self.path.join("instance-id");
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(DurableError::of("read", &path)(source).into())
            }
            Ok(_) | Err(_) => {
                let id = Uuid::new_v4().to_string();
                durable::write(&path, id.as_bytes())?;
                Ok(id)
            }
        }
    }
}

/// Locks a file. A process that is being started by whoever had the lock has it too, for the moment until it becomes
/// another program: that is waited for.
#[expect(
    clippy::disallowed_methods,
    reason = "the agent starts: there is nothing else for its runtime to do yet"
)]
fn lock_soon(lock: &File) -> Result<(), TryLockError> {
    const TRIES: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(50);
    for _ in 1..TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            done => return done,
        }
    }
    lock.try_lock()
}

/// Makes a directory that only its owner can enter.
pub(crate) fn make(path: &Path) -> Result<(), DurableError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(DurableError::of("create", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_and_one_instance_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let held = StateDir::open(&path).unwrap();
        assert!(matches!(StateDir::open(&path), Err(StateDirError::InUse { .. })));
        let id = held.instance_id().unwrap();
        assert_eq!(held.instance_id().unwrap(), id);
        drop(held);
        assert_eq!(StateDir::open(&path).unwrap().instance_id().unwrap(), id);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let error = StateDir::open(&file.join("state")).unwrap_err().to_string();
        assert!(error.contains("file/state"), "{error}");
    }
}
