//! A real PostgreSQL server for one test: its own data directory, port, password and log.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio_postgres::{Client, Config, NoTls};

use self::programs::Programs;
use crate::process::{self, tail};
use crate::scratch::{EndBy, Scratch, Watched};
use crate::wait::{self, Look};

pub use self::builder::Builder;

mod builder;
mod programs;
mod template;
#[cfg(test)]
mod tests;

/// The superuser of every cluster.
const SUPERUSER: &str = "belay";

/// How long a server may take until it answers: recovery of a test's little data, on a machine busy with others.
const START: Duration = Duration::from_secs(60);

/// How long a server may take to end once it was told to: its children close their files.
const STOP: Duration = Duration::from_secs(20);

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// A PostgreSQL server on 127.0.0.1 and on a socket in its directory. It ends, and its directory goes away, with the
/// value; the directory stays (data, `server.log`) when the test is panicking.
///
/// It runs under another account when the tests run as root. Should the test process be killed, the watchdog (see
/// [`crate::scratch`]) ends the server.
pub struct Cluster {
    programs: Programs,
    password: String,
    port: u16,
    data: PathBuf,
    settings: Vec<(String, String)>,
    server: Option<(Child, Watched)>,
    // The last field: the directory is removed after the server has ended.
    scratch: Scratch,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.scratch.path();
        f.debug_struct("Cluster")
            .field("port", &self.port)
            .field("directory", &directory)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Starts a server with the defaults of [`Builder`].
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub async fn start() -> anyhow::Result<Self> {
        Self::builder().start().await
    }

    /// A server that needs other than the defaults.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The port on 127.0.0.1; the same after [`Self::start_again`].
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's name.
    #[must_use]
    pub fn user(&self) -> &str {
        SUPERUSER
    }

    /// The superuser's password; connections without it are refused, on the socket too.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The directory with the socket, the data directory (`data`) and the log (`server.log`).
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    /// The directory of the programs of the server's own version: `pg_dump`, `psql` and the others.
    #[must_use]
    pub fn programs(&self) -> &Path {
        &self.programs.dir
    }

    /// What the environment of a client program (psql, pg_dump) needs to connect to `database`.
    #[must_use]
    pub fn environment(&self, database: &str) -> [(&'static str, String); 5] {
        [
            ("PGHOST", "127.0.0.1".to_owned()),
            ("PGPORT", self.port.to_string()),
            ("PGUSER", SUPERUSER.to_owned()),
            ("PGPASSWORD", self.password.clone()),
            ("PGDATABASE", database.to_owned()),
        ]
    }

    /// What a connection to `database` as the superuser needs.
    #[must_use]
    pub fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user(SUPERUSER).password(&self.password).dbname(database);
        config.application_name("pgbelay testkit").connect_timeout(CONNECT);
        config
    }

    /// Connects to `database` as the superuser. The connection lives in a task and ends with the client.
    ///
    /// # Errors
    /// The server or the database is not there.
    pub async fn connect(&self, database: &str) -> anyhow::Result<Client> {
        open(&self.config(database)).await.with_context(|| format!("failed to connect to {database}"))
    }

    /// Creates an empty database.
    ///
    /// # Errors
    /// The server refused.
    pub async fn create_database(&self, name: &str) -> anyhow::Result<()> {
        let quoted = name.replace('"', "\"\"");
        let created =
            self.connect("postgres").await?.batch_execute(&format!("CREATE DATABASE \"{quoted}\"")).await;
        created.with_context(|| format!("failed to create the database {name}"))
    }

    /// Ends every other session on `database`; how many there were.
    ///
    /// # Errors
    /// The server is not there.
    pub async fn terminate_backends(&self, database: &str) -> anyhow::Result<usize> {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = $1 AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        Ok(self.connect("postgres").await?.query(sql, &[&database]).await?.len())
    }

