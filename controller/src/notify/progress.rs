//! How far an endpoint has come, on disk: what was delivered is not sent again after a restart, and what was not is.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use pgbelay_core::time::Timestamp;
use pgbelay_core::witness::Incarnation;
use serde::{Deserialize, Serialize};

use crate::ledger::file;

/// How far an endpoint has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// In which ledger; `None`: nothing is known yet.
    pub(super) ledger: Option<Incarnation>,
    /// Everything up to this entry was delivered, or is not for it.
    pub(super) cursor: u64,
    /// When something was delivered last.
    pub(super) delivered_at: Option<Timestamp>,
    /// Since when nothing can be delivered; `None`: the last try went well.
    pub(super) failing_since: Option<Timestamp>,
    /// Why the last try did not.
    pub(super) last_error: String,
    /// How often it was skipped ahead.
    pub(super) skips: u32,
    /// What was skipped, as long as it was not told.
    pub(super) skipped: Option<Skipped>,
}

/// Entries of which nothing was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Skipped {
    /// Those after this one.
    pub(super) after: u64,
    /// Up to this one.
    pub(super) up_to: u64,
    /// Since when the endpoint had failed.
    pub(super) since: Timestamp,
}

/// Where it is kept.
#[derive(Debug, Clone)]
pub(super) struct ProgressFile(PathBuf);

impl ProgressFile {
    /// The file of an endpoint. Its name has been checked: it is no path.
    pub(super) fn of(directory: &Path, name: &str) -> Self {
        Self(directory.join("notifications").join(format!("{name}.json")))
    }

    /// What is there. Without it, an endpoint begins with what happens from here on.
    pub(super) fn read(&self) -> io::Result<Progress> {
        match fs::read(&self.0) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Progress::default()),
            Err(error) => Err(error),
        }
    }

    /// Replaces it. When this returns, it survives a crash.
    pub(super) fn write(&self, progress: &Progress) -> io::Result<()> {
        let new = file::beside(&self.0, ".new");
        fs::create_dir_all(file::directory_of(&self.0))?;
        let mut written = file::private().create(true).truncate(true).open(&new)?;
        written.write_all(&serde_json::to_vec(progress)?)?;
        written.sync_all()?;
        fs::rename(&new, &self.0)?;
        file::sync_directory_of(&self.0)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}
