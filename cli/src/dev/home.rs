//! The directory of a throwaway fleet: everything that it writes is below it.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process::blocking_until;
use super::programs::Account;
use super::watchdog::Leave;

/// What is below holds keys and passwords.
const PRIVATE: u32 = 0o700;

/// Where PostgreSQL's account must pass through; what is below is closed by itself.
const PASSAGE: u32 = 0o711;

/// How long a directory may resist being removed: processes that have just ended still close their files.
const REMOVAL: Duration = Duration::from_secs(5);

/// A directory. A temporary one goes away with the value.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    leave: Leave,
}

/// Why there is no directory for a fleet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HomeError {
    /// It cannot be made.
    #[error("cannot make {}", path.display())]
    Make {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It is somebody's.
    #[error("{} is not empty; name a directory that is empty, or not there yet", path.display())]
    NotEmpty {
        /// Which.
        path: PathBuf,
    },
}

impl Home {
    /// The directory `dir`, which is made if it is not there; without it, a temporary one. With an account, that one
    /// can reach what it is given below.
    pub(crate) fn make(dir: Option<&Path>, account: Option<&Account>) -> Result<Self, HomeError> {
        let home = match dir {
            Some(dir) => Self { path: make_empty(dir)?, leave: Leave::Everything },
            None => {
                let made = tempfile::Builder::new().prefix("pgbelay-dev-").tempdir();
                let made = made.and_then(|dir| fs::canonicalize(dir.keep()));
                let failed = |source| HomeError::Make { path: std::env::temp_dir(), source };
                Self { path: made.map_err(failed)?, leave: Leave::Kept }
            }
        };
        let make = |source| HomeError::Make { path: home.path.clone(), source };
        let mode = if account.is_some() { PASSAGE } else { PRIVATE };
        fs::set_permissions(&home.path, fs::Permissions::from_mode(mode)).map_err(make)?;
        for name in ["agents", "logs"] {
            home.make_private(name)?;
        }
        Ok(home)
    }

    /// Makes a directory that only its owner can enter.
    pub(crate) fn make_private(&self, name: impl AsRef<Path>) -> Result<PathBuf, HomeError> {
        let path = self.path.join(name);
        let made = fs::DirBuilder::new().mode(PRIVATE).create(&path);
        made.map(|()| path.clone()).map_err(|source| HomeError::Make { path, source })
    }

    /// Where it is: absolute, without links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What becomes of it.
    pub(crate) fn leave(&self) -> Leave {
        self.leave
    }

    /// The log of a process.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.path.join("logs").join(format!("{name}.log"))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.leave == Leave::Everything {
            return;
        }
        blocking_until(REMOVAL, || match fs::remove_dir_all(&self.path) {
            Ok(()) => Some(()),
            Err(error) => (error.kind() == io::ErrorKind::NotFound).then_some(()),
        });
    }
}

fn make_empty(dir: &Path) -> Result<PathBuf, HomeError> {
    let make = |source| HomeError::Make { path: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(make)?;
    if fs::read_dir(dir).map_err(make)?.next().is_some() {
        return Err(HomeError::NotEmpty { path: dir.to_owned() });
    }
    fs::canonicalize(dir).map_err(make)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_directory_goes_away_and_a_named_one_stays() -> anyhow::Result<()> {
        let temporary = Home::make(None, None)?;
        let path = temporary.path().to_owned();
        fs::write(temporary.log("x"), "x")?;
        drop(temporary);
        assert!(!path.exists());

        let parent = tempfile::tempdir()?;
        let named = parent.path().join("a/b");
        drop(Home::make(Some(&named), None)?);
        assert!(named.join("logs").is_dir());
        let again = Home::make(Some(&named), None).unwrap_err().to_string();
        assert!(again.ends_with("is not empty; name a directory that is empty, or not there yet"), "{again}");
        Ok(())
    }
}
