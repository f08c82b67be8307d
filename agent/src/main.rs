//! `pgbelay-agent`: reads its configuration, and then joins a fleet or serves in it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use pgbelay_agent::config::Config;
use pgbelay_agent::database::catalog;
use pgbelay_agent::enrol::enrol;
use pgbelay_agent::timing::Timing;
use pgbelay_agent::work::Postgres;
use pgbelay_agent::{Resources, Shutdown, run};

use cli::{Cli, Command, Enroll, Run};
use failure::Failure;

mod cli;
mod failure;
mod logging;
mod signals;

/// The database's work is done by the database: two threads keep the connections going while one waits for a disk.
const WORKERS: usize = 2;
/// For what still runs when everything that matters has ended.
const LAST_MOMENT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Run(options) => serve(options, cli.verbose),
        Command::Enroll(options) => join(options, cli.verbose),
        Command::Catalog(options) => write_catalog(options, cli.verbose),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

fn serve(options: &Run, verbose: bool) -> Result<(), Failure> {
    let config = load(&options.config)?;
    logging::start(config.logging, verbose);
    let resources = Resources { site: Postgres::of(&config), timing: Timing::default() };
    on_runtime(async {
        let shutdown = Shutdown::default();
        let _watching = signals::watch(shutdown.clone()).map_err(Failure::of)?;
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(name = %config.agent.name, controller = config.agent.controller, version, "starting");
        Box::pin(run(&config, resources, shutdown)).await.map_err(Failure::of)?;
        tracing::info!("stopped");
        Ok(())
    })
}

fn join(options: &Enroll, verbose: bool) -> Result<(), Failure> {
    let token = options.token()?;
    let config = load(&options.config)?;
    logging::start(config.logging, verbose);
    on_runtime(async {
        let site = Postgres::of(&config);
        let enrolled = Box::pin(enrol(&config, &site, &options.controller, &token)).await?;
        tracing::info!(name = %enrolled.name, state_dir = %config.agent.state_dir.display(),
            "enrolled: start the agent with pgbelay-agent run");
        Ok(())
    })
}

fn write_catalog(options: &Run, verbose: bool) -> Result<(), Failure> {
    let config = load(&options.config)?;
    logging::start(config.logging, verbose);
    on_runtime(async {
        let read = catalog::read_target(&config.database).await.map_err(Failure::of)?;
        let written = std::io::stdout().lock().write_all(read.write_json().as_bytes());
        written.map_err(Failure::of)
    })
}

fn load(path: &std::path::Path) -> Result<Config, Failure> {
    // The one place where the agent reads its environment. A variable that is not UTF-8 is none of its own.
    let variables = std::env::vars_os();
    let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let environment: BTreeMap<String, String> = variables.filter_map(readable).collect();
    Ok(Config::load(path, &environment)?)
}

fn on_runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime = runtime.map_err(Failure::of)?;
    let done = runtime.block_on(Box::pin(work));
    runtime.shutdown_timeout(LAST_MOMENT);
    done
}
