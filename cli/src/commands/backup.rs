//! `pgbelay backup`: which backups there are, whether they are still whole, and which ones go.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_proto::wire::{
    JobView, ListBackupsRequest, ListBackupsResponse, VerifyBackupRequest, destination,
};

use crate::app::App;
use crate::backup_key;
use crate::client::Client;
use crate::commands::{job, restore};
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;
use crate::render;

mod prune;

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Show the backups, newest first
    List(ListArgs),
    /// Have the agent read a backup again, every part of it
    Verify(VerifyArgs),
    /// Restore the newest backup of each database into a scratch database, to see that they come back
    Drill(DrillArgs),
    /// Delete the backups that policy lets go, after showing them
    Prune(prune::PruneArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pgbelay backup list\n  pgbelay backup list --env production --output json"
)]
pub(crate) struct ListArgs {
    /// Only this database
    #[arg(long, short, value_name = "DATABASE")]
    database: Option<DatabaseName>,
    /// Only this environment
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
    /// The newest so many
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pgbelay backup drill --env staging\n  pgbelay backup drill --database orders-eu\n\nPolicy does it by \
                  itself: drill_every: 7d. Exit code 1: a backup did not come back, or was not drilled, as one whose key \
                  --identity does not open; the others are drilled all the same."
)]
pub(crate) struct DrillArgs {
    /// Only this database
    #[arg(long, short, value_name = "DATABASE")]
    database: Option<DatabaseName>,
    /// Only this environment
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
    /// The file of a private key (age) that encrypted backups are encrypted to; it stays on this machine
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  pgbelay backup verify 20261127T100001Z-r3-c7\n\nExit code 1: it is not whole; what is wrong \
                  with it is told, part by part. It is whole if one of its copies is; what is wrong with others is told as \
                  a warning."
)]
pub(crate) struct VerifyArgs {
    /// The backup, as `pgbelay backup list` calls it
    #[arg(value_name = "BACKUP")]
    id: String,
    /// Its database, where two have a backup of this name
    #[arg(long, short, value_name = "DATABASE")]
    database: Option<DatabaseName>,
    /// Restore it into a scratch database as well, and compare schema and rows
    #[arg(long)]
    restore: bool,
    /// For that, the file of a private key (age) that the backup is encrypted to; it stays on this machine
    #[arg(long, value_name = "FILE", requires = "restore")]
    identity: Option<PathBuf>,
}

pub(crate) async fn run(command: BackupCommand, app: &mut App) -> Result<ExitCode, CliError> {
    match command {
        BackupCommand::Prune(args) => prune::run(args, app).await,
        BackupCommand::List(args) => {
            let (limit, client) = (args.limit, app.connect().await?);
            let request = ListBackupsRequest {
                environment: args.env.map(String::from).unwrap_or_default(),
                database: args.database.map(String::from).unwrap_or_default(),
                ..ListBackupsRequest::default()
            };
            let listed = all(&client, request, limit as usize).await?;
            app.screen.present(&listed, render::backup::list);
            Ok(ExitCode::Done)
        }
        BackupCommand::Verify(args) => {
            let client = app.connect().await?;
            if args.restore {
                let database = match args.database {
                    Some(database) => database.to_string(),
                    None => database_of(&client, &args.id).await?,
                };
                let started = prove(&client, database, args.id, args.identity.as_deref()).await?;
                return job::follow(app, client, vec![started]).await;
            }
            let database = args.database.map(String::from).unwrap_or_default();
            let waiting = app.screen.spinner("the agent reads the backup");
            let read = client.verify_backup(VerifyBackupRequest { id: args.id, database }).await;
            drop(waiting);
            let entry = read?;
            app.screen.present(&entry, render::backup::verified);
            Ok(if entry.complete { ExitCode::Done } else { ExitCode::Failed })
        }
        BackupCommand::Drill(args) => drill(app, args).await,
    }
}

