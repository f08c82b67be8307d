//! What happens from the first process to the last, and what is said of it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use pgbelay_proto::tls::Secret;
use tokio::time::Instant;

use super::cluster::{Cluster, ClusterError, ClusterOptions, Shutdown};
use super::controller::{self, Controller};
use super::environment::{self, Found, Variables};
use super::environments::Managed;
use super::error::DevError;
use super::example::Example;
use super::fleet::Fleet;
use super::foreground::{self, Foreground};
use super::narrate::Narrator;
use super::programs::Programs;
use super::signal::Signals;
use super::site::Site;
use super::watchdog::Leave;
use super::{Options, Surroundings, Work, agents};
use crate::context::{Context, Contexts};
use crate::exit_code::ExitCode;

/// The superuser of the throwaway server, and the user of every agent.
const SUPERUSER: &str = "belay";

/// Connections that an agent may want at a time, with its backups; and those of whoever looks.
const CONNECTIONS_EACH: usize = 6;

/// Databases that are named one by one; more than that would be a wall of text.
const NAMED: usize = 8;

/// A fleet that is up.
pub(super) struct Running {
    pub(super) fleet: Fleet,
    variables: Variables,
}

/// What every part of the story knows.
pub(super) struct Story<'a> {
    pub(super) options: &'a Options,
    pub(super) surroundings: &'a Surroundings,
    pub(super) site: &'a Site,
    pub(super) narrator: Narrator,
}

