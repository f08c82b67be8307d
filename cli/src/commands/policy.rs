//! `pgbelay policy`: what each environment asks for, as a document.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use pgbelay_proto::wire::{ApplyPolicyRequest, ShowPolicyRequest};

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::render;

/// Largest document: 32 environments with every setting have about 20 KiB.
const MAX_BYTES: u64 = 256 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print the policy in force, with every default filled in
    Show,
    /// Put a policy in force
    Apply(ApplyArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  pgbelay policy show > policy.yaml\n  pgbelay policy apply policy.yaml")]
pub(crate) struct ApplyArgs {
    /// The document, YAML
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) async fn run(command: PolicyCommand, app: &mut App) -> Result<ExitCode, CliError> {
    match command {
        PolicyCommand::Show => {
            let policy = app.connect().await?.show_policy(ShowPolicyRequest {}).await?;
            app.screen.present(&policy, render::access::policy);
        }
        PolicyCommand::Apply(args) => {
            let yaml = read(&args.file)?;
            let policy = app.connect().await?.apply_policy(ApplyPolicyRequest { yaml }).await?;
            app.screen.present(&policy, render::access::policy_applied);
        }
    }
    Ok(ExitCode::Done)
}

fn read(path: &Path) -> Result<String, CliError> {
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
    read.map_err(|error| {
        CliError::usage(format!("failed to read the policy in {}", path.display()))
            .because(error.to_string())
            .hint("check the path; the document is YAML in UTF-8")
    })?;
    if u64::try_from(text.len()).is_ok_and(|length| length <= MAX_BYTES) {
        return Ok(text);
    }
    Err(CliError::usage(format!("{} has more than {MAX_BYTES} bytes", path.display()))
        .hint("is this the policy?"))
}
