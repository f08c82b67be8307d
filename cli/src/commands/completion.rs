//! `pgbelay completion`: the completion script of a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::app::App;
use crate::args::Cli;
use crate::error::CliError;
use crate::exit_code::ExitCode;

const EXAMPLES: &str = "\
Examples:
  pgbelay completion bash > /etc/bash_completion.d/pgbelay
  pgbelay completion zsh > ~/.zfunc/_pgbelay
  pgbelay completion fish > ~/.config/fish/completions/pgbelay.fish";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

#[expect(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub(crate) fn run(args: &CompletionArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pgbelay", &mut script);
    app.screen.raw(&String::from_utf8_lossy(&script));
    Ok(ExitCode::Done)
}
