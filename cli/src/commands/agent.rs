//! `pgbelay agent`: looks at the agents, takes away the rights of one, forgets one with its database.

use clap::{Args, Subcommand};
use pgbelay_core::name::DatabaseName;
use pgbelay_proto::wire::{ListAgentsRequest, RemoveDatabaseRequest, RevokeAgentRequest};

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Show every agent, its certificate and when it was last seen
    List,
    /// End an agent's connection and accept its certificate no more
    Revoke(RevokeArgs),
    /// Manage a database no more: forget it and its agent; the database itself is left as it is
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pgbelay agent revoke orders-1 --reason \"machine was stolen\"")]
pub(crate) struct RevokeArgs {
    /// The database that it serves
    #[arg(value_name = "DATABASE")]
    database: DatabaseName,
    /// Why; it goes on the record
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pgbelay agent remove orders-1 --reason \"moved to orders-2\"")]
pub(crate) struct RemoveArgs {
    /// The database
    #[arg(value_name = "DATABASE")]
    database: DatabaseName,
    /// Why; it goes on the record
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

pub(crate) async fn run(command: AgentCommand, app: &mut App) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    let response = match command {
        AgentCommand::List => client.list_agents(ListAgentsRequest {}).await?,
        AgentCommand::Revoke(args) => {
            let request = RevokeAgentRequest { database: args.database.into(), reason: args.reason };
            client.revoke_agent(request).await?
        }
        AgentCommand::Remove(args) => {
            let request = RemoveDatabaseRequest { database: args.database.into(), reason: args.reason };
            client.remove_database(request).await?
        }
    };
    app.screen.present(&response, render::access::agents);
    Ok(ExitCode::Done)
}
