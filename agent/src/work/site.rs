//! What the agent works on, as the rest of the agent sees it: a database, and a place for its backups.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::x25519::Recipient;
use pgbelay_analysis::Catalog;
use pgbelay_core::command::{BackupOrder, Failure, FailureKind, Outcome, StepDone};
use pgbelay_core::database::Observation;
use pgbelay_core::digest::Digest;
use pgbelay_core::history::Table;
use pgbelay_core::job::{JobEnd, JobId, Restored};
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::{ExecutionSettings, Expectation};
use pgbelay_core::policy::Query;
use pgbelay_core::time::Span;
use pgbelay_proto::convert::{WireAdopt, WireCommand, WireJob, WireRehearse, WireRun, WireStep};
use pgbelay_proto::wire::Measured;
use tokio::sync::Mutex;

use crate::backup::stores::{self, Checked, Source};
use crate::backup::{self, BackupRequest, RehearsalRequest, RestoreRequest};
use crate::config::{BackupProgram, Config, Stores};
use crate::database::{self, Control, Target, Trust};
use crate::identity_files::IdentityFiles;
use crate::jobs::Kept;
use crate::state_dir::identity_in;
use crate::words;

use super::failed;

/// What the server's list of sessions calls a look whether it is there.
const NAME_OF_CHECK: &str = "pgbelay-agent heartbeat";

/// Why a question has no answer, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

impl NoAnswer {
    fn because(error: &(dyn std::error::Error + 'static)) -> Self {
        Self(words::line(error))
    }
}

/// Migrations to run, and what they need.
#[derive(Debug, Clone, Copy)]
pub struct RunRequest<'a> {
    /// The command that they are part of.
    pub command: &'a WireCommand,
    /// The steps and their circumstances.
    pub run: &'a WireRun,
    /// The SQL of every step.
    pub sql: &'a BTreeMap<Digest, String>,
}

/// What the agent works on. [`Postgres`] is the real one; tests of the agent's protocol have their own.
pub trait Site: Send + Sync + 'static {
    /// Reads the state of the database.
    fn inspect(&self) -> impl Future<Output = Result<Observation, NoAnswer>> + Send;
    /// Whether the database answers.
    fn check(&self) -> impl Future<Output = Result<(), NoAnswer>> + Send;
    /// Runs migrations.
    fn run(&self, request: RunRequest<'_>, control: Control<'_>) -> impl Future<Output = Outcome> + Send;
    /// Records migrations that are applied already.
    fn adopt(
        &self,
        command: &WireCommand,
        adopt: &WireAdopt,
        control: Control<'_>,
    ) -> impl Future<Output = Outcome> + Send;
    /// Tries migrations on a copy.
    fn rehearse(
        &self,
        command: &WireCommand,
        tried: (&WireRehearse, &BTreeMap<Digest, String>),
        control: Control<'_>,
    ) -> impl Future<Output = Outcome> + Send;
    /// Drops the copies that interrupted rehearsals left.
    fn drop_copies(&self) -> impl Future<Output = ()> + Send;
    /// Asks the policy's queries.
    fn verify(&self, queries: &[Query], control: Control<'_>) -> impl Future<Output = Outcome> + Send;
    /// Reads what an interrupted run did.
    fn recover(&self, command: &WireCommand) -> impl Future<Output = Result<Outcome, NoAnswer>> + Send;
    /// Takes a backup and verifies it.
    fn back_up(
        &self,
        command: &WireCommand,
        wanted: (&Expectation, &BackupOrder),
        control: Control<'_>,
    ) -> impl Future<Output = Outcome> + Send;
    /// Clears what interrupted backups left: this command's, of which nobody was told, and those of others.
    fn remove_leftovers(&self, command: &WireCommand) -> impl Future<Output = ()> + Send;
    /// Runs steps in a transaction that is rolled back.
    fn dry_run(
        &self,
        steps: &[WireStep],
        settings: &ExecutionSettings,
        sql: &BTreeMap<Digest, String>,
    ) -> impl Future<Output = (Vec<StepDone>, Option<Failure>)> + Send;
    /// Asks which extensions the server calls trusted, in the same order.
    fn trust(&self, extensions: &[String]) -> impl Future<Output = Result<Vec<Trust>, NoAnswer>> + Send;
    /// Counts the rows of tables and the values of columns.
    fn count_loss(
        &self,
        objects: &[(String, Option<String>)],
    ) -> impl Future<Output = Vec<Result<u64, String>>> + Send;
    /// Measures relations, and sees who holds locks on them.
    fn measure(&self, relations: &[String]) -> impl Future<Output = Result<Measured, NoAnswer>> + Send;
    /// Reads the history tables of other migration tools.
    fn history(&self) -> impl Future<Output = Result<Vec<Table>, NoAnswer>> + Send;
    /// Reads all copies of a backup again, which is said to be there, and in `copies`.
    fn verify_backup(
        &self,
        path: &Path,
        sha256: Digest,
        copies: &[String],
    ) -> impl Future<Output = Result<Checked, NoAnswer>> + Send;
    /// Restores a backup.
    fn restore(&self, job: &WireJob, control: Control<'_>) -> impl Future<Output = JobEnd> + Send;
    /// Clears what interrupted restores left, and tells what became of this one.
    fn recover_restore(
        &self,
        job: &JobId,
        kept: &Kept,
    ) -> impl Future<Output = Result<JobEnd, NoAnswer>> + Send;
    /// Looks at a backup without reading its parts; what is wrong with it.
    fn look_at_backup(
        &self,
        path: &Path,
        sha256: Digest,
    ) -> impl Future<Output = Result<Vec<String>, NoAnswer>> + Send;
    /// Deletes a backup. What is gone already is fine.
    fn delete_backup(&self, path: &Path, sha256: Digest)
    -> impl Future<Output = Result<(), NoAnswer>> + Send;
    /// Reads the schema, and then its fingerprint.
    fn catalog(&self) -> impl Future<Output = Result<(Catalog, Digest), NoAnswer>> + Send;
}

/// A PostgreSQL database and a directory for its backups.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// What the fleet calls the database.
    pub name: DatabaseName,
    /// How to reach it.
    pub target: Target,
    /// Where backups go.
    pub backup_dir: PathBuf,
    /// Where they go beside that.
    pub stores: Stores,
    /// Who alone can read them; nobody: they are not encrypted.
    pub encrypt_to: Vec<Recipient>,
    /// Where PostgreSQL's programs are; `None`: where they are usually found.
    pub pg_bin: Option<PathBuf>,
    /// What makes backups where policy says `method: command`.
    pub outside: Option<BackupProgram>,
    /// Where the key is that signs them.
    pub identity: IdentityFiles,
    /// Held by whoever makes or drops copies for rehearsals.
    pub copies: Arc<Mutex<()>>,
}

