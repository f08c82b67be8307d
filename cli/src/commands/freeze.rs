//! `pgbelay freeze` and `pgbelay unfreeze`: nothing begins, until it may again.

use clap::Args;
use pgbelay_core::name::EnvironmentName;
use pgbelay_proto::wire::{FreezeRequest, UnfreezeRequest};

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;

#[derive(Debug, Args)]
#[command(
    after_help = "What runs comes to its end. Rollouts are paused, and go on by themselves when the freeze is lifted.\n\nExample:\n  pgbelay freeze --env production --reason \"incident 4711\""
)]
pub(crate) struct FreezeArgs {
    /// Where [default: everywhere]
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
    /// Why; shown to everybody who waits, and kept on the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct UnfreezeArgs {
    /// The freeze of this environment [default: that of everything]
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
}

pub(crate) async fn freeze(args: FreezeArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let environment = args.env.map(String::from).unwrap_or_default();
    let request = FreezeRequest { environment, reason: args.reason };
    let freezes = app.connect().await?.freeze(request).await?;
    app.screen.present(&freezes, render::freeze::all);
    Ok(ExitCode::Done)
}

pub(crate) async fn unfreeze(args: UnfreezeArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let environment = args.env.map(String::from).unwrap_or_default();
    let freezes = app.connect().await?.unfreeze(UnfreezeRequest { environment }).await?;
    app.screen.present(&freezes, render::freeze::all);
    Ok(ExitCode::Done)
}
