//! `pgbelay baseline`: takes migrations to be applied that no history tells of.

use clap::Args;
use pgbelay_core::migration::Version;
use pgbelay_core::name::{EnvironmentName, PlanId};
use pgbelay_proto::wire::BaselineGoal;
use pgbelay_proto::wire::create_plan_request::Goal;

use super::migrate::known_plan;
use super::plan::{SourceArgs, create_plan, push};
use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::run_plan::{RunArgs, run_plan};

const EXAMPLES: &str = "\
Examples:
  pgbelay baseline --env staging --version 012 --dry-run
  pgbelay baseline --env staging --version 012     012 and everything before it counts as applied

Nothing is run, and nothing is checked: docs/adopt.md.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_version_flag = true)]
pub(crate) struct BaselineArgs {
    /// The environment
    #[arg(long, short, value_name = "ENVIRONMENT", required_unless_present = "plan")]
    env: Option<EnvironmentName>,
    /// The last version that is applied
    #[arg(long, value_name = "VERSION", required_unless_present = "plan")]
    version: Option<Version>,
    /// Carry out this plan, for example one that has been approved
    #[arg(long, value_name = "PLAN", conflicts_with = "version")]
    plan: Option<PlanId>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    run: RunArgs,
}

pub(crate) async fn run(args: BaselineArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let (client, plan) = match (&args.plan, &args.env, &args.version) {
        (Some(plan), environment, _) => known_plan(app, (plan, environment.as_ref()), "baseline").await?,
        (None, Some(environment), Some(version)) => {
            let (client, release) = push(app, &args.source).await?;
            let goal = Goal::Baseline(BaselineGoal { release, version: version.to_string() });
            let plan = create_plan(app, &client, environment, goal).await?;
            (client, plan)
        }
        (None, ..) => {
            let message =
                "name an environment with --env and a version with --version, or a plan with --plan";
            return Err(CliError::usage(message));
        }
    };
    run_plan(app, client, plan, &args.run).await
}
