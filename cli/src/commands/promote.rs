//! `pgbelay promote`: the release that one environment carries, one environment further.

use clap::Args;
use pgbelay_core::name::EnvironmentName;
use pgbelay_proto::wire::create_plan_request::Goal;

use super::plan::create_plan;
use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::run_plan::{RunArgs, run_plan};

const EXAMPLES: &str = "\
Examples:
  pgbelay promote staging production
  pgbelay promote staging production --dry-run

The release is the one that every database of FROM carries. Files on this machine play no part.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PromoteArgs {
    /// The environment that has the release
    #[arg(value_name = "FROM")]
    from: EnvironmentName,
    /// The environment that is to get it
    #[arg(value_name = "TO")]
    to: EnvironmentName,
    #[command(flatten)]
    run: RunArgs,
}

pub(crate) async fn run(args: PromoteArgs, app: &mut App) -> Result<ExitCode, CliError> {
    if args.from == args.to {
        return Err(CliError::usage("an environment is promoted to another one, not to itself")
            .hint("pgbelay promote staging production"));
    }
    let client = app.connect().await?;
    let plan = create_plan(app, &client, &args.to, Goal::PromoteFrom(args.from.into())).await?;
    run_plan(app, client, plan, &args.run).await
}