    /// The schema of `database` as pg_dump writes it, without what differs from run to run.
    ///
    /// # Errors
    /// pg_dump failed; the message has what it said.
    pub async fn dump_schema(&self, database: &str) -> anyhow::Result<String> {
        let mut dump = tokio::process::Command::from(self.programs.client("pg_dump"));
        dump.args(["--schema-only", "--no-password"]).envs(self.environment(database)).kill_on_drop(true);
        let output = tokio::time::timeout(START, dump.output()).await.context("pg_dump took too long")??;
        ensure!(output.status.success(), "pg_dump failed: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        // Newer versions wrap the dump in \restrict with a random key.
        let stable =
            text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        Ok(stable.collect::<Vec<_>>().join("\n"))
    }

    /// Everything that the server has logged.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn log(&self) -> anyhow::Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.log_file())?).into_owned())
    }

    /// Ends the server at once, as a crash of all its processes would: no checkpoint, clients cut off.
    ///
    /// # Errors
    /// It is not running, or did not end.
    pub fn stop_immediate(&mut self) -> anyhow::Result<()> {
        let (mut server, _watched) = self.server.take().context("the server is not running")?;
        end(&mut server)
    }

    /// Kills the postmaster alone with SIGKILL. Its children notice and end a moment later.
    ///
    /// # Errors
    /// It is not running.
    pub fn kill9_postmaster(&mut self) -> anyhow::Result<()> {
        let (mut server, _watched) = self.server.take().context("the server is not running")?;
        server.kill()?;
        server.wait().map(drop).context("failed to wait for the postmaster")
    }

    /// Starts the server on its port and waits until it accepts connections. Children of a killed postmaster that
    /// are still there are waited for.
    ///
    /// # Errors
    /// It is running already, or does not start; the message has the end of its log.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        ensure!(self.server.is_none(), "the server is running already");
        let ready = wait::until("PostgreSQL to accept connections", START, async || self.look().await).await;
        ready.with_context(|| format!("PostgreSQL did not start; its log ends:\n{}", tail(&self.log_file())))
    }

    /// One step towards a running server: starts it if it is not there, looks whether it answers.
    async fn look(&mut self) -> anyhow::Result<Look<()>> {
        let Some((server, _)) = &mut self.server else {
            self.server = Some(self.launch()?);
            return Ok(Look::not_yet("started"));
        };
        if let Some(status) = server.try_wait()? {
            self.server = None;
            let said = tail(&self.log_file());
            let predecessor =
                ["pre-existing shared memory block", "lock file \"postmaster.pid\" already exists"];
            let passing = said.lines().rev().take(5).any(|line| predecessor.iter().any(|p| line.contains(p)));
            let what = format!("it ended with {status}");
            return Ok(if passing { Look::NotYet(what) } else { Look::Never(what) });
        }
        // By the socket in its own directory: on the port somebody else's server might answer.
        let mut config = Config::new();
        config.host_path(self.scratch.path()).port(self.port).user(SUPERUSER).password(&self.password);
        open(config.dbname("postgres").connect_timeout(CONNECT)).await?;
        Ok(Look::Done(()))
    }

    fn launch(&self) -> anyhow::Result<(Child, Watched)> {
        let log = File::options().create(true).append(true).open(self.log_file())?;
        let mut server = self.programs.command("postgres", self.scratch.path());
        server.arg("-D").arg(&self.data).args(["-p", &self.port.to_string()]);
        for (name, value) in &self.settings {
            server.arg("-c").arg(format!("{name}={value}"));
        }
        server.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // A group of its own: Ctrl-C reaches the tests, and they (or the watchdog) end the server.
        let server = server.process_group(0).spawn().context("failed to start postgres")?;
        let watched = Watched::new(server.id(), EndBy::Quit)?;
        Ok((server, watched))
    }

    fn log_file(&self) -> PathBuf {
        self.scratch.path().join("server.log")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some((mut server, _watched)) = self.server.take() {
            // A failure leaves nothing to be done here; the directory's removal shows it.
            let _ = end(&mut server);
        }
    }
}

/// Ends a server by "immediate shutdown" and waits for it.
fn end(server: &mut Child) -> anyhow::Result<()> {
    if server.try_wait()?.is_some() {
        return Ok(());
    }
    process::signal(server.id(), "QUIT")?;
    if wait::blocking_until(STOP, || server.try_wait().ok().flatten()).is_none() {
        server.kill()?;
        server.wait()?;
        bail!("the server had to be killed");
    }
    Ok(())
}

async fn open(config: &Config) -> anyhow::Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    // Its error is the client's too.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}
