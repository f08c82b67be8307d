//! `pgbelay resolve`: says whether a statement that was cut off took effect.

use clap::Args;
use pgbelay_core::migration::Version;
use pgbelay_core::name::DatabaseName;
use pgbelay_proto::wire::ResolveRequest;

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("word").required(true).args(["done", "not_done"]))]
pub(crate) struct ResolveArgs {
    /// The database
    #[arg(value_name = "DATABASE")]
    database: DatabaseName,
    /// The migration with the statement
    #[arg(id = "migration", value_name = "VERSION")]
    version: Version,
    /// It took effect: the run goes on after it
    #[arg(long)]
    done: bool,
    /// It did not: the run goes on with it
    #[arg(long)]
    not_done: bool,
    /// How you know; kept with the event
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(crate) async fn run(args: ResolveArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    let (database, version) = (args.database.to_string(), args.version.to_string());
    let request = ResolveRequest { database, version, done: args.done, reason: args.reason };
    let resolved = client.resolve(request).await?;
    app.screen.present(&resolved, render::rollout::resolved);
    Ok(ExitCode::Done)
}