impl Postgres {
    /// What a configuration names.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            name: config.agent.name.clone(),
            target: config.database.clone(),
            backup_dir: config.migration.backup_dir.clone(),
            stores: config.stores.clone(),
            encrypt_to: config.encrypt_to.clone(),
            pg_bin: config.agent.pg_bin.clone(),
            outside: config.backup.clone(),
            identity: IdentityFiles::new(identity_in(&config.agent.state_dir), config.agent.name.clone()),
            copies: Arc::default(),
        }
    }
}

impl Postgres {
    /// A backup, and where copies of it may be.
    fn source<'a>(&'a self, path: &'a str, sha256: Digest, ca_pem: &'a str) -> Source<'a> {
        let Self { stores, backup_dir, name, .. } = self;
        Source { stores, dir: backup_dir, database: name, path, sha256, ca_pem }
    }

    /// Where a backup of this agent is, as it can be looked for: in the directory of its backups, or in its stores by the
    /// same name, where that directory is another one now, or is gone.
    fn place(&self, path: &Path) -> Result<String, NoAnswer> {
        let Err(why) = self.among_mine(path) else { return Ok(path.to_string_lossy().into_owned()) };
        let id = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.starts_with('.'));
        let of = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        let is_local = path.is_absolute() && of == Some(self.name.as_str());
        match (self.stores.all.first(), id) {
            (Some(store), Some(id)) if is_local => Ok(format!("{}/{}/{id}", store.url(), self.name)),
            (Some(_) | None, _) => Err(why),
        }
    }

    /// Whether a path is that of a backup of this agent: right below the directory of its own backups, and not one that
    /// is being made or deleted.
    fn among_mine(&self, path: &Path) -> Result<(), NoAnswer> {
        if let Some(url) = path.to_str().filter(|path| path.starts_with("s3://")) {
            return match self.source(url, Digest::of([]), "").is_in_a_store() {
                true => Ok(()),
                false => Err(NoAnswer(format!("{url} is not in a store of this agent (backup.stores)"))),
            };
        }
        let mine = self.backup_dir.join(self.name.as_str());
        // A volume that is not mounted looks like this: nothing can be said of what is on it.
        let mine = mine.canonicalize().map_err(|error| NoAnswer(format!("{}: {error}", mine.display())))?;
        let name = path.file_name().and_then(|name| name.to_str());
        let parent = path.parent().filter(|_| name.is_some_and(|name| !name.starts_with('.')));
        if parent.and_then(|parent| parent.canonicalize().ok()) == Some(mine) {
            return Ok(());
        }
        Err(NoAnswer(format!("{} is not among this agent's backups", path.display())))
    }
}

