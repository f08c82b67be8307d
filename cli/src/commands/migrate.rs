//! `pgbelay migrate`: plans, asks, runs, watches.

use clap::Args;
use pgbelay_core::name::{EnvironmentName, PlanId};
use pgbelay_proto::wire::{GetPlanRequest, PlanView};

use super::plan::{SourceArgs, plan_release};
use crate::app::App;
use crate::client::Client;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;
use crate::run_plan::{RunArgs, run_plan};

const EXAMPLES: &str = "\
Examples:
  pgbelay migrate --env staging
  pgbelay migrate --env staging --dry-run     on the live databases, rolled back
  pgbelay migrate --env production --plan p0a1b2c3d4e5f
  pgbelay migrate --env staging --force --output json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MigrateArgs {
    /// The environment
    #[arg(long, short, value_name = "ENVIRONMENT", required_unless_present = "plan")]
    env: Option<EnvironmentName>,
    /// Carry out this plan, for example one that has been approved
    #[arg(long, value_name = "PLAN")]
    plan: Option<PlanId>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    run: RunArgs,
}

pub(crate) async fn run(args: MigrateArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let (client, plan) = match (&args.plan, &args.env) {
        (Some(plan), environment) => known_plan(app, (plan, environment.as_ref()), "migrate").await?,
        (None, Some(environment)) => plan_release(app, environment, &args.source).await?,
        (None, None) => return Err(CliError::usage("name an environment with --env, or a plan with --plan")),
    };
    run_plan(app, client, plan, &args.run).await
}

/// A plan that was made before, for the command that carries out plans of its purpose.
pub(super) async fn known_plan(
    app: &App,
    (id, environment): (&PlanId, Option<&EnvironmentName>),
    command: &str,
) -> Result<(Client, PlanView), CliError> {
    let client = app.connect().await?;
    let plan = client.get_plan(GetPlanRequest { plan: id.to_string() }).await?;
    if environment.is_some_and(|named| named.as_str() != plan.environment) {
        let message = format!("plan {id} is for {}, and --env says otherwise", plan.environment);
        return Err(CliError::usage(message).hint(render::plan::run(&plan)));
    }
    if render::plan::command(&plan) != command {
        let what = render::plan::purpose(&plan);
        let message = format!("plan {id} {what}: {command} does not run it");
        return Err(CliError::usage(message).hint(render::plan::run(&plan)));
    }
    Ok((client, plan))
}
