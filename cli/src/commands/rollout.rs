//! `pgbelay rollout`: looks at rollouts, and steers one.

use clap::{Args, Subcommand};
use pgbelay_core::name::{EnvironmentName, RolloutId};
use pgbelay_proto::wire::{ListRolloutsRequest, RolloutRequest};

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;
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
pub(crate) struct FollowArgs {
    #[command(flatten)]
    one: OneArgs,
    #[command(flatten)]
    watch: WatchArgs,
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
            let response =
                client.list_rollouts(ListRolloutsRequest { environment, limit: args.limit }).await?;
            app.screen.present(&response, render::rollout::list);
        }
        RolloutCommand::Show(args) => {
            let rollout = client.get_rollout(args.request()).await?;
            app.screen.present(&rollout, render::rollout::full);
        }
        RolloutCommand::Watch(args) => {
            let rollout = client.get_rollout(args.one.request()).await?;
            return watch::follow(app, client, rollout, &args.watch).await;
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
    }
    Ok(ExitCode::Done)
}
