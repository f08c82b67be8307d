//! `pgbelay notify`: where the controller sends news, and whether it arrives.

use clap::{Args, Subcommand};
use pgbelay_proto::wire::{ListEndpointsRequest, TestEndpointsRequest};

use crate::app::App;
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;
use crate::render;

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Show the endpoints of the controller's file, how far each has come and what went wrong last
    List,
    /// Have the controller send a test message now, and say what the receivers answered
    Test(TestArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pgbelay notify test\n  pgbelay notify test ops\n\nExit code 1: a receiver did not take it."
)]
pub(crate) struct TestArgs {
    /// Only this endpoint
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

pub(crate) async fn run(command: NotifyCommand, app: &mut App) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    let args = match command {
        NotifyCommand::List => {
            let response = client.list_endpoints(ListEndpointsRequest {}).await?;
            app.screen.present(&response, render::notify::list);
            return Ok(ExitCode::Done);
        }
        NotifyCommand::Test(args) => args,
    };
    let request = TestEndpointsRequest { name: args.name.unwrap_or_default() };
    let response = client.test_endpoints(request).await?;
    app.screen.present(&response, render::notify::tested);
    let failed: Vec<_> =
        response.endpoints.iter().filter(|one| !one.delivered).map(|one| one.name.as_str()).collect();
    if failed.is_empty() {
        return Ok(ExitCode::Done);
    }
    Err(CliError::new(ErrorKind::Failed, format!("the test message did not arrive at {}", failed.join(", ")))
        .hint("see what the receiver answered, and the section notifications of the controller's file"))
}
