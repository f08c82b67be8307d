//! The command line: what may be typed. What a command does stands in its file below `commands`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use pgbelay_core::origin::Layout;

use crate::commands::adopt::AdoptArgs;
use crate::commands::agent::AgentCommand;
use crate::commands::approve::ApproveArgs;
use crate::commands::audit::AuditCommand;
use crate::commands::backup::BackupCommand;
use crate::commands::baseline::BaselineArgs;
use crate::commands::catalog::CatalogArgs;
use crate::commands::completion::CompletionArgs;
use crate::commands::context::ContextCommand;
use crate::commands::dev::DevArgs;
use crate::commands::explain::ExplainArgs;
use crate::commands::freeze::{FreezeArgs, UnfreezeArgs};
use crate::commands::history::HistoryArgs;
use crate::commands::job::JobCommand;
use crate::commands::ledger::LedgerCommand;
use crate::commands::lint::LintArgs;
use crate::commands::migrate::MigrateArgs;
use crate::commands::notify::NotifyCommand;
use crate::commands::operator::OperatorCommand;
use crate::commands::plan::PlanArgs;
use crate::commands::policy::PolicyCommand;
use crate::commands::promote::PromoteArgs;
use crate::commands::resolve::ResolveArgs;
use crate::commands::restore::RestoreArgs;
use crate::commands::rollback::RollbackArgs;
use crate::commands::rollout::RolloutCommand;
use crate::commands::status::StatusArgs;
use crate::commands::token::TokenCommand;
use crate::exit_code;

const EXAMPLES: &str = "\
Examples:
  pgbelay dev --example                 a throwaway fleet, and a walk through it
  pgbelay lint                          what ./migrations would lock, rewrite, destroy; needs no controller
  pgbelay plan --env staging            what ./migrations would do, and its risk
  pgbelay migrate --env staging         do it
  pgbelay promote staging production    the same release, one environment on
  pgbelay status                        every database
  pgbelay rollback --env staging --target 005 --dry-run

Environment variables:
  PGBELAY_CONTEXT      the context to use, as --context
  PGBELAY_CONFIG       the file with the contexts, as --config
  PGBELAY_CREDENTIALS  a credentials file, in place of any context
  NO_COLOR             no colour
";

/// Schema changes on fleets of PostgreSQL databases: safe to make, safe to take back.
#[derive(Debug, Parser)]
#[command(
    name = "pgbelay",
    version,
    about = "Schema changes on fleets of PostgreSQL databases: safe to make, safe to take back",
    after_help = format!("{EXAMPLES}\n{}", exit_code::HELP),
    arg_required_else_help = true,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct GlobalArgs {
    /// The context (controller and credentials) to use
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub(crate) context: Option<String>,
    /// The file with the contexts [default: ~/.config/pgbelay/config.yaml]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
    /// Tables for people, or JSON for programs (docs/json.md)
    #[arg(
        long,
        short,
        global = true,
        value_parser = table_or_json(),
        value_name = "FORMAT",
        default_value = "table",
        help_heading = "Global options"
    )]
    pub(crate) output: Output,
    /// No colour, whatever the terminal can do
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_color: bool,
    /// Say on stderr what is going on
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub(crate) verbose: bool,
}

/// Whose layout a directory of migrations is in.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LayoutArgs {
    /// The layout of the directory, by the name of its tool [default: the one that the files look like]
    #[arg(long, value_parser = layouts(), value_name = "LAYOUT")]
    pub(crate) layout: Option<Layout>,
}

fn layouts() -> impl TypedValueParser<Value = Layout> {
    PossibleValuesParser::new(Layout::ALL.map(Layout::as_str)).try_map(|name| name.parse::<Layout>())
}

/// What `--output` can ask for. Every command takes the first two, `plan` the last one as well, `lint` all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    #[default]
    Table,
    /// For programs: docs/json.md
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands of GitHub Actions
    Github,
    /// JUnit's XML, for CI servers
    Junit,
    /// For Graphviz, with --graph
    Dot,
}

impl Output {
    /// Whom everything else than the result is for.
    pub(crate) const fn format(self) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::Table | Self::Sarif | Self::Github | Self::Junit | Self::Dot => Format::Table,
        }
    }
}

