//! What was begun in stores and is no backup yet: copies whose place is claimed, and uploads in several parts. A store
//! keeps the parts of one that nobody ended, and they cost money, and no list of objects shows them. So each is written
//! down before its first part is sent, and a copy as soon as it is claimed: what is written down is this agent's own.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// The file, beside the backups of a database.
const FILE: &str = ".unfinished-uploads";

/// Something that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Entry {
    Upload(Upload),
    Claim(Claim),
}

/// An upload that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) store: String,
    pub(super) key: String,
    pub(super) id: String,
}

/// A copy whose place was claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    pub(super) store: String,
    /// What the backup is called.
    pub(super) backup: String,
    /// There is no such backup: the copy goes, also if it is whole.
    #[serde(default)]
    pub(super) given_up: bool,
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

    /// Adds one, once; it is on disk then.
    pub(super) fn add(&self, entry: &Entry) -> io::Result<()> {
        let _alone = self.alone();
        let mut all = self.read()?;
        if all.contains(entry) {
            return Ok(());
        }
        all.push(entry.clone());
        self.write(&all)
    }

    /// Takes out what has come to its end. What stays is looked for once more, and not found.
    pub(super) fn forget(&self, has_ended: impl Fn(&Entry) -> bool) {
        self.change(|all| all.retain(|entry| !has_ended(entry)));
    }

    /// Writes down that a copy is of no use.
    pub(super) fn give_up(&self, store: &str, backup: &str) {
        let claim =
            |given_up| Entry::Claim(Claim { store: store.to_owned(), backup: backup.to_owned(), given_up });
        self.change(|all| {
            all.retain(|entry| *entry != claim(false) && *entry != claim(true));
            all.push(claim(true));
        });
    }

    fn change(&self, how: impl FnOnce(&mut Vec<Entry>)) {
        let _alone = self.alone();
        let done = self.read().and_then(|before| {
            let mut all = before.clone();
            how(&mut all);
            if all == before { Ok(()) } else { self.write(&all) }
        });
        if let Err(error) = done {
            tracing::warn!(%error, "the list of uploads could not be written");
        }
    }

    /// The uploads to a store that were begun and have not ended.
    pub(super) fn uploads(&self, store: &str) -> Vec<Upload> {
        let all = self.all().into_iter().filter_map(|entry| match entry {
            Entry::Upload(upload) => Some(upload),
            Entry::Claim(_) => None,
        });
        all.filter(|upload| upload.store == store).collect()
    }

    /// The copies in a store that were claimed, and of which no backup came.
    pub(super) fn claims(&self, store: &str) -> Vec<Claim> {
        let all = self.all().into_iter().filter_map(|entry| match entry {
            Entry::Claim(claim) => Some(claim),
            Entry::Upload(_) => None,
        });
        all.filter(|claim| claim.store == store).collect()
    }

    fn all(&self) -> Vec<Entry> {
        self.read().unwrap_or_else(|error| {
            tracing::warn!(%error, "the list of uploads could not be read");
            Vec::new()
        })
    }

    fn read(&self) -> io::Result<Vec<Entry>> {
        match fs::read_to_string(&self.file) {
            Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// In place of the whole list, at once: a crash leaves the one or the other.
    fn write(&self, entries: &[Entry]) -> io::Result<()> {
        if entries.is_empty() {
            return match fs::remove_file(&self.file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        let lines: Vec<_> = entries.iter().map(line).collect::<io::Result<_>>()?;
        let new = self.file.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(lines.concat().as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.file)
    }

    fn alone(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(entry: &Entry) -> io::Result<String> {
    let mut line = serde_json::to_string(entry)?;
    line.push('\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_left_of_a_line_hides_nothing_that_comes_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let unfinished = Unfinished::of(dir.path());
        let claim = |id: &str| Claim { store: "s3://b".into(), backup: id.into(), given_up: false };
        unfinished.add(&Entry::Claim(claim("a"))).unwrap();
        let mut text = fs::read_to_string(dir.path().join(FILE)).unwrap();
        text.push_str("{\"store\":\"s3:");
        fs::write(dir.path().join(FILE), text).unwrap();
        unfinished.add(&Entry::Claim(claim("b"))).unwrap();
        assert_eq!(unfinished.claims("s3://b"), [claim("a"), claim("b")]);
        unfinished.forget(|_| true);
        assert!(!dir.path().join(FILE).exists());
    }
}
