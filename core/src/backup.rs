//! Backups that agents have told of, and what became of looking at them again.

use serde::{Deserialize, Serialize};

use crate::command::Backup;
use crate::name::DatabaseName;
use crate::rollout::RolloutId;
use crate::time::Timestamp;

/// What a backup is called: the last part of its path.
pub type BackupId = String;

/// A backup that an agent has told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownBackup {
    /// Of which database.
    pub database: DatabaseName,
    /// For which rollout.
    pub rollout: RolloutId,
    /// Where it is, and its digest.
    pub backup: Backup,
    /// When it was told of.
    pub made_at: Timestamp,
    /// What was found when it was last read again.
    pub checked: Option<BackupCheck>,
    /// When it was last restored, and found to be what was backed up.
    pub restored_at: Option<Timestamp>,
}

/// What was found when a backup was read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupCheck {
    /// When.
    pub at: Timestamp,
    /// What is wrong with it, in words; nothing: it is whole.
    pub problems: Vec<String>,
}

impl KnownBackup {
    /// What it is called.
    #[must_use]
    pub fn id(&self) -> &str {
        id_of(&self.backup.path)
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
