//! `pgbelay history`: what was done, newest first.

use clap::Args;
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_proto::wire::HistoryRequest;

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;

const EXAMPLES: &str = "\
Examples:
  pgbelay history
  pgbelay history --env production --limit 200
  pgbelay history --database orders-1 --output json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct HistoryArgs {
    /// Only this database
    #[arg(long, short, value_name = "DATABASE")]
    database: Option<DatabaseName>,
    /// Only this environment
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
    /// How many entries
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

pub(crate) async fn run(args: HistoryArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let request = HistoryRequest {
        database: args.database.map(String::from).unwrap_or_default(),
        environment: args.env.map(String::from).unwrap_or_default(),
        limit: args.limit,
    };
    let response = app.connect().await?.history(request).await?;
    app.screen.present(&response, render::history::history);
    Ok(ExitCode::Done)
}
