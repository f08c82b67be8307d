//! `pgbelay rollout`: looks at rollouts, and steers one.

use clap::{Args, Subcommand};
use pgbelay_core::name::{DatabaseName, EnvironmentName, RolloutId};
use pgbelay_proto::wire::{
    CancelTargetRequest, ListRolloutsRequest, OverrideWindowRequest, RolloutRequest, SkipTargetRequest,
};

use crate::app::App;
use crate::client::Client;
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;
use crate::render;
use crate::render::progress::Place;
use crate::run_plan::WatchArgs;
use crate::watch;

#[derive(Debug, Subcommand)]
pub(crate) enum RolloutCommand {
    /// Show rollouts, newest first
    List(ListArgs),
    /// Show one with every step on every database
    Show(OneArgs),
    /// Follow one to its end; the exit code says how it ended
    Watch(FollowArgs),
    /// Start nothing new; what runs comes to its end
    Pause(OneArgs),
    /// Go on
    Resume(OneArgs),
    /// Start nothing new and cancel what runs; what is done stays
    Abort(OneArgs),
    /// Try again what failed; what was not reached follows
    Retry(OneArgs),
    /// Leave one database out: its failure does not count any more
    Skip(SkipArgs),
    /// Let the next wave start: cut a bake short, or give the word that policy asks for
    Advance(OneArgs),
    /// Let one go on outside of windows (admins); a freeze still counts
    Override(OverrideArgs),
    /// End what runs on one database, or keep it from being started; the others go on
    Cancel(CancelArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only this environment
    #[arg(long, short, value_name = "ENVIRONMENT")]
    env: Option<EnvironmentName>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The rollout
    #[arg(value_name = "ROLLOUT")]
    rollout: RolloutId,
}

#[derive(Debug, Args)]
pub(crate) struct OverrideArgs {
    #[command(flatten)]
    one: OneArgs,
    /// Why it cannot wait; kept on the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The database
    #[arg(value_name = "DATABASE")]
    database: DatabaseName,
    /// The rollout [default: the one that is at work on the database]
    #[arg(long, value_name = "ROLLOUT")]
    rollout: Option<RolloutId>,
}

#[derive(Debug, Args)]
pub(crate) struct SkipArgs {
    #[command(flatten)]
    target: CancelArgs,
    /// Why; it is kept on the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct FollowArgs {
    #[command(flatten)]
    one: OneArgs,
    #[command(flatten)]
    watch: WatchArgs,
}

impl CancelArgs {
    /// The rollout that is named, or the one that is at work on the database.
    async fn rollout(&self, client: &Client) -> Result<String, CliError> {
        match &self.rollout {
            Some(rollout) => Ok(rollout.to_string()),
            None => at_work(client, &self.database).await,
        }
    }
}

impl OneArgs {
    fn request(&self) -> RolloutRequest {
        RolloutRequest { rollout: self.rollout.to_string() }
    }
}

pub(crate) async fn run(command: RolloutCommand, app: &mut App) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    match command {
        RolloutCommand::List(args) => {
            let environment = args.env.map(String::from).unwrap_or_default();
            let request = ListRolloutsRequest { environment, limit: args.limit, ..Default::default() };
            let response = client.list_rollouts(request).await?;
            app.screen.present(&response, render::rollout::list);
        }
        RolloutCommand::Show(args) => {
            let rollout = client.get_rollout(args.request()).await?;
            app.screen.present(&rollout, render::rollout::full);
        }
        RolloutCommand::Watch(args) => {
            let rollout = client.get_rollout(args.one.request()).await?;
            return watch::follow(app, client, rollout, &args.watch, Place::Result).await;
        }
        RolloutCommand::Pause(args) => {
            let rollout = client.pause_rollout(args.request()).await?;
            app.screen.present(&rollout, render::rollout::asked);
        }
        RolloutCommand::Resume(args) => {
            let rollout = client.resume_rollout(args.request()).await?;
            app.screen.present(&rollout, render::rollout::asked);
        }
        RolloutCommand::Abort(args) => {
            let rollout = client.abort_rollout(args.request()).await?;
            app.screen.present(&rollout, render::rollout::asked);
        }
        RolloutCommand::Retry(args) => {
            let rollout = client.retry_rollout(args.request()).await?;
            app.screen.present(&rollout, render::rollout::asked);
        }
        RolloutCommand::Advance(args) => {
            let rollout = client.advance_rollout(args.request()).await?;
            app.screen.present(&rollout, render::rollout::asked);
        }
        RolloutCommand::Skip(SkipArgs { target, reason }) => {
            let rollout = target.rollout(&client).await?;
            let database = target.database.to_string();
            let rollout = client.skip_target(SkipTargetRequest { rollout, database, reason }).await?;
            app.screen.present(&rollout, render::rollout::full);
        }
        RolloutCommand::Override(args) => {
            let rollout = args.one.rollout.to_string();
            let request = OverrideWindowRequest { rollout, reason: args.reason };
            let rollout = client.override_window(request).await?;
            app.screen.present(&rollout, render::rollout::asked);
        }
        RolloutCommand::Cancel(args) => {
            let rollout = args.rollout(&client).await?;
            let database = args.database.to_string();
            let rollout = client.cancel_target(CancelTargetRequest { rollout, database }).await?;
            app.screen.present(&rollout, render::rollout::full);
        }
    }
    Ok(ExitCode::Done)
}

/// The rollout that is at work on a database.
async fn at_work(client: &Client, database: &DatabaseName) -> Result<String, CliError> {
    let request = ListRolloutsRequest { at_work_on: database.to_string(), ..Default::default() };
    let rollouts = client.list_rollouts(request).await?.rollouts;
    rollouts.first().map(|rollout| rollout.id.clone()).ok_or_else(|| {
        CliError::new(ErrorKind::Refused, format!("no rollout is at work on {database}"))
            .hint("see them with pgbelay rollout list; name one with --rollout")
    })
}
