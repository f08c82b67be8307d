//! A throwaway PostgreSQL server: made, started, stopped. `pgbelay dev` and the tests share it.
//!
//! It listens on 127.0.0.1 only, asks for a password, and runs under another account when this process is root. Nothing
//! here speaks PostgreSQL's protocol: that the server accepts connections stands in its `postmaster.pid`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use pgbelay_proto::tls::Secret;
use tokio::task::JoinSet;

use super::port;
use super::process::{Process, Run, tail};
use super::programs::Programs;
use super::signal::Signal;
use super::tool;
use super::watchdog::{EndBy, Watchdog};

mod directory;
mod error;
#[cfg(test)]
mod tests;

pub use super::process::ProcessError;
pub use super::tool::ToolError;
pub use directory::DirectoryError;
pub use error::ClusterError;

/// How long a server may take until it answers: recovery of little data, on a machine busy with other things.
const START: Duration = Duration::from_secs(60);

/// How long a server may take to end once it was told to: its children close their files.
const STOP: Duration = Duration::from_secs(20);

/// How long a database may take to be made: a copy of 7 MB.
const CREATE: Duration = Duration::from_secs(60);

/// How many databases are made at a time: each is a copy, and they share the disk.
const CREATED_AT_A_TIME: usize = 4;

/// How often it is looked whether the server answers.
const INTERVAL: Duration = Duration::from_millis(20);

/// How a cluster is made.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The directory of the cluster: `data` and `server.log` come into it. Made if it is not there; its parent must be.
    pub dir: PathBuf,
    /// The superuser's name.
    pub superuser: String,
    /// The superuser's password.
    pub password: Secret,
    /// Whether the server syncs to disk. Without, it survives every kill of its processes, but not a crash of the
    /// machine.
    pub durable: bool,
    /// Configuration parameters, for example `max_connections`; the last of one name counts.
    pub settings: Vec<(String, String)>,
    /// Who ends the server if this process is killed.
    pub watchdog: Option<Arc<Watchdog>>,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Clients are cut off, and what is in memory is written.
    Fast,
    /// As a crash of all its processes: the next start recovers.
    Immediate,
}

/// A PostgreSQL server. It ends with the value, by "immediate shutdown"; its directory stays.
pub struct Cluster {
    programs: Programs,
    options: ClusterOptions,
    port: u16,
    server: Option<Process>,
}

impl Cluster {
    /// Makes the data directory, unless `data` is there already (a copy of another cluster's, for example). Nothing
    /// runs until [`Self::start_again`].
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn make(programs: Programs, options: ClusterOptions) -> Result<Self, ClusterError> {
        directory::make(&programs, &options).await?;
        let [port] = port::free().map_err(ClusterError::Port)?;
        Ok(Self { programs, options, port, server: None })
    }

