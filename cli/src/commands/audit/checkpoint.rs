//! `pgbelay audit checkpoint`: a signed note of where the ledger is.

use std::path::PathBuf;

use clap::Args;

use crate::app::App;
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;

const EXAMPLES: &str = "\
Examples:
  pgbelay audit checkpoint --output-file ledger-2026-11-27.json
  pgbelay audit verify --checkpoint ledger-2026-11-27.json     later: does the ledger still have that entry?

Keep it where nobody who can write the controller's disk can write.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckpointArgs {
    /// Write it there; - for stdout
    #[arg(long, value_name = "FILE", default_value = "-")]
    output_file: PathBuf,
}

pub(super) async fn run(args: CheckpointArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let access = app.access()?;
    let client = app.connect().await?;
    let signed = super::sign(&client).await?;
    // One that could not be checked later would be of no use then.
    pgbelay_proto::checkpoint::believed(&signed, &access.file.credentials.ca_pem)
        .map_err(|error| CliError::from_chain(ErrorKind::Internal, &error))?;
    let text = serde_json::to_string_pretty(&signed)
        .map_err(|error| CliError::from_chain(ErrorKind::Internal, &error))?;
    if args.output_file.as_os_str() == "-" {
        app.screen.file(&text);
        return Ok(ExitCode::Done);
    }
    std::fs::write(&args.output_file, text + "\n").map_err(|error| {
        CliError::usage(format!("failed to write {}", args.output_file.display()))
            .because(error.to_string())
            .hint("check that the directory exists and can be written to")
    })?;
    app.screen.note(&format!(
        "entry {} of the ledger is noted in {}",
        signed.seq,
        args.output_file.display()
    ));
    Ok(ExitCode::Done)
}
