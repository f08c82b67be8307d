//! `pgbelay plan`: pushes a release and shows what it would do; or shows a plan that was made before.

use std::path::{Path, PathBuf};

use clap::Args;
use pgbelay_analysis::Options;
use pgbelay_core::name::{EnvironmentName, PlanId};
use pgbelay_core::origin::Layout;
use pgbelay_proto::wire::create_plan_request::Goal;
use pgbelay_proto::wire::{CreatePlanRequest, GetPlanRequest, PlanView};

use crate::app::App;
use crate::args::{LayoutArgs, Output, table_json_or_dot};
use crate::client::Client;
use crate::commands::graph;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::{migrations, render};

const EXAMPLES: &str = "\
Examples:
  pgbelay plan --env staging
  pgbelay plan --env staging --migrations db/migrations --output json
  pgbelay plan --env staging --migrations db/migrate --layout sqlx
  pgbelay plan --graph           which migration stands on which: what goes first when one is taken back
  pgbelay plan --graph --output dot | dot -Tsvg > migrations.svg
  pgbelay plan p0a1b2c3d4e5f     show a plan again, for example to approve it";

/// Where migrations are, unless the command line says otherwise.
const DEFAULT_DIR: &str = "migrations";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlanArgs {
    /// Show this plan, and make none
    #[arg(value_name = "PLAN", conflicts_with_all = ["env", "migrations", "layout"], required_unless_present_any = ["env", "graph"])]
    plan: Option<PlanId>,
    /// Plan for this environment
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
    /// Show which of ./migrations stand on which, and plan nothing; needs no controller
    #[arg(long, conflicts_with_all = ["env", "plan"])]
    graph: bool,
    /// Tables for people, or JSON for programs (docs/json.md); with --graph also for Graphviz
    #[arg(long, short, value_parser = table_json_or_dot(), value_name = "FORMAT", default_value = "table")]
    output: Output,
    #[command(flatten)]
    source: SourceArgs,
}

/// Where the migrations are.
#[derive(Debug, Clone, Args)]
pub(crate) struct SourceArgs {
    /// The directory with the migrations
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
    pub(crate) migrations: PathBuf,
    #[command(flatten)]
    pub(crate) layout: LayoutArgs,
}

pub(crate) async fn run(args: PlanArgs, app: &mut App) -> Result<ExitCode, CliError> {
    if args.graph {
        return graph::show(
            (&[args.source.migrations], args.source.layout.layout),
            Options::default(),
            args.output,
            app,
        );
    }
    if args.output == Output::Dot {
        return Err(graph::without_graph());
    }
    let plan = match (args.plan, args.env) {
        (Some(plan), _) => app.connect().await?.get_plan(GetPlanRequest { plan: plan.into() }).await?,
        (None, Some(environment)) => {
            let (_, plan) = plan_release(app, &environment, &args.source).await?;
            plan
        }
        (None, None) => return Err(CliError::usage("name an environment with --env, or a plan")),
    };
    app.screen.present(&plan, render::plan::plan);
    Ok(ExitCode::Done)
}

/// Pushes the migrations of a directory and plans them for an environment.
pub(super) async fn plan_release(
    app: &mut App,
    environment: &EnvironmentName,
    source: &SourceArgs,
) -> Result<(Client, PlanView), CliError> {
    let (client, release) = push(app, source).await?;
    let plan = create_plan(app, &client, environment, Goal::Release(release)).await?;
    Ok((client, plan))
}

/// Pushes the migrations of a directory; the digest of the release.
pub(super) async fn push(app: &mut App, source: &SourceArgs) -> Result<(Client, String), CliError> {
    let migrations = migrations::read(&source.migrations, source.layout.layout)?;
    note_layout(app, &source.migrations, migrations.layout);
    let client = app.connect().await?;
    let _waiting = app.screen.spinner("pushing the release");
    let release = client.push_release(migrations).await?;
    Ok((client, release.release))
}

/// Says whose layout was read, where it is not the plain one.
pub(super) fn note_layout(app: &mut App, directory: &Path, layout: Layout) {
    if !layout.is_plain() {
        app.screen.note(&format!("{} is read as a directory of {layout}", directory.display()));
    }
}

/// Makes a plan: every agent is asked what its database holds.
pub(super) async fn create_plan(
    app: &mut App,
    client: &Client,
    environment: &EnvironmentName,
    goal: Goal,
) -> Result<PlanView, CliError> {
    let _waiting = app.screen.spinner("asking the agents what the databases hold");
    client.create_plan(CreatePlanRequest { environment: environment.to_string(), goal: Some(goal) }).await
}
