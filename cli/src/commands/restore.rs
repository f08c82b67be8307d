//! `pgbelay restore`: a backup comes back.

use std::path::{Path, PathBuf};

use clap::Args;
use pgbelay_core::name::DatabaseName;
use pgbelay_proto::wire::{Destination, FindBackupRequest, JobView, StartJobRequest, destination};

use super::job;
use crate::app::App;
use crate::backup_key;
use crate::client::Client;
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;

const EXAMPLES: &str = "\
Examples:
  pgbelay restore orders-eu --backup latest
  pgbelay restore orders-eu --backup before:042 --into orders_looked_at
  pgbelay restore orders-eu --backup latest --tables orders,items
  pgbelay restore orders-eu --backup latest --in-place --cut-off app
  pgbelay restore orders-eu --backup latest --identity ~/backups.key    (an encrypted one)

What is restored is compared with the backup (schema, rows of each table) before it gets its name.
In place, the database that was there is kept as NAME_before_restore_TIME; drop it when nobody
needs it any more.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RestoreArgs {
    /// The database whose backup it is
    #[arg(value_name = "DATABASE")]
    database: DatabaseName,
    /// The backup: its name, latest, or before:VERSION for that of the run that applied a migration
    #[arg(long, short, value_name = "BACKUP")]
    backup: String,
    /// What the new database is called [default: DATABASE_restored]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["tables", "in_place"])]
    into: Option<String>,
    /// Only these tables, into a schema of the database itself
    #[arg(long, value_name = "TABLE,...", value_delimiter = ',', conflicts_with = "in_place")]
    tables: Vec<String>,
    /// That schema, which must not be there yet [default: restored]
    #[arg(long, value_name = "SCHEMA", requires = "tables")]
    schema: Option<String>,
    /// In place of the database, which is kept under another name
    #[arg(long)]
    in_place: bool,
    /// A role whose sessions may be ended for that
    #[arg(long, value_name = "ROLE", requires = "in_place")]
    cut_off: Vec<String>,
    /// Do not ask before a restore in place
    #[arg(long, requires = "in_place")]
    force: bool,
    /// The file of a private key (age) that an encrypted backup is encrypted to; it stays on this machine
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Return as soon as it has started
    #[arg(long)]
    detach: bool,
}

pub(crate) async fn run(args: RestoreArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    if args.in_place && !args.force {
        confirm(app, &args.database)?;
    }
    let wanted = Wanted {
        database: args.database.to_string(),
        backup: args.backup.clone(),
        identity: args.identity.as_deref(),
    };
    let started = start(&client, wanted, into(&args)).await?;
    if args.detach {
        app.screen.present(&started, crate::render::job::asked);
        return Ok(ExitCode::Done);
    }
    job::follow(app, client, vec![started]).await
}

/// A backup, and what opens it.
pub(super) struct Wanted<'a> {
    pub(super) database: String,
    /// Its name, latest, or before:VERSION.
    pub(super) backup: String,
    /// The file of an owner's private key.
    pub(super) identity: Option<&'a Path>,
}

/// Starts a job. If the backup is encrypted its own key is opened first, and goes with it.
pub(super) async fn start(
    client: &Client,
    wanted: Wanted<'_>,
    into: destination::Into,
) -> Result<JobView, CliError> {
    let Wanted { database, mut backup, identity } = wanted;
    let mut key = None;
    if let Some(path) = identity {
        let found = client.find_backup(FindBackupRequest { database: database.clone(), backup }).await?;
        backup = found.id;
        if !found.sealed_key.is_empty() {
            key = Some(backup_key::open(&found.sealed_key, path)?);
        }
    }
    client
        .start_job(StartJobRequest { database, backup, into: Some(Destination { into: Some(into) }), key })
        .await
}

fn into(args: &RestoreArgs) -> destination::Into {
    if args.in_place {
        return destination::Into::InPlace(destination::InPlace { cut_off: args.cut_off.clone() });
    }
    if !args.tables.is_empty() {
        let schema = args.schema.clone().unwrap_or_else(|| "restored".to_owned());
        return destination::Into::Tables(destination::SomeTables { tables: args.tables.clone(), schema });
    }
    let name = args.into.clone().unwrap_or_else(|| format!("{}_restored", args.database));
    destination::Into::NewDatabase(destination::NewDatabase { name })
}

/// What was written since the backup will not be in the database any more.
fn confirm(app: &mut App, database: &DatabaseName) -> Result<(), CliError> {
    let refused = |why: &str| {
        CliError::new(ErrorKind::Refused, "nothing was started: the restore in place was not confirmed")
            .because(why)
            .hint("run it from a terminal and type the database's name, or add --force")
    };
    if !app.screen.is_interactive() {
        return Err(refused("there is no terminal to ask at"));
    }
    app.screen.note(&format!(
        "Another database takes the place of {database}: what was written since the backup is not in it. The one that is \
         there now is kept under another name."
    ));
    let typed = app.screen.ask(&format!("Type {database} to go on: "));
    let typed = typed.map_err(|error| refused(&format!("the answer could not be read: {error}")))?;
    if typed.trim() == database.as_str() {
        Ok(())
    } else {
        Err(refused("what was typed is not the database's name"))
    }
}