impl Site for Postgres {
    async fn inspect(&self) -> Result<Observation, NoAnswer> {
        Box::pin(database::inspect(&self.target)).await.map_err(|error| NoAnswer::because(&error))
    }

    async fn check(&self) -> Result<(), NoAnswer> {
        let session = Box::pin(database::connect(&self.target, NAME_OF_CHECK)).await;
        session.map_err(|error| NoAnswer::because(&error))?.close().await;
        Ok(())
    }

    async fn run(&self, request: RunRequest<'_>, control: Control<'_>) -> Outcome {
        let RunRequest { command, run, sql } = request;
        Box::pin(database::run(&self.target, command, run, sql, &control)).await
    }

    async fn adopt(&self, command: &WireCommand, adopt: &WireAdopt, control: Control<'_>) -> Outcome {
        Box::pin(database::adopt(&self.target, command, adopt, &control)).await
    }

    async fn rehearse(
        &self,
        command: &WireCommand,
        (rehearse, sql): (&WireRehearse, &BTreeMap<Digest, String>),
        control: Control<'_>,
    ) -> Outcome {
        let _held = tokio::select! {
            held = self.copies.lock() => held,
            () = control.cancel.cancelled() => {
                return Outcome::Cancelled { done: Vec::new(), observation: None };
            }
        };
        let request = RehearsalRequest { command, rehearse, sql, programs: self.pg_bin.as_deref() };
        Box::pin(backup::rehearse(&self.target, &request, &control)).await
    }

    async fn drop_copies(&self) {
        let dropped = backup::patiently(|| {
            Box::pin(async {
                let _held = self.copies.lock().await;
                backup::drop_copies(&self.target, &self.name).await
            })
        });
        if let Err(why) = dropped.await {
            tracing::warn!(
                why,
                "a copy of an interrupted rehearsal may still be there: the next one drops it"
            );
        }
    }

    async fn verify(&self, queries: &[Query], control: Control<'_>) -> Outcome {
        Box::pin(database::verify(&self.target, queries, &control)).await
    }

    async fn recover(&self, command: &WireCommand) -> Result<Outcome, NoAnswer> {
        let recovered = Box::pin(database::recover(&self.target, command)).await;
        recovered.map_err(|error| NoAnswer::because(&error))
    }

    async fn back_up(
        &self,
        command: &WireCommand,
        (expect, order): (&Expectation, &BackupOrder),
        control: Control<'_>,
    ) -> Outcome {
        // As it is now: it is renewed from time to time.
        let signer = match self.identity.load() {
            Ok((_, identity)) => identity.credentials,
            Err(error) => {
                let hint = "nothing was touched; put the agent's identity in order, then retry";
                let message = format!("the backup could not be signed: {}", words::line(&error));
                return failed(FailureKind::Backup, message, hint);
            }
        };
        let programs = self.pg_bin.as_deref();
        let outside = self.outside.as_ref();
        let stores = &self.stores;
        let (signer, encrypt_to) = (&signer, &self.encrypt_to);
        let request = BackupRequest { command, expect, order, programs, outside, signer, stores, encrypt_to };
        Box::pin(backup::back_up(&self.target, &self.backup_dir, &request, &control)).await
    }

    async fn verify_backup(
        &self,
        path: &Path,
        sha256: Digest,
        copies: &[String],
    ) -> Result<Checked, NoAnswer> {
        let said = [&[path.to_string_lossy().into_owned()], copies].concat();
        let path = self.place(path)?;
        let (_, identity) = self.identity.load().map_err(|error| NoAnswer::because(&error))?;
        let source = self.source(&path, sha256, &identity.credentials.ca_pem);
        Box::pin(stores::verify(&source, &said)).await.map_err(|error| NoAnswer::because(&error))
    }

