//! `pgbelay status`: the fleet at a glance, or what of it was asked for.

use clap::Args;
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::policy::Selector;
use pgbelay_proto::wire::{StatusRequest, StatusResponse};

use super::Label;
use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;
use crate::render::Layout;
use crate::render::status::groups::Grouping;

mod follow;

const EXAMPLES: &str = "\
Examples:
  pgbelay status
  pgbelay status --env production --select region=eu,tier=1
  pgbelay status --health failed,unreachable
  pgbelay status --pending --watch
  pgbelay status --group-by region
  pgbelay status orders-1 --output json

More than 50 databases are counted by environment, with those that need attention; --all shows each.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    /// Only this database
    #[arg(value_name = "DATABASE")]
    database: Option<DatabaseName>,
    /// Only this environment
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
    /// Only databases with these labels; all must hold
    #[arg(long, value_name = "KEY=VALUE,…")]
    select: Option<Selector>,
    /// Only databases with this label; may be given several times, and all must hold
    #[arg(long = "label", short = 'l', value_name = "KEY=VALUE")]
    labels: Vec<Label>,
    /// Only databases of this health: ok, busy, failed, unfinished, unknown, unreachable, revoked, quarantined,
    /// never-seen; with commas between, one must hold
    #[arg(long, value_name = "HEALTH,…", value_delimiter = ',')]
    health: Vec<String>,
    /// Only databases where something of the latest release is not applied
    #[arg(long)]
    pending: bool,
    /// Only databases whose schema somebody else has changed
    #[arg(long)]
    drift: bool,
    /// Show each database, however many there are
    #[arg(long, conflicts_with = "group_by")]
    all: bool,
    /// Count by the value of this label, and show those that need attention
    #[arg(long, value_name = "LABEL")]
    group_by: Option<String>,
    /// Show it again whenever it changes, until Ctrl-C
    #[arg(long, short)]
    watch: bool,
}

/// What is shown, and how.
struct Wanted {
    request: StatusRequest,
    /// The filters in words, as they are typed; empty: none.
    asked: String,
    grouping: Grouping,
}

impl Wanted {
    fn text(&self, response: &StatusResponse, layout: Layout) -> String {
        if response.databases.is_empty() && !self.asked.is_empty() {
            return render::status::none(response, &self.asked, layout);
        }
        render::status::groups::status(response, &self.grouping, layout)
    }
}

impl From<StatusArgs> for Wanted {
    fn from(args: StatusArgs) -> Self {
        let asked = asked(&args);
        let selected = args.select.into_iter().flat_map(Vec::from);
        let request = StatusRequest {
            database: args.database.map(String::from).unwrap_or_default(),
            environment: args.env.map(String::from).unwrap_or_default(),
            labels: selected.chain(args.labels.iter().map(ToString::to_string)).collect(),
            health: args.health,
            pending: args.pending,
            drift: args.drift,
        };
        let grouping = match (args.all, args.group_by) {
            (true, _) => Grouping::Each,
            (false, Some(label)) => Grouping::ByLabel(label),
            (false, None) => Grouping::IfLarge,
        };
        Self { request, asked, grouping }
    }
}

fn asked(args: &StatusArgs) -> String {
    let with = |flag: &str, value: String| format!("{flag} {value}");
    let env = args.env.iter().map(|env| with("--env", env.to_string()));
    let select = args.select.iter().map(|select| with("--select", select.to_string()));
    let labels = args.labels.iter().map(|label| with("--label", label.to_string()));
    let health = (!args.health.is_empty()).then(|| with("--health", args.health.join(",")));
    let flags = [("--pending", args.pending), ("--drift", args.drift)];
    let flags = flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag.to_owned());
    env.chain(select).chain(labels).chain(health).chain(flags).collect::<Vec<_>>().join(" ")
}

pub(crate) async fn run(args: StatusArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    let watch = args.watch;
    let wanted = Wanted::from(args);
    if watch {
        return follow::follow(app, client, &wanted).await;
    }
    let response = client.status(wanted.request.clone()).await?;
    app.screen.present(&response, |response, layout| wanted.text(response, layout));
    Ok(ExitCode::Done)
}
