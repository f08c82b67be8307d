//! `pgbelay rollback`: takes migrations back, and says first what that would destroy.

use std::fmt;
use std::str::FromStr;

use clap::Args;
use pgbelay_core::migration::{Version, VersionError};
use pgbelay_core::name::EnvironmentName;
use pgbelay_proto::wire::create_plan_request::Goal;

use super::plan::create_plan;
use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::run_plan::{RunArgs, run_plan};

const EXAMPLES: &str = "\
Examples:
  pgbelay rollback --env staging --target 005 --dry-run
  pgbelay rollback --env staging --target 005     005 stays, everything after it is taken back
  pgbelay rollback --env staging --target base    everything is taken back";

/// Everything is taken back.
const BASE: &str = "base";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RollbackArgs {
    /// The environment
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: EnvironmentName,
    /// The version that stays as the highest; base: none stays
    #[arg(long, value_name = "VERSION|base")]
    target: Target,
    #[command(flatten)]
    run: RunArgs,
}

/// How far back.
#[derive(Debug, Clone)]
enum Target {
    Base,
    Version(Version),
}

impl FromStr for Target {
    type Err = VersionError;
    fn from_str(text: &str) -> Result<Self, VersionError> {
        if text == BASE { Ok(Self::Base) } else { text.parse().map(Self::Version) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str(BASE),
            Self::Version(version) => version.fmt(f),
        }
    }
}

pub(crate) async fn run(args: RollbackArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    let plan = create_plan(app, &client, &args.env, Goal::RollbackTo(args.target.to_string())).await?;
    run_plan(app, client, plan, &args.run).await
}