    /// [`Self::make`], and a server on a free port.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn start(programs: Programs, options: ClusterOptions) -> Result<Self, ClusterError> {
        let mut cluster = Self::make(programs, options).await?;
        let mut tries = 1..port::TRIES;
        loop {
            match cluster.start_again().await {
                Err(ClusterError::Ended { log, .. })
                    if log.contains("Address already in use") && tries.next().is_some() =>
                {
                    [cluster.port] = port::free().map_err(ClusterError::Port)?;
                }
                outcome => return outcome.map(|()| cluster),
            }
        }
    }

    /// Starts a server that was stopped or has ended, on the port that it had, and waits until it answers.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub async fn start_again(&mut self) -> Result<(), ClusterError> {
        if self.is_running()? {
            return Err(ClusterError::Running);
        }
        let answers = tokio::time::timeout(START, self.run_until_it_answers()).await;
        answers.unwrap_or_else(|_| Err(ClusterError::Silent { log: self.log_tail() }))
    }

    async fn run_until_it_answers(&mut self) -> Result<(), ClusterError> {
        self.server = Some(self.launch()?);
        let data = self.data();
        let mut ticks = tokio::time::interval(INTERVAL);
        loop {
            ticks.tick().await;
            let server = self.server.as_mut().ok_or(ClusterError::NotRunning)?;
            let Some(status) = server.try_ended()? else {
                if directory::says_ready(&data, server.pid()) {
                    return Ok(());
                }
                continue;
            };
            self.server = None;
            let log = self.log_tail();
            // Children of a server that was killed are still ending: soon they have.
            if !directory::has_predecessor(&log) {
                return Err(ClusterError::Ended { status, log });
            }
            self.server = Some(self.launch()?);
        }
    }

    fn launch(&self) -> Result<Process, ProcessError> {
        let mut server = self.programs.command("postgres", &self.options.dir);
        server.arg("-D").arg(self.data()).args(["-p", &self.port.to_string()]);
        for (name, value) in directory::fixed_settings(self.options.durable) {
            server.args(["-c", &format!("{name}={value}")]);
        }
        for (name, value) in &self.options.settings {
            server.args(["-c", &format!("{name}={value}")]);
        }
        let watchdog = self.options.watchdog.as_deref();
        let log = self.log_file();
        Process::spawn(server, &Run { name: "PostgreSQL", log: &log, end_by: EndBy::Quit, watchdog })
    }

    /// Stops the server and waits for its end; one that does not end is killed. One that has ended is no error.
    ///
    /// # Errors
    /// The system does not tell what became of it.
    pub async fn stop(&mut self, shutdown: Shutdown) -> Result<(), ClusterError> {
        let signal = match shutdown {
            Shutdown::Fast => Signal::Int,
            Shutdown::Immediate => Signal::Quit,
        };
        if let Some(mut server) = self.server.take() {
            server.stop(signal, STOP).await?;
        }
        Ok(())
    }

    /// Kills the postmaster alone with SIGKILL. Its children notice and end a moment later.
    ///
    /// # Errors
    /// It is not running.
    pub async fn kill_postmaster(&mut self) -> Result<(), ClusterError> {
        let mut server = self.server.take().ok_or(ClusterError::NotRunning)?;
        server.stop(Signal::Kill, STOP).await?;
        Ok(())
    }

    /// Waits until the server ends by itself. May be dropped and called again.
    ///
    /// # Errors
    /// It is not running.
    pub async fn ended(&mut self) -> Result<ExitStatus, ClusterError> {
        Ok(self.server.as_mut().ok_or(ClusterError::NotRunning)?.ended().await?)
    }

    /// Whether the server is there.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn is_running(&mut self) -> Result<bool, ClusterError> {
        let Some(server) = &mut self.server else { return Ok(false) };
        if server.try_ended()?.is_some() {
            self.server = None;
        }
        Ok(self.server.is_some())
    }

    /// Creates an empty database.
    ///
    /// # Errors
    /// The server refused; the message has what it said.
    pub async fn create_database(&self, name: &str) -> Result<(), ClusterError> {
        Ok(tool::run(self.createdb(name), CREATE).await?)
    }

    /// Creates several empty databases, some at a time.
    ///
    /// # Errors
    /// The server refused one; the message has what it said.
    pub async fn create_databases(&self, names: &[&str]) -> Result<(), ClusterError> {
        let mut created = JoinSet::new();
        for name in names {
            if created.len() >= CREATED_AT_A_TIME {
                created.join_next().await.transpose().map_err(ClusterError::Lost)?.transpose()?;
            }
            created.spawn(tool::run(self.createdb(name), CREATE));
        }
        while let Some(one) = created.join_next().await {
            one.map_err(ClusterError::Lost)??;
        }
        Ok(())
    }

    fn createdb(&self, name: &str) -> Command {
        let mut createdb = self.programs.command("createdb", &self.options.dir);
        createdb.envs(self.environment("postgres")).args(["--no-password", "--", name]);
        createdb
    }

    /// What the environment of a client program (psql, pg_dump) needs to connect to `database` as the superuser.
    #[must_use]
    pub fn environment(&self, database: &str) -> [(&'static str, String); 5] {
        [
            ("PGHOST", "127.0.0.1".to_owned()),
            ("PGPORT", self.port.to_string()),
            ("PGUSER", self.options.superuser.clone()),
            ("PGPASSWORD", self.options.password.expose().to_owned()),
            ("PGDATABASE", database.to_owned()),
        ]
    }

    /// The port on 127.0.0.1; the same after [`Self::start_again`].
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's name.
    #[must_use]
    pub fn superuser(&self) -> &str {
        &self.options.superuser
    }

    /// The superuser's password.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.options.password
    }

    /// The programs of the server's own version: `pg_dump`, `psql` and the others.
    #[must_use]
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// The directory with the data directory (`data`) and the log (`server.log`).
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.options.dir
    }

    /// The process id of the postmaster, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Process::pid)
    }

    /// Where the server logs.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.options.dir.join("server.log")
    }

    /// The last lines of the log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log_file())
    }

    /// The major version of the server, as its data directory has it.
    #[must_use]
    pub fn version(&self) -> String {
        fs::read_to_string(self.data().join("PG_VERSION")).unwrap_or_default().trim().to_owned()
    }

    fn data(&self) -> PathBuf {
        self.options.dir.join("data")
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Cluster");
        shown.field("port", &self.port).field("directory", &self.options.dir).finish_non_exhaustive()
    }
}
