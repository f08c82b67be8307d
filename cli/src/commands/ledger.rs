//! `pgbelay ledger`: whether the controller's ledger is the true one, and an admin's word on it.

use clap::{Args, Subcommand};
use pgbelay_core::name::DatabaseName;
use pgbelay_proto::wire::{AcceptLedgerRequest, LedgerStatusRequest, WitnessRequest};

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Show the ledger's name and last entry, and which agents were told of entries that it does not have
    Status,
    /// Take the ledger for the true one, whatever agents have witnessed: commands are sent again
    Accept(AcceptArgs),
    /// Let what one agent says of the ledger not count
    SetAside(SetAsideArgs),
    /// Let what an agent says of the ledger count again
    Hear(HearArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  pgbelay ledger accept 3f9c2a10 --reason \"the disk is lost; nothing newer exists\""
)]
pub(crate) struct AcceptArgs {
    /// The ledger's name, as pgbelay ledger status shows it; its first eight digits are enough
    #[arg(value_name = "LEDGER")]
    ledger: String,
    /// Why; it goes on the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  pgbelay ledger set-aside orders-1 --reason \"its disk was restored\"")]
pub(crate) struct SetAsideArgs {
    /// The database that the agent serves
    #[arg(value_name = "DATABASE")]
    database: DatabaseName,
    /// Why; it goes on the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct HearArgs {
    /// The database that the agent serves
    #[arg(value_name = "DATABASE")]
    database: DatabaseName,
}

pub(crate) async fn run(command: LedgerCommand, app: &mut App) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    let response = match command {
        LedgerCommand::Status => client.ledger_status(LedgerStatusRequest {}).await?,
        LedgerCommand::Accept(AcceptArgs { ledger, reason }) => {
            client.accept_ledger(AcceptLedgerRequest { ledger, reason }).await?
        }
        LedgerCommand::SetAside(SetAsideArgs { database, reason }) => {
            client.set_witness_aside(WitnessRequest { database: database.into(), reason }).await?
        }
        LedgerCommand::Hear(HearArgs { database }) => {
            let request = WitnessRequest { database: database.into(), reason: String::new() };
            client.hear_witness(request).await?
        }
    };
    app.screen.present(&response, render::ledger::ledger);
    Ok(ExitCode::Done)
}