/// Starts a proof of each database's newest backup, and follows them.
async fn drill(app: &mut App, args: DrillArgs) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    let request = ListBackupsRequest {
        environment: args.env.map(String::from).unwrap_or_default(),
        database: args.database.map(String::from).unwrap_or_default(),
        newest: true,
        ..ListBackupsRequest::default()
    };
    let backups = all(&client, request, usize::MAX).await?.backups;
    if backups.is_empty() {
        return Err(CliError::usage("there is no backup to prove").hint("see them with pgbelay backup list"));
    }
    let identity = args.identity.as_deref();
    if let Some(path) = identity {
        backup_key::identities(path)?;
    }
    let (mut jobs, mut failed) = (Vec::new(), Vec::new());
    for backup in backups {
        let database = backup.database.clone();
        match prove(&client, backup.database, backup.id, identity).await {
            Ok(job) => jobs.push(job),
            Err(error) => {
                let is_of_others = is_of_others(error.kind);
                failed.push((database, error));
                if is_of_others {
                    break;
                }
            }
        }
    }
    if jobs.is_empty() {
        return Err(none_started(failed));
    }
    for (database, error) in &failed {
        let hint = error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        app.screen.note(&format!("{database}: {error}{hint}"));
    }
    let ended = job::follow(app, client, jobs).await?;
    Ok(if failed.is_empty() { ended } else { ExitCode::Failed })
}

/// Whether what kept one proof from being started keeps the next one, too.
const fn is_of_others(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Failed
        | ErrorKind::Usage
        | ErrorKind::Refused
        | ErrorKind::NotAllowed
        | ErrorKind::Approval => false,
        ErrorKind::Unknown | ErrorKind::Unreachable | ErrorKind::Internal | ErrorKind::Interrupted => true,
    }
}

/// Why no proof was started: for the only one, in its own words.
fn none_started(failed: Vec<(String, CliError)>) -> CliError {
    match <[(String, CliError); 1]>::try_from(failed) {
        Ok([(_, only)]) => only,
        Err(failed) => {
            let kind = failed.first().map_or(ErrorKind::Failed, |(_, first)| first.kind);
            let hint = failed.first().and_then(|(_, first)| first.hint.clone()).unwrap_or_default();
            let lines = failed.iter().map(|(database, error)| format!("{database}: {error}")).collect();
            CliError::new(kind, "no backup was drilled").with_details(lines).hint(hint)
        }
    }
}

async fn prove(
    client: &Client,
    database: String,
    backup: String,
    identity: Option<&Path>,
) -> Result<JobView, CliError> {
    let into = destination::Into::Scratch(destination::Scratch {});
    restore::start(client, restore::Wanted { database, backup, identity }, into).await
}

/// As many as are asked for, in as many answers as that takes.
async fn all(
    client: &Client,
    request: ListBackupsRequest,
    limit: usize,
) -> Result<ListBackupsResponse, CliError> {
    let mut all = ListBackupsResponse::default();
    loop {
        let wanted = u32::try_from(limit - all.backups.len()).unwrap_or(u32::MAX);
        let request = ListBackupsRequest { after: all.next, limit: wanted, ..request.clone() };
        let listed = client.list_backups(request).await?;
        let is_over = listed.backups.is_empty() || listed.next.is_empty();
        all.backups.extend(listed.backups);
        (all.left_off, all.next) = (listed.left_off, listed.next);
        if is_over || all.backups.len() >= limit {
            return Ok(all);
        }
    }
}

/// Whose backup it is.
async fn database_of(client: &Client, id: &str) -> Result<String, CliError> {
    let request = ListBackupsRequest { id: id.to_owned(), ..ListBackupsRequest::default() };
    let backups = client.list_backups(request).await?.backups;
    let mut of = backups.iter().map(|backup| backup.database.clone());
    match (of.next(), of.next()) {
        (Some(database), None) => Ok(database),
        (Some(_), Some(_)) => {
            Err(CliError::usage("two databases have a backup of this name: say which with --database"))
        }
        (None, _) => Err(CliError::usage(format!("there is no backup called {id}"))
            .hint("see them with pgbelay backup list")),
    }
}
