//! `pgbelay policy`: what each environment asks for, as a document.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use pgbelay_core::policy::Policy;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::wire::{
    ApplyPolicyRequest, DiffPolicyRequest, ListPoliciesRequest, ReadPolicyRequest, ShowPolicyRequest,
};

use crate::app::App;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::policy::{self, Document};
use crate::render;
use crate::render::policy::Checked;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print the policy in force, or one of before, with every default filled in
    Show(ShowArgs),
    /// Judge a document without a controller: every mistake, at its line
    Check(FileArgs),
    /// Show what a document would change, or what changed between two versions
    Diff(DiffArgs),
    /// Show who changed the policy when, the newest change first
    History(HistoryArgs),
    /// Put a policy in force
    Apply(ApplyArgs),
}

#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "Examples:\n  pgbelay policy show > policy.yaml\n  pgbelay policy show --version 3"
)]
pub(crate) struct ShowArgs {
    /// The one that had this number [default: the one in force]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    version: Option<u64>,
}

const CHECK: &str = "\
Examples:
  pgbelay policy check policy.yaml
  pgbelay policy check policy.yaml --output json

Exit codes:
  0  it is good: what each environment asks for beside the defaults is shown
  2  it has mistakes, or cannot be read

docs/policy.md has every key.";

#[derive(Debug, Args)]
#[command(after_help = CHECK)]
pub(crate) struct FileArgs {
    /// The document, YAML
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

const DIFF: &str = "\
Examples:
  pgbelay policy diff policy.yaml                what it would change, and make stale
  pgbelay policy diff policy.yaml --version 3    against a policy of before
  pgbelay policy diff --from 3 --to 5            what changed between two versions
  pgbelay policy diff --to 3                     what it would change to go back

Exit codes:
  0  nothing differs
  6  it differs";

#[derive(Debug, Args)]
#[command(disable_version_flag = true, after_help = DIFF)]
pub(crate) struct DiffArgs {
    /// The document, YAML
    #[arg(value_name = "FILE", required_unless_present_any = ["from", "to"], conflicts_with_all = ["from", "to"])]
    file: Option<PathBuf>,
    /// What the document is compared with [default: the policy in force]
    #[arg(long, value_name = "N", requires = "file", value_parser = clap::value_parser!(u64).range(1..))]
    version: Option<u64>,
    /// The version before, without a document [default: the one in force]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    from: Option<u64>,
    /// The version after, without a document [default: the one in force]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    to: Option<u64>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pgbelay policy history\n  pgbelay policy history --limit 5 --output json"
)]
pub(crate) struct HistoryArgs {
    /// How many versions
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pgbelay policy diff policy.yaml\n  pgbelay policy apply policy.yaml\n\nA file with mistakes \
                  is not sent. All plans that were made before become stale; policy diff lists them."
)]
pub(crate) struct ApplyArgs {
    /// The document, YAML
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) async fn run(command: PolicyCommand, app: &mut App) -> Result<ExitCode, CliError> {
    match command {
        PolicyCommand::Show(args) => show(&args, app).await,
        PolicyCommand::Check(args) => check(&args, app),
        PolicyCommand::Diff(args) => diff(args, app).await,
        PolicyCommand::History(args) => {
            let request = ListPoliciesRequest { newest: args.limit };
            let response = app.connect().await?.list_policies(request).await?;
            app.screen.present(&response, render::policy::history);
            Ok(ExitCode::Done)
        }
        PolicyCommand::Apply(args) => {
            let yaml = good(&args.file)?;
            let policy = app.connect().await?.apply_policy(ApplyPolicyRequest { yaml }).await?;
            app.screen.present(&policy, render::policy::applied);
            Ok(ExitCode::Done)
        }
    }
}

async fn show(args: &ShowArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let client = app.connect().await?;
    let policy = match args.version {
        Some(version) => client.read_policy(ReadPolicyRequest { version }).await?,
        None => client.show_policy(ShowPolicyRequest {}).await?,
    };
    app.screen.present(&policy, render::policy::document);
    Ok(ExitCode::Done)
}

fn check(args: &FileArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let Document { text, policy } = open(&args.file)?;
    let code = if policy.is_ok() { ExitCode::Done } else { ExitCode::Usage };
    let checked = match policy {
        Ok(policy) => Checked::good(&args.file, &policy),
        Err(mistakes) => Checked::bad(&args.file, text, mistakes),
    };
    app.screen.present(&checked, render::policy::checked);
    Ok(code)
}

async fn diff(args: DiffArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let request = match &args.file {
        Some(file) => DiffPolicyRequest { from: args.version.unwrap_or(0), yaml: good(file)?, to: 0 },
        None => {
            DiffPolicyRequest { from: args.from.unwrap_or(0), yaml: String::new(), to: args.to.unwrap_or(0) }
        }
    };
    let diff = app.connect().await?.diff_policy(request).await?;
    let code = if diff.changes.is_empty() { ExitCode::Done } else { ExitCode::Differs };
    app.screen.present(&diff, render::policy::diff);
    Ok(code)
}

fn open(file: &Path) -> Result<Document, CliError> {
    policy::open(file, Timestamp(jiff::Timestamp::now().as_millisecond()))
}

/// The text of a document without mistakes.
fn good(file: &Path) -> Result<String, CliError> {
    let Document { text, policy } = open(file)?;
    let sent = |_: Policy| text.clone();
    policy.map(sent).map_err(|mistakes| {
        let number = render::text::count(mistakes.len(), "mistake");
        CliError::usage(format!("the policy in {} has {number}", file.display()))
            .with_details(render::policy::mistakes(file, &text, &mistakes))
            .hint("correct the file and run the command again; nothing was sent")
    })
}
