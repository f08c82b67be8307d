//! `pgbelay backup prune`: has the backups deleted that policy lets go, after it has shown them.

use clap::Args;
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_proto::wire::{BackupName, PruneBackupsRequest, PruneBackupsResponse};

use crate::app::App;
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;
use crate::render;

/// What has to be typed.
const ANSWER: &str = "yes";

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pgbelay backup prune --dry-run\n  pgbelay backup prune --env staging --yes\n\nWhat goes is \
                  what the policy's backup_retention lets go. The newest complete backup, the one that was read again \
                  and found whole last, and those that an open rollback window needs always stay."
)]
pub(crate) struct PruneArgs {
    /// Only this database
    #[arg(long, short, value_name = "DATABASE")]
    database: Option<DatabaseName>,
    /// Only this environment
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
    /// Show what would go and why the others stay, and delete nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Delete without asking
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(args: PruneArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    let look = PruneBackupsRequest {
        environment: args.env.map(String::from).unwrap_or_default(),
        database: args.database.map(String::from).unwrap_or_default(),
        dry_run: true,
        backups: Vec::new(),
    };
    let mut shown = client.prune_backups(look.clone()).await?;
    let backups = going(&shown);
    if args.dry_run || backups.is_empty() {
        shown.dry_run = args.dry_run;
        app.screen.present(&shown, render::backup::prune::judged);
        return Ok(ExitCode::Done);
    }
    let client = if args.yes {
        client
    } else {
        confirm(app, &shown)?;
        // While a person thinks, a connection may be forgotten by a firewall.
        client.again().await?
    };
    let waiting = app.screen.spinner("the agents delete the backups");
    let pruned = client.prune_backups(PruneBackupsRequest { dry_run: false, backups, ..look }).await;
    drop(waiting);
    app.screen.present(&pruned?, render::backup::prune::pruned);
    Ok(ExitCode::Done)
}

fn going(shown: &PruneBackupsResponse) -> Vec<BackupName> {
    let going = shown.backups.iter().filter(|backup| backup.fate == "goes");
    going.map(|backup| BackupName { database: backup.database.clone(), id: backup.id.clone() }).collect()
}

/// Shows what goes, and asks whoever is at the terminal.
fn confirm(app: &mut App, shown: &PruneBackupsResponse) -> Result<(), CliError> {
    let refused = |why: String| CliError::new(ErrorKind::Refused, "nothing was deleted").because(why);
    if !app.screen.is_interactive() {
        let why = "it was not confirmed, and there is no terminal to ask at".to_owned();
        return Err(refused(why).hint("see what would go with --dry-run; then run it with --yes"));
    }
    app.screen.note(&render::backup::prune::going(shown));
    let typed = app.screen.ask(&format!("Type {ANSWER} to delete them: "));
    let typed = typed.map_err(|error| refused(format!("the answer could not be read: {error}")))?;
    if typed.trim() == ANSWER {
        return Ok(());
    }
    Err(refused(format!("what was typed is not {ANSWER}")))
}
