//! `pgbelay token`: invites agents.

use clap::{Args, Subcommand};
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_proto::wire::CreateTokenRequest;

use super::Label;
use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;

const EXAMPLES: &str = "\
Example:
  pgbelay token create orders-1 --env staging -l region=eu

The token works once, for this name only, for ten minutes.";

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a join token for the agent of one database
    Create(CreateArgs),
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CreateArgs {
    /// The name that the database is to have in the fleet
    #[arg(value_name = "DATABASE")]
    database: DatabaseName,
    /// The environment that it belongs to
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: EnvironmentName,
    /// A label of the database; may be given several times
    #[arg(long = "label", short = 'l', value_name = "KEY=VALUE")]
    labels: Vec<Label>,
}

pub(crate) async fn run(command: TokenCommand, app: &mut App) -> Result<ExitCode, CliError> {
    let TokenCommand::Create(args) = command;
    let request = CreateTokenRequest {
        database: args.database.into(),
        environment: args.env.into(),
        labels: args.labels.into_iter().map(|label| (label.key, label.value)).collect(),
    };
    let response = app.connect().await?.create_token(request).await?;
    app.screen.present(&response, render::access::token);
    Ok(ExitCode::Done)
}
