//! Uploads in several parts that were begun: a store keeps the parts of one that nobody ended, and they cost money, and
//! no list of objects shows them. So each is written down before its first part is sent.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The file, beside the backups of a database.
const FILE: &str = ".unfinished-uploads";

/// An upload that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) store: String,
    pub(super) key: String,
    pub(super) id: String,
}

/// Where they are written down.
#[derive(Debug, Clone)]
pub(super) struct Unfinished(PathBuf);

impl Unfinished {
    /// Of the database whose backups are in this directory.
    pub(super) fn of(parent: &Path) -> Self {
        Self(parent.join(FILE))
    }

    /// Adds one; it is on disk then.
    pub(super) fn add(&self, upload: &Upload) -> io::Result<()> {
        let mut line = serde_json::to_string(upload)?;
        line.push('\n');
        let mut file = OpenOptions::new().create(true).append(true).open(&self.0)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    }

    /// All that were begun since [`Self::clear`]; a line that was cut off is of one whose parts were never sent.
    pub(super) fn all(&self) -> Vec<Upload> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// None is left, except these.
    pub(super) fn clear(&self, except: &[Upload]) -> io::Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        except.iter().try_for_each(|upload| self.add(upload))
    }
}