    async fn restore(&self, job: &WireJob, control: Control<'_>) -> JobEnd {
        let failed = |message: String, hint: &str| JobEnd::Failed {
            message,
            hint: hint.to_owned(),
            problems: Vec::new(),
        };
        let path = match self.place(Path::new(&job.path)) {
            Ok(path) => path,
            Err(NoAnswer(why)) => return failed(why, "see where its backups are: pgbelay backup list"),
        };
        let job = &WireJob { path, ..job.clone() };
        let identity = match self.identity.load() {
            Ok((_, identity)) => identity,
            Err(error) => return failed(words::line(&error), "put the agent's identity in order"),
        };
        let request = RestoreRequest {
            job,
            name: &self.name,
            ca_pem: &identity.credentials.ca_pem,
            programs: self.pg_bin.as_deref(),
            stores: &self.stores,
            dir: &self.backup_dir,
        };
        Box::pin(backup::restore(&self.target, &request, &control)).await
    }

    async fn recover_restore(&self, job: &JobId, kept: &Kept) -> Result<JobEnd, NoAnswer> {
        let Kept { backup: id, into, .. } = kept;
        stores::forget_fetched(&self.backup_dir, &self.name);
        let mark = Box::pin(backup::recover(&self.target, &self.name, (job, id, into))).await;
        let mark = mark.map_err(NoAnswer)?;
        let Some(mark) = mark else {
            let why = "its agent was restarted; what it had made by then is removed".to_owned();
            return Ok(JobEnd::Interrupted { why });
        };
        let observation = if into.is_in_place() { Some(Box::new(self.inspect().await?)) } else { None };
        let note = "its agent was restarted before it could tell what it had compared".to_owned();
        Ok(JobEnd::Restored(Restored {
            location: mark.database,
            kept: mark.kept,
            counted: 0,
            sampled: 0,
            rows: 0,
            schema_doubt: None,
            notes: vec![note],
            took: Span(0),
            observation,
        }))
    }

    async fn look_at_backup(&self, path: &Path, sha256: Digest) -> Result<Vec<String>, NoAnswer> {
        let path = self.place(path)?;
        let (_, identity) = self.identity.load().map_err(|error| NoAnswer::because(&error))?;
        let source = self.source(&path, sha256, &identity.credentials.ca_pem);
        Box::pin(stores::look(&source)).await.map_err(|error| NoAnswer::because(&error))
    }

    async fn delete_backup(&self, path: &Path, sha256: Digest) -> Result<(), NoAnswer> {
        self.among_mine(path)?;
        let name = path.to_string_lossy();
        let source = self.source(&name, sha256, "");
        // The local copy last: while it is there, it can be asked for again.
        Box::pin(stores::remove(&source)).await.map_err(|error| NoAnswer::because(&error))?;
        match source.local() {
            Some(path) => backup::remove(&path, sha256).await.map_err(|error| NoAnswer::because(&error)),
            None => Ok(()),
        }
    }

    async fn remove_leftovers(&self, command: &WireCommand) {
        let untold = backup::ending(command);
        if let Err(error) = backup::remove_leftovers(&self.backup_dir, &self.name, Some(&untold)).await {
            tracing::warn!(error = words::line(&error), "what an interrupted backup left is still there");
        }
        let (stores, dir) = (&self.stores, &self.backup_dir);
        let removed = Box::pin(stores::remove_leftovers(stores, dir, &self.name, Some(&untold))).await;
        if removed > 0 {
            tracing::info!(removed, "what interrupted uploads had left in stores is removed");
        }
    }

    async fn dry_run(
        &self,
        steps: &[WireStep],
        settings: &ExecutionSettings,
        sql: &BTreeMap<Digest, String>,
    ) -> (Vec<StepDone>, Option<Failure>) {
        Box::pin(database::dry_run(&self.target, steps, settings, sql)).await
    }

    async fn trust(&self, extensions: &[String]) -> Result<Vec<Trust>, NoAnswer> {
        Box::pin(database::trust(&self.target, extensions)).await.map_err(|error| NoAnswer::because(&error))
    }

    async fn count_loss(&self, objects: &[(String, Option<String>)]) -> Vec<Result<u64, String>> {
        Box::pin(database::count_loss(&self.target, objects)).await
    }

    async fn measure(&self, relations: &[String]) -> Result<Measured, NoAnswer> {
        Box::pin(database::measure(&self.target, relations)).await.map_err(|error| NoAnswer::because(&error))
    }

    async fn history(&self) -> Result<Vec<Table>, NoAnswer> {
        Box::pin(database::history(&self.target)).await.map_err(|error| NoAnswer::because(&error))
    }

    async fn catalog(&self) -> Result<(Catalog, Digest), NoAnswer> {
        let read = Box::pin(database::catalog::read_and_look(&self.target)).await;
        let (catalog, seen) = read.map_err(|error| NoAnswer::because(&error))?;
        // Whoever knows the fingerprint from before can tell that the schema has not changed in between.
        Ok((catalog, seen.fingerprint))
    }
}
