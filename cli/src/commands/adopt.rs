//! `pgbelay adopt`: records what another migration tool has applied, on every database of an environment.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use pgbelay_core::history::Tool;
use pgbelay_core::name::{EnvironmentName, PlanId};
use pgbelay_proto::wire::AdoptGoal;
use pgbelay_proto::wire::create_plan_request::Goal;

use super::migrate::known_plan;
use super::plan::{SourceArgs, create_plan, push};
use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::run_plan::{RunArgs, run_plan};

const EXAMPLES: &str = "\
Examples:
  pgbelay adopt --env staging --dry-run           what would be recorded, and what does not fit
  pgbelay adopt --env staging --from goose --migrations db/migrations
  pgbelay adopt --env production --plan p0a1b2c3d4e5f

Nothing is run, and the other tool's table is left alone: docs/adopt.md.";

/// The tool whose history table is found.
const AUTO: &str = "auto";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AdoptArgs {
    /// The environment
    #[arg(long, short, value_name = "ENVIRONMENT", required_unless_present = "plan")]
    env: Option<EnvironmentName>,
    /// The tool whose history counts; auto: that of the layout, or the only one that is found
    #[arg(long, value_name = "TOOL", default_value = AUTO, value_parser = tools())]
    from: Source,
    /// Carry out this plan, for example one that has been approved
    #[arg(long, value_name = "PLAN", conflicts_with = "from")]
    plan: Option<PlanId>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    run: RunArgs,
}

/// Whose history it is; `None`: whichever is found.
#[derive(Debug, Clone, Copy)]
struct Source(Option<Tool>);

fn tools() -> impl TypedValueParser<Value = Source> {
    let names = Tool::ALL.map(Tool::as_str);
    PossibleValuesParser::new([AUTO].into_iter().chain(names)).map(|word| Source(word.parse().ok()))
}

/// Whose history it is says whose files they are, unless the command line says otherwise.
fn read_as(mut source: SourceArgs, from: Source) -> SourceArgs {
    source.layout.layout = source.layout.layout.or_else(|| from.0?.layout());
    source
}

pub(crate) async fn run(args: AdoptArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let (client, plan) = match (&args.plan, &args.env) {
        (Some(plan), environment) => known_plan(app, (plan, environment.as_ref()), "adopt").await?,
        (None, Some(environment)) => {
            let (client, release) = push(app, &read_as(args.source, args.from)).await?;
            let tool = args.from.0.map_or_else(String::new, |tool| tool.to_string());
            let plan =
                create_plan(app, &client, environment, Goal::Adopt(AdoptGoal { release, tool })).await?;
            (client, plan)
        }
        (None, None) => return Err(CliError::usage("name an environment with --env, or a plan with --plan")),
    };
    run_plan(app, client, plan, &args.run).await
}