/// The formats that every command has. `lint` has an argument of the same name that takes more; clap carries the value
/// of one to the other, so both have one type.
fn table_or_json() -> impl TypedValueParser<Value = Output> {
    PossibleValuesParser::new(["table", "json"])
        .map(|word| if word == "json" { Output::Json } else { Output::Table })
}

/// The same, and what a graph can be printed as.
pub(crate) fn table_json_or_dot() -> impl TypedValueParser<Value = Output> {
    PossibleValuesParser::new(["table", "json", "dot"]).map(|word| match word.as_str() {
        "json" => Output::Json,
        "dot" => Output::Dot,
        _ => Output::Table,
    })
}

/// How results are printed: for people, or for programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Table,
    Json,
}

/// Everything that can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a throwaway fleet on this machine
    Dev(DevArgs),
    /// Show every database: version, pending migrations, health, rollback window
    Status(StatusArgs),
    /// Push ./migrations as a release and show what it would do
    Plan(PlanArgs),
    /// Bring an environment to what ./migrations says
    Migrate(MigrateArgs),
    /// Take the release of one environment to the next
    Promote(PromoteArgs),
    /// Take migrations back
    Rollback(RollbackArgs),
    /// Record what another migration tool has applied
    Adopt(AdoptArgs),
    /// Take migrations to be applied that no history tells of
    Baseline(BaselineArgs),
    /// Approve somebody else's plan
    Approve(ApproveArgs),
    /// Look at rollouts, pause, resume or abort one, cancel one of its databases
    #[command(subcommand)]
    Rollout(RolloutCommand),
    /// Let nothing begin any more; what runs comes to its end
    Freeze(FreezeArgs),
    /// Lift a freeze: rollouts go on by themselves
    Unfreeze(UnfreezeArgs),
    /// Say whether a statement that was cut off took effect
    Resolve(ResolveArgs),
    /// Judge migrations without a controller: locks, work, hazards
    Lint(LintArgs),
    /// Explain a hazard and its safer way
    Explain(ExplainArgs),
    /// Look at the backups, have one read again or proven, delete those that policy lets go
    #[command(subcommand)]
    Backup(BackupCommand),
    /// Restore a backup: into a new database, some tables beside, or in place
    Restore(RestoreArgs),
    /// Look at what agents do with backups, end it
    #[command(subcommand)]
    Job(JobCommand),
    /// Write down the schema of a database, for lint --catalog
    Catalog(CatalogArgs),
    /// Show what was done, newest first
    History(HistoryArgs),
    /// Invite agents
    #[command(subcommand)]
    Token(TokenCommand),
    /// Look at the agents, take away the rights of one
    #[command(subcommand)]
    Agent(AgentCommand),
    /// See who did what; export, check and note the ledger
    #[command(subcommand)]
    Audit(AuditCommand),
    /// See whether the ledger is believed to be the true one; say that it is
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// See where news is sent and whether it arrives
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Give a person or program access, show who has it, take it away
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Show or change what each environment asks for
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Choose which controller to talk to
    #[command(subcommand)]
    Context(ContextCommand),
    /// Print the completion script of a shell
    Completion(CompletionArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    const PAGE: &str = include_str!("../../docs/cli.md");

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_stands_in_the_documentation() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(PAGE.contains(&format!("`pgbelay {name}")), "{name} is missing in docs/cli.md");
            for below in command.get_subcommands() {
                assert!(
                    PAGE.contains(below.get_name()),
                    "{name} {} is missing in docs/cli.md",
                    below.get_name()
                );
            }
        }
    }

    #[test]
    fn every_exit_code_stands_in_the_documentation_and_the_help() {
        use crate::exit_code::ExitCode;
        let all = [
            ExitCode::Done,
            ExitCode::Failed,
            ExitCode::Usage,
            ExitCode::Refused,
            ExitCode::WaitsForApproval,
            ExitCode::Unknown,
            ExitCode::Differs,
            ExitCode::Unreachable,
            ExitCode::Interrupted,
        ];
        for number in all.map(ExitCode::number) {
            assert!(PAGE.contains(&format!("| {number} | ")), "{number} is missing in docs/cli.md");
            assert!(exit_code::HELP.contains(&format!("\n  {number} ")), "{number} is missing in --help");
        }
    }
}
