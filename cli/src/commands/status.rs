//! `pgbelay status`: the fleet at a glance.

use clap::Args;
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_proto::wire::StatusRequest;

use super::Label;
use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;

const EXAMPLES: &str = "\
Examples:
  pgbelay status
  pgbelay status --env production -l region=eu
  pgbelay status orders-1 --output json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    /// Only this database
    #[arg(value_name = "DATABASE")]
    database: Option<DatabaseName>,
    /// Only this environment
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
    /// Only databases with this label; may be given several times, and all must hold
    #[arg(long = "label", short = 'l', value_name = "KEY=VALUE")]
    labels: Vec<Label>,
}

pub(crate) async fn run(args: StatusArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let request = StatusRequest {
        database: args.database.map(String::from).unwrap_or_default(),
        environment: args.env.map(String::from).unwrap_or_default(),
        labels: args.labels.iter().map(ToString::to_string).collect(),
    };
    let response = app.connect().await?.status(request).await?;
    app.screen.present(&response, render::status::status);
    Ok(ExitCode::Done)
}
