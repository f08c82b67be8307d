//! Quick looks at backups, and having those deleted that were given up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use pgbelay_core::backup::{BackupId, KnownBackup, Looks};
use pgbelay_core::event::Actor;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::outstanding::{Effect, outstanding};
use pgbelay_core::request::Request as Ask;
use pgbelay_core::retention::newest_in_place_of;
use pgbelay_proto::wire::probe::{DeleteBackup, Kind, VerifyBackup};
use pgbelay_proto::wire::probe_answer::Answer;

use super::Services;
use super::probes::AT_ONCE;
use crate::clock;
use crate::fleet::ProbeError;

/// A look reads a manifest and asks for the sizes of files: a disk that takes longer is not there.
const LOOK_DEADLINE: Duration = Duration::from_secs(30);

/// Deleting is quick on most file systems, and minutes on some with many large files.
const DELETE_DEADLINE: Duration = Duration::from_secs(600);

impl Services {
    /// Has the agents look at backups, and writes down what is new. One after the other on each database.
    pub(super) async fn look_at_backups(&self, wanted: BTreeSet<(DatabaseName, BackupId)>) -> Looks {
        let mut by_database: BTreeMap<DatabaseName, Vec<BackupId>> = BTreeMap::new();
        for (database, backup) in wanted {
            by_database.entry(database).or_default().push(backup);
        }
        let looks = by_database.into_iter().map(|(database, backups)| self.look_there(database, backups));
        let looks: Vec<_> = futures_util::stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
        looks.into_iter().flatten().collect()
    }

    async fn look_there(&self, database: DatabaseName, backups: Vec<BackupId>) -> Looks {
        let mut looks = Looks::new();
        for backup in backups {
            let looked = self.look_at_backup(&database, &backup).await.map_err(|error| error.to_string());
            looks.insert((database.clone(), backup), looked);
        }
        looks
    }

    /// Has the agent look at a backup, and writes down what is new. One that is gone from the list is no concern here.
    ///
    /// # Errors
    /// Nobody could look, or it could not be written down.
    pub(crate) async fn look_at_backup(
        &self,
        database: &DatabaseName,
        backup: &BackupId,
    ) -> Result<(), ProbeError> {
        let state = self.controller.state().ok_or(ProbeError::Lost)?;
        let Ok(known) = state.backup(database, backup) else { return Ok(()) };
        let (path, sha256) = (known.backup.path.clone(), known.backup.sha256.to_string());
        let kind = Kind::VerifyBackup(VerifyBackup { path, sha256, quick: true, ..VerifyBackup::default() });
        let take = |answer| if let Answer::Backup(check) = answer { Some(check.problems) } else { None };
        let problems = self.probe(database, (kind, LOOK_DEADLINE), take).await?;
        let record = Ask::RecordLook { database: database.clone(), backup: backup.clone(), problems };
        self.put_down(record).await
    }

    /// Has the agent delete a backup that was given up, if it still may go: the backup that stays in its place is
    /// looked at first, because what was known of it may be old.
    ///
    /// # Errors
    /// It is not gone; why.
    pub(crate) async fn delete_backup(
        &self,
        database: &DatabaseName,
        backup: &BackupId,
    ) -> Result<(), ProbeError> {
        let state = self.controller.state().ok_or(ProbeError::Lost)?;
        let Ok(known) = state.backup(database, backup) else { return Ok(()) };
        let Some(stays) = newest_in_place_of(&state, known).map(|known| known.id().to_owned()) else {
            return Ok(());
        };
        self.look_at_backup(database, &stays).await?;
        let state = self.controller.state().ok_or(ProbeError::Lost)?;
        let wanted = Effect::DeleteBackup { database: database.clone(), backup: backup.clone() };
        let Ok(known) = state.backup(database, backup) else { return Ok(()) };
        let is_there = |known: &KnownBackup| known.id() == stays;
        // What was looked at is what it would be deleted for.
        if !outstanding(&state, clock::now()).contains(&wanted)
            || !newest_in_place_of(&state, known).is_some_and(is_there)
        {
            return Ok(());
        }
        let (path, sha256) = (known.backup.path.clone(), known.backup.sha256.to_string());
        let kind = Kind::DeleteBackup(DeleteBackup { path, sha256 });
        let take = |answer| matches!(answer, Answer::BackupDeleted(_)).then_some(());
        self.probe(database, (kind, DELETE_DEADLINE), take).await?;
        self.put_down(Ask::BackupGone { database: database.clone(), backup: backup.clone() }).await
    }

    async fn put_down(&self, record: Ask) -> Result<(), ProbeError> {
        let asked = self.controller.ask(Actor::Controller, record).await;
        asked.map(drop).map_err(|error| ProbeError::Failed(error.to_string()))
    }
}
