//! Backups that agents have told of, and what became of looking at them again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::command::Backup;
use crate::database::Window;
use crate::migration::Version;
use crate::name::DatabaseName;
use crate::retention::Condemnation;
use crate::rollout::RolloutId;
use crate::state::State;
use crate::time::Timestamp;

/// What a backup is called: the last part of its path.
pub type BackupId = String;

/// Backups that an agent was asked to look at a moment ago: whether it could. What it found is on record.
pub type Looks = BTreeMap<(DatabaseName, BackupId), Result<(), String>>;

/// A backup that an agent has told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBackup {
    /// Of which database.
    pub database: DatabaseName,
    /// For which rollout.
    pub rollout: RolloutId,
    /// Where it is, and its digest.
    pub backup: Backup,
    /// When it was told of.
    pub made_at: Timestamp,
    /// What was found when all of it was last read again.
    pub checked: Option<BackupCheck>,
    /// When it was last restored, and found to be what was backed up.
    pub restored_at: Option<Timestamp>,
    /// What was found since by a quick look.
    pub looked: Option<BackupCheck>,
    /// Why it was given up; it is then being deleted.
    pub condemned: Option<Condemnation>,
}

/// What was found when a backup was read again, or looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupCheck {
    /// When.
    pub at: Timestamp,
    /// What is wrong with it, in words; nothing: it is whole.
    pub problems: Vec<String>,
    /// What is wrong with some of its copies while another one is whole, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl KnownBackup {
    /// What it is called.
    #[must_use]
    pub fn id(&self) -> &str {
        id_of(&self.backup.path)
    }

    /// What is wrong with it. A quick look does not see that the contents of a part were mended: what was read stands
    /// until all of it is read again.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        let bad = |check: &&BackupCheck| !check.problems.is_empty();
        let found = self.looked.as_ref().filter(bad).or(self.checked.as_ref().filter(bad));
        found.map(|check| check.problems.as_slice()).unwrap_or_default()
    }

    /// What was wrong with some of its copies when all of them were last read, while another one was whole.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        self.checked.as_ref().map(|check| check.notes.as_slice()).unwrap_or_default()
    }

    /// When it was last read again and found whole; `None` also when something was found wrong since.
    #[must_use]
    pub fn proven_at(&self) -> Option<Timestamp> {
        self.checked.as_ref().filter(|_| self.problems().is_empty()).map(|check| check.at)
    }

    /// Whether it is one that others may be deleted for.
    pub(crate) fn counts(&self) -> bool {
        self.condemned.is_none() && self.problems().is_empty()
    }

    /// Which of two is newer.
    pub(crate) fn order(&self) -> (Timestamp, &str) {
        (self.made_at, self.id())
    }
}

/// A backup that a rollback would rest on, and that is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{database}: the rollback window of migration {version} is open, but not usable: {why}")]
pub struct Unusable {
    /// The database.
    pub database: DatabaseName,
    /// The migration that was run after the backup.
    pub version: Version,
    /// The backup.
    pub backup: BackupId,
    /// What is wrong with it, in words.
    pub why: String,
}

/// Why the backup that a window rests on is of no use, wherever it is looked up; `None`: it is, or there is none because
/// policy said so.
pub fn fault<'k>(
    window: &Window,
    look_up: impl FnOnce(&BackupId) -> Option<&'k KnownBackup>,
) -> Option<String> {
    let id = window.backup.as_ref()?;
    let Some(known) = look_up(id) else { return Some(format!("backup {id} was deleted")) };
    if known.condemned.is_some() {
        return Some(format!("backup {id} is being deleted"));
    }
    let first = known.problems().first()?;
    Some(format!("backup {id}: {first}"))
}

impl State {
    /// The backups of a database, by name.
    pub fn backups_of(&self, database: &DatabaseName) -> impl Iterator<Item = &KnownBackup> {
        let from = (database.clone(), BackupId::new());
        let rest = self.backups.range(from..).map(|(_, known)| known.as_ref());
        let database = database.clone();
        rest.take_while(move |known| known.database == database)
    }

    /// Why the backup that a window rests on is of no use; `None`: it is, or there is none because policy said so.
    #[must_use]
    pub fn fault_of(&self, database: &DatabaseName, window: &Window) -> Option<String> {
        fault(window, |id| self.backups.get(&(database.clone(), id.clone())).map(AsRef::as_ref))
    }

    /// What makes the way back from a version useless.
    #[must_use]
    pub fn unusable(&self, database: &DatabaseName, version: &Version) -> Option<Unusable> {
        let window = self.databases.get(database)?.windows.get(version)?;
        let why = self.fault_of(database, window)?;
        let backup = window.backup.clone()?;
        Some(Unusable { database: database.clone(), version: version.clone(), backup, why })
    }
}

/// What the backup at a path is called.
pub(crate) fn id_of(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_called_by_the_end_of_its_path() {
        assert_eq!(id_of("/b/orders-1/20261127T100001Z-r3-c7"), "20261127T100001Z-r3-c7");
        assert_eq!(id_of("/b/orders-1/20261127T100001Z-r3-c7/"), "20261127T100001Z-r3-c7");
        assert_eq!(id_of("x"), "x");
    }
}
