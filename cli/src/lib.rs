//! The command line of pgbelay: what a person or a script types.
//!
//! A command turns its arguments into calls to the controller (`commands`, `client`), decides what a person has to
//! confirm (`confirm`), and hands what it got to `render`, which alone writes to the terminal.
//! Nothing about migrations is decided here: that is the controller's work.

mod app;
mod backup_key;

mod args;
mod audit;
mod client;
mod commands;
mod confirm;
mod context;
pub mod dev;
mod error;
pub mod exit_code;
mod io;
mod lint;
mod migrations;
mod policy;
mod render;
mod run_plan;
mod watch;

use std::ffi::OsString;

use clap::Parser;
use clap::error::ErrorKind as ParseErrorKind;

use crate::app::App;
use crate::args::{Cli, Command, Format, Output};
use crate::error::CliError;
use crate::render::Screen;

pub use crate::exit_code::ExitCode;
pub use crate::io::{Environment, Io, Size, Terminal};

/// Runs one command line: `args` with the program's name first.
pub async fn run(args: Vec<OsString>, io: Io) -> ExitCode {
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return answer_parser(&error, &args, io),
    };
    if cli.globals.verbose {
        say_what_goes_on();
    }
    let environment = io.environment.clone();
    let screen = Screen::new(io, &cli.globals);
    let mut app = App { globals: cli.globals, environment, screen };
    match Box::pin(dispatch(cli.command, &mut app)).await {
        Ok(code) => code,
        Err(error) => app.screen.error(&error),
    }
}

async fn dispatch(command: Command, app: &mut App) -> Result<ExitCode, CliError> {
    match command {
        Command::Dev(args) => Box::pin(commands::dev::run(args, app)).await,
        Command::Status(args) => commands::status::run(args, app).await,
        Command::Plan(args) => commands::plan::run(args, app).await,
        Command::Adopt(args) => commands::adopt::run(args, app).await,
        Command::Baseline(args) => commands::baseline::run(args, app).await,
        Command::Migrate(args) => commands::migrate::run(args, app).await,
        Command::Promote(args) => commands::promote::run(args, app).await,
        Command::Rollback(args) => commands::rollback::run(args, app).await,
        Command::Approve(args) => commands::approve::run(args, app).await,
        Command::Freeze(args) => commands::freeze::freeze(args, app).await,
        Command::Unfreeze(args) => commands::freeze::unfreeze(args, app).await,
        Command::Resolve(args) => commands::resolve::run(args, app).await,
        Command::Rollout(command) => commands::rollout::run(command, app).await,
        Command::Audit(command) => commands::audit::run(command, app).await,
        Command::Ledger(command) => commands::ledger::run(command, app).await,
        Command::Notify(command) => commands::notify::run(command, app).await,
        Command::Lint(args) => commands::lint::run(args, app).await,
        Command::Explain(args) => commands::explain::run(&args, app),
        Command::Backup(command) => commands::backup::run(command, app).await,
        Command::Restore(args) => commands::restore::run(args, app).await,
        Command::Job(command) => commands::job::run(command, app).await,
        Command::Catalog(args) => commands::catalog::run(args, app).await,
        Command::History(args) => commands::history::run(args, app).await,
        Command::Token(command) => commands::token::run(command, app).await,
        Command::Agent(command) => commands::agent::run(command, app).await,
        Command::Operator(command) => commands::operator::run(command, app).await,
        Command::Policy(command) => commands::policy::run(command, app).await,
        Command::Context(command) => commands::context::run(command, app),
        Command::Completion(args) => commands::completion::run(&args, app),
    }
}

/// Our own doings, and nothing of the libraries below: those would bury them.
fn say_what_goes_on() {
    let filter = tracing_subscriber::EnvFilter::new("pgbelay=debug,pgbelay_proto=debug");
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A process that runs several command lines has one subscriber: the first.
    drop(subscriber.try_init());
}

/// Help and version are answers; everything else that the parser says is a wrong command line.
fn answer_parser(error: &clap::Error, args: &[OsString], io: Io) -> ExitCode {
    let asked = matches!(error.kind(), ParseErrorKind::DisplayHelp | ParseErrorKind::DisplayVersion);
    let globals = args::GlobalArgs {
        output: if asks_for_json(args) { Output::Json } else { Output::Table },
        no_color: args.iter().any(|arg| arg == "--no-color"),
        ..args::GlobalArgs::default()
    };
    let mut screen = Screen::new(io, &globals);
    match (asked, globals.output.format()) {
        (true, _) => {
            screen.raw(&error.render().ansi().to_string());
            ExitCode::Done
        }
        (false, Format::Json) => {
            let text = error.render().to_string();
            let text = text.trim().strip_prefix("error: ").unwrap_or(text.trim());
            screen.error(&CliError::usage(text).hint("pgbelay --help"))
        }
        (false, Format::Table) => {
            screen.note(error.render().ansi().to_string().trim_end());
            ExitCode::Usage
        }
    }
}

/// A command line that cannot be parsed may still say how it wants to hear of that.
fn asks_for_json(args: &[OsString]) -> bool {
    let text: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let ours = text.split(|arg| arg == "--").next().unwrap_or_default();
    let one = |arg: &str| matches!(arg, "--output=json" | "-ojson" | "-o=json");
    let two =
        |pair: &[std::borrow::Cow<'_, str>]| matches!(&*pair[0], "--output" | "-o") && pair[1] == "json";
    ours.iter().any(|arg| one(arg)) || ours.windows(2).any(two)
}
