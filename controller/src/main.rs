//! `pgbelay-controller`: `init` sets a directory up, `run` serves from it.

use std::error::Error;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use mimalloc::MiMalloc;
use pgbelay_controller::config::{Home, LogFormat, Logging, Settings};
use pgbelay_controller::init::{Wishes, init};
use pgbelay_controller::notify::Notifications;
use pgbelay_controller::server::{self, Options, Sockets};
use pgbelay_core::name::{EnvironmentName, OperatorName};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// A look at all of a large fleet makes and drops a hundred thousand small things.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How long the process waits at its end for work that blocks on disk and that nobody waits for any more.
const LAST_WORK: Duration = Duration::from_secs(2);

/// The controller of pgbelay: holds releases, plans, policy and rollouts, and commands the agents.
#[derive(Parser)]
#[command(name = "pgbelay-controller", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set up a directory: CA, ledger, settings, and the first admin's credentials.
    Init(Init),
    /// Serve from a directory that `init` has set up.
    Run(Run),
}

#[derive(Args)]
struct Init {
    /// The controller's directory; made if it is not there.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// The environments, first to last: a release moves through them in this order.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_values = ["staging", "production"])]
    environments: Vec<EnvironmentName>,
    /// Where agents and operators connect.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7411")]
    listen: String,
    /// Where agents enrol.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7412")]
    enrol_listen: String,
    /// The address that the admin's credentials name, if it is not the one listened on.
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<String>,
    /// Where agents reach the enrolment listener, if it is not the address listened on.
    #[arg(long, value_name = "HOST:PORT")]
    enrol_advertise: Option<String>,
    /// Where figures for Prometheus are served, without TLS: host:port [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    metrics_listen: Option<String>,
    /// The first admin's name.
    #[arg(long, value_name = "NAME", default_value = "admin")]
    admin: OperatorName,
    /// The controller's name in its certificate.
    #[arg(long, value_name = "NAME", default_value = "controller")]
    name: String,
}

#[derive(Args)]
struct Run {
    /// The controller's directory.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Log more.
    #[arg(long, short)]
    verbose: bool,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Init(args) => set_up(args),
        Command::Run(args) => serve(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn set_up(args: Init) -> Result<(), Box<dyn Error>> {
    let home = Home::new(args.dir);
    let settings = Settings {
        name: args.name,
        listen: args.listen,
        enrol_listen: args.enrol_listen,
        enrol_advertise: args.enrol_advertise,
        metrics_listen: args.metrics_listen,
        notifications: Notifications::default(),
        logging: Logging::default(),
    };
    let (environments, admin) = (args.environments, args.admin);
    init(&home, &Wishes { settings, advertise: args.advertise, environments, admin })?;
    say(&format!(
        "The controller is set up in {}.\nStart it: pgbelay-controller run --dir {}\nCredentials of the first admin: {}",
        home.path().display(),
        home.path().display(),
        home.admin_credentials().display()
    ));
    Ok(())
}

fn serve(args: &Run) -> Result<(), Box<dyn Error>> {
    let home = Home::new(&args.dir);
    let settings = Settings::load(&home, variable)?;
    start_logging(&settings.logging, args.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let shutdown = shutdown_on_signals()?;
        let sockets = Sockets::bind(&settings).await?;
        Ok(server::run(&home, &settings, sockets, Options::default(), shutdown).await?)
    });
    runtime.shutdown_timeout(LAST_WORK);
    served
}

fn shutdown_on_signals() -> std::io::Result<CancellationToken> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let shutdown = CancellationToken::new();
    let asked = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tracing::info!("the controller stops");
        asked.cancel();
    });
    Ok(shutdown)
}

#[expect(clippy::disallowed_methods, reason = "the edge: everything else is given its settings")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn start_logging(logging: &Logging, verbose: bool) {
    let level = if verbose { "debug" } else { &logging.level };
    let filter = EnvFilter::new(format!("{level},h2=warn,hyper=warn,rustls=warn,tower=warn"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match logging.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

#[expect(clippy::print_stdout, reason = "what a person asked for")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "the one place where errors are shown")]
fn report(error: &dyn Error) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
}
