//! `pgbelay dev`: a throwaway fleet on this machine. What it does stands in [`crate::dev`].

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;

use crate::app::App;
use crate::dev::environments::{DEFAULT, Environments};
use crate::dev::{self, Options, Surroundings, Work};
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;

const EXAMPLES: &str = "\
Examples:
  pgbelay dev                                      until Ctrl-C
  pgbelay dev --example                            walks ./migrations from staging to production and back
  pgbelay dev --databases staging=2,production=3 -- sh -c 'pgbelay status'

A COMMAND finds the fleet by PGBELAY_CONFIG and PGBELAY_CREDENTIALS, the server by PGHOST, PGPORT, PGUSER and
PGPASSWORD, and the directory by PGBELAY_DEV_DIR. Its exit code becomes this command's.";

/// What `pgbelay dev` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DevArgs {
    /// Where everything is written, and kept: an empty directory [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The environments in their order, and how many databases each has
    #[arg(long, value_name = "ENV=N,...", default_value = DEFAULT)]
    databases: Environments,
    /// Walk a release from plan to rollback, with explanations
    #[arg(long, conflicts_with = "command")]
    example: bool,
    /// The migrations of the example [default: ./migrations]
    #[arg(long, value_name = "DIR", requires = "example")]
    migrations: Option<PathBuf>,
    /// Run this against the fleet, then end the fleet
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(crate) async fn run(args: DevArgs, app: &mut App) -> Result<ExitCode, CliError> {
    let pgbelay = std::env::current_exe().map_err(|error| {
        CliError::new(ErrorKind::Failed, "cannot find out where this program is").because(error.to_string())
    })?;
    let surroundings =
        Surroundings { pgbelay, path: app.environment.path.clone(), interactive: io::stdin().is_terminal() };
    let options = args.options();
    match dev::run(&options, &surroundings).await {
        Ok(code) => Ok(code),
        Err(error) => {
            let code = error.exit_code();
            let shown = error.shown(options.dir.as_deref());
            let Some(code) = code else { return Err(shown) };
            app.screen.error(&shown);
            Ok(ExitCode::Of(code))
        }
    }
}

impl DevArgs {
    fn options(self) -> Options {
        let mut command = self.command.into_iter();
        let work = match (command.next(), self.example) {
            (Some(program), _) => Work::Command { program, args: command.collect() },
            (None, true) => Work::Example { migrations: self.migrations },
            (None, false) => Work::Wait,
        };
        Options { dir: self.dir, environments: self.databases, work }
    }
}