impl Story<'_> {
    /// Makes everything, and waits until it is connected.
    pub(super) async fn start(&self, programs: Programs, began: Instant) -> Result<Running, DevError> {
        let databases = self.options.environments.databases();
        let path = self.site.home().path();
        self.narrator.say(format_args!("pgbelay dev: making a throwaway fleet in {}", path.display()));
        let cluster =
            async { start_cluster(self.site, programs, &databases).await.map_err(DevError::Cluster) };
        let controller = async {
            let started = controller::start(self.site, &self.options.environments).await;
            started.map_err(|error| DevError::Controller(Box::new(error)))
        };
        let (cluster, controller) = tokio::try_join!(cluster, controller)?;
        let agents = agents::start(self.site, &cluster, &controller, &databases).await?;
        let Controller { daemon, operator, credentials, address } = controller;
        let mut fleet = Fleet::new(cluster, daemon, agents);
        tokio::select! {
            connected = agents::until_connected(&operator, &databases) => connected?,
            error = fleet.until_one_ends() => return Err(error.into()),
        }
        let found = Found {
            pgbelay: &self.surroundings.pgbelay,
            path: self.surroundings.path.as_deref(),
            credentials: &credentials,
        };
        let variables = Variables::new(self.site, fleet.cluster(), &found);
        variables.write(&self.shell_file(), &self.surroundings.pgbelay)?;
        write_context(self.site, &credentials)?;
        self.say_what_runs(&fleet, &address, &databases, began.elapsed());
        Ok(Running { fleet, variables })
    }

    /// Does what the fleet is wanted for.
    pub(super) async fn work(
        &self,
        running: &mut Running,
        example: Option<&Example>,
        signals: &mut Signals,
    ) -> Result<ExitCode, DevError> {
        match (&self.options.work, example) {
            (Work::Command { program, args }, _) => {
                let outcome = self.foreground(running, signals, program, args).await?;
                Ok(ExitCode::Of(outcome.code))
            }
            (Work::Example { .. }, Some(example)) => self.walk_through(running, example, signals).await,
            (Work::Wait | Work::Example { .. }, _) => {
                self.say_how_to_use();
                tokio::select! {
                    _ = signals.next() => Ok(ExitCode::Done),
                    error = running.fleet.keep(self.narrator) => Err(error.into()),
                }
            }
        }
    }

    async fn walk_through(
        &self,
        running: &mut Running,
        example: &Example,
        signals: &mut Signals,
    ) -> Result<ExitCode, DevError> {
        let count = example.steps.len();
        for (number, step) in (1..).zip(&example.steps) {
            self.narrator.say(format_args!("\n[{number}/{count}] {}\n\n$ {}", step.text, step.line()));
            let program = self.surroundings.pgbelay.as_os_str();
            let outcome = self.foreground(running, signals, program, &step.args).await?;
            if outcome.code != 0 || outcome.asked_to_end {
                let code = outcome.code;
                self.narrator
                    .complain(format_args!("the command above ended with exit code {code}; stopping"), "");
                return Ok(ExitCode::Of(code));
            }
        }
        let next = "\nThat was the whole path. To try it yourself: pgbelay dev";
        self.narrator.say(next);
        Ok(ExitCode::Done)
    }

    async fn foreground(
        &self,
        running: &mut Running,
        signals: &mut Signals,
        program: &OsStr,
        args: &[OsString],
    ) -> Result<foreground::Outcome, DevError> {
        let mut command = Command::new(program);
        command.args(args);
        running.variables.apply(&mut command);
        let foreground = Foreground {
            command,
            interactive: self.surroundings.interactive,
            watchdog: self.site.watchdog(),
            narrator: self.narrator,
        };
        Ok(foreground::run(foreground, &mut running.fleet, signals).await?)
    }

    fn shell_file(&self) -> PathBuf {
        self.site.home().path().join("env")
    }

    fn is_kept(&self) -> bool {
        self.site.home().leave() == Leave::Everything
    }

    /// What is kept shall be whole; what is thrown away need not be.
    pub(super) fn shutdown(&self) -> Shutdown {
        if self.is_kept() { Shutdown::Fast } else { Shutdown::Immediate }
    }

    fn say_what_runs(&self, fleet: &Fleet, address: &str, databases: &[Managed], took: Duration) {
        let cluster = fleet.cluster();
        let seconds = took.as_secs_f64();
        let (version, port, logs) = (cluster.version(), cluster.port(), self.site.home().path().join("logs"));
        self.narrator.say(format_args!(
            "pgbelay dev: ready after {seconds:.1} s\n  \
             databases    {}\n  \
             agents       one for each database, connected\n  \
             controller   {address}\n  \
             PostgreSQL   127.0.0.1:{port}, version {version}\n  \
             logs         {}",
            listed(databases),
            logs.display()
        ));
    }

    fn say_how_to_use(&self) {
        let file = self.shell_file();
        let what =
            if self.is_kept() { "ends everything" } else { "ends everything and removes the directory" };
        self.narrator.say(format_args!(
            "\nIn another terminal:\n  . {}\n  pgbelay status\n\nCtrl-C here {what}.",
            file.display()
        ));
    }

    /// The last line.
    pub(super) fn say_end(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let path = self.site.home().path().display();
        let kept = if self.is_kept() { format!("; everything it wrote is in {path}") } else { String::new() };
        self.narrator.say(format_args!("pgbelay dev: the fleet has ended after {seconds:.1} s{kept}"));
    }
}

async fn start_cluster(
    site: &Site,
    programs: Programs,
    databases: &[Managed],
) -> Result<Cluster, ClusterError> {
    let connections = 20 + CONNECTIONS_EACH * databases.len();
    let options = ClusterOptions {
        dir: site.home().path().join("postgres"),
        superuser: SUPERUSER.to_owned(),
        password: Secret::new(uuid::Uuid::new_v4().simple().to_string()),
        durable: false,
        settings: [("max_connections", connections.to_string()), ("shared_buffers", "64MB".to_owned())]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        watchdog: Some(Arc::clone(site.watchdog())),
    };
    let cluster = Cluster::start(programs, options).await?;
    let names: Vec<_> = databases.iter().map(|database| database.dbname.as_str()).collect();
    cluster.create_databases(&names).await?;
    Ok(cluster)
}

fn write_context(site: &Site, credentials: &Path) -> Result<(), DevError> {
    let mut contexts = Contexts::default();
    contexts.put(Context { name: "dev".to_owned(), controller: None, credentials: credentials.to_owned() });
    let saved = contexts.save(&environment::config_file(site));
    saved.map_err(|error| DevError::Context(Box::new(error)))
}

fn listed(databases: &[Managed]) -> String {
    let names: Vec<_> = databases.iter().take(NAMED).map(|database| database.name.as_str()).collect();
    match databases.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
