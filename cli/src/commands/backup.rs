//! `pgbelay backup`: which backups there are, whether they are still whole, and which ones go.

use clap::{Args, Subcommand};
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_proto::wire::{ListBackupsRequest, VerifyBackupRequest};

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;

mod prune;

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Show the backups, newest first
    List(ListArgs),
    /// Have the agent read a backup again, every part of it
    Verify(VerifyArgs),
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
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  pgbelay backup verify 20261127T100001Z-r3-c7\n\nExit code 1: it is not whole; what is wrong \
                  with it is told, part by part."
)]
pub(crate) struct VerifyArgs {
    /// The backup, as `pgbelay backup list` calls it
    #[arg(value_name = "BACKUP")]
    id: String,
    /// Its database, where two have a backup of this name
    #[arg(long, short, value_name = "DATABASE")]
    database: Option<DatabaseName>,
}

pub(crate) async fn run(command: BackupCommand, app: &mut App) -> Result<ExitCode, CliError> {
    match command {
        BackupCommand::Prune(args) => prune::run(args, app).await,
        BackupCommand::List(args) => {
            let request = ListBackupsRequest {
                environment: args.env.map(String::from).unwrap_or_default(),
                database: args.database.map(String::from).unwrap_or_default(),
            };
            let response = app.connect().await?.list_backups(request).await?;
            app.screen.present(&response, render::backup::list);
            Ok(ExitCode::Done)
        }
        BackupCommand::Verify(args) => {
            let database = args.database.map(String::from).unwrap_or_default();
            let client = app.connect().await?;
            let waiting = app.screen.spinner("the agent reads the backup");
            let read = client.verify_backup(VerifyBackupRequest { id: args.id, database }).await;
            drop(waiting);
            let entry = read?;
            app.screen.present(&entry, render::backup::verified);
            Ok(if entry.complete { ExitCode::Done } else { ExitCode::Failed })
        }
    }
}
