//! `pgbelay approve`: agrees to somebody else's plan.

use clap::Args;
use pgbelay_core::name::PlanId;
use pgbelay_proto::wire::ApproveRequest;

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;

const EXAMPLES: &str = "\
Examples:
  pgbelay plan p0a1b2c3d4e5f        look at it first
  pgbelay approve p0a1b2c3d4e5f";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ApproveArgs {
    /// The plan
    #[arg(value_name = "PLAN")]
    plan: PlanId,
}

pub(crate) async fn run(args: ApproveArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let plan = app.connect().await?.approve(ApproveRequest { plan: args.plan.into() }).await?;
    app.screen.present(&plan, render::plan::plan);
    Ok(ExitCode::Done)
}
