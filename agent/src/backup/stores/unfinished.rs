//! Uploads in several parts that were begun: a store keeps the parts of one that nobody ended, and they cost money, and
//! no list of objects shows them. So each is written down before its first part is sent.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
pub(super) struct Unfinished {
    file: PathBuf,
    /// Several may be at it.
    writing: Arc<Mutex<()>>,
}

impl Unfinished {
    /// Of the database whose backups are in this directory.
    pub(super) fn of(parent: &Path) -> Self {
        Self { file: parent.join(FILE), writing: Arc::default() }
    }

    /// Adds one; it is on disk then.
    pub(super) fn add(&self, upload: &Upload) -> io::Result<()> {
        let _alone = self.alone();
        self.append(upload)
    }

    /// Takes out one that has come to its end. One that stays is looked for once more, and not found.
    pub(super) fn remove(&self, id: &str) {
        let _alone = self.alone();
        let done = self.read().and_then(|all| {
            let rest: Vec<_> = all.into_iter().filter(|upload| upload.id != id).collect();
            self.write(&rest)
        });
        if let Err(error) = done {
            tracing::warn!(%error, "the list of uploads could not be written");
        }
    }

    /// All that were begun and have not ended; a line that was cut off is of one whose parts were never sent.
    pub(super) fn all(&self) -> Vec<Upload> {
        self.read().unwrap_or_else(|error| {
            tracing::warn!(%error, "the list of uploads could not be read");
            Vec::new()
        })
    }

    fn read(&self) -> io::Result<Vec<Upload>> {
        match fs::read_to_string(&self.file) {
            Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// None is left, except these.
    pub(super) fn clear(&self, except: &[Upload]) -> io::Result<()> {
        let _alone = self.alone();
        self.write(except)
    }

    /// In place of the whole list, at once: a crash leaves the one or the other.
    fn write(&self, uploads: &[Upload]) -> io::Result<()> {
        if uploads.is_empty() {
            return match fs::remove_file(&self.file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        let lines: Vec<_> = uploads.iter().map(line).collect::<io::Result<_>>()?;
        let new = self.file.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(lines.concat().as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.file)
    }

    fn append(&self, upload: &Upload) -> io::Result<()> {
        let line = line(upload)?;
        let mut file = OpenOptions::new().create(true).append(true).open(&self.file)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(upload: &Upload) -> io::Result<String> {
    let mut line = serde_json::to_string(upload)?;
    line.push('\n');
    Ok(line)
}
