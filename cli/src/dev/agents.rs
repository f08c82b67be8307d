//! The agents of a throwaway fleet: one for each database, enrolled with a token as any other.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pgbelay_proto::credentials::write_private;
use pgbelay_proto::tls::Secret;
use tokio::task::{JoinError, JoinSet};

use super::cluster::Cluster;
use super::controller::Controller;
use super::daemon::Daemon;
use super::environments::Managed;
use super::home::HomeError;
use super::operator::{Invitation, Operator, OperatorError};
use super::process::ProcessError;
use super::site::Site;
use super::tool::{self, ToolError};

/// How long one enrolment may take.
const ENROL: Duration = Duration::from_secs(60);

/// How many agents enrol at a time: each is a process that makes a key.
const AT_A_TIME: usize = 8;

/// How long it may take until the agents have connected, and how much longer for each of them.
const CONNECT: Duration = Duration::from_secs(60);
/// See [`CONNECT`].
const CONNECT_EACH: Duration = Duration::from_millis(500);

/// How often it is looked whether they have.
const INTERVAL: Duration = Duration::from_millis(100);

/// Why agents do not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentsError {
    /// There is no place for an agent's files.
    #[error(transparent)]
    Directory(#[from] HomeError),
    /// An agent's files cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The controller gave no token.
    #[error("the controller gave no join token for {name}")]
    Token {
        /// The database.
        name: String,
        /// Why not.
        #[source]
        source: OperatorError,
    },
    /// The agent did not get a certificate.
    #[error("the agent of {name} could not enrol")]
    Enrol {
        /// The database.
        name: String,
        /// What it said.
        #[source]
        source: ToolError,
    },
    /// A task was lost, which is a fault of pgbelay.
    #[error("an enrolment was lost")]
    Lost(#[source] JoinError),
    /// Its process cannot be started.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The controller does not tell who is connected.
    #[error("cannot ask the controller which agents are connected")]
    Status(#[source] OperatorError),
    /// Not all of them connected.
    #[error("not connected after {waited:?}: {}", missing.join(", "))]
    Missing {
        /// How long they had.
        waited: Duration,
        /// Which.
        missing: Vec<String>,
    },
}

/// Invites, enrols and starts the agents of all databases.
pub(crate) async fn start(
    site: &Site,
    cluster: &Cluster,
    controller: &Controller,
    databases: &[Managed],
) -> Result<Vec<Daemon>, AgentsError> {
    let mut enrolments = JoinSet::new();
    for database in databases {
        let name = database.name.to_string();
        let config = write_config(site, cluster, &controller.address, database)?;
        let invited = controller.operator.invite(database).await;
        let invitation = invited.map_err(|source| AgentsError::Token { name: name.clone(), source })?;
        if enrolments.len() >= AT_A_TIME {
            finish_one(&mut enrolments).await?;
        }
        let mut enrol = site.agent(&name, enrol_arguments(&config, &invitation)).command();
        enrol.env("PGBELAY_JOIN_TOKEN", invitation.token.expose());
        enrolments.spawn(async move {
            let enrolled = tool::run(enrol, ENROL).await;
            enrolled.map_err(|source| AgentsError::Enrol { name, source })
        });
    }
    while !enrolments.is_empty() {
        finish_one(&mut enrolments).await?;
    }
    let run = |database: &Managed| {
        let name = database.name.as_str();
        let config = directory(site, name).join("agent.yaml");
        Ok(site.start(site.agent(name, [OsString::from("run"), "--config".into(), config.into()]))?)
    };
    databases.iter().map(run).collect()
}

async fn finish_one(enrolments: &mut JoinSet<Result<(), AgentsError>>) -> Result<(), AgentsError> {
    match enrolments.join_next().await {
        Some(enrolled) => enrolled.map_err(AgentsError::Lost)?,
        None => Ok(()),
    }
}

fn enrol_arguments(config: &Path, invitation: &Invitation) -> [OsString; 5] {
    ["enroll".into(), "--config".into(), config.into(), "--controller".into(), (&invitation.address).into()]
}

/// Waits until the controller has seen every agent's hello.
pub(crate) async fn until_connected(operator: &Operator, databases: &[Managed]) -> Result<(), AgentsError> {
    let deadline = CONNECT + CONNECT_EACH * u32::try_from(databases.len()).unwrap_or(u32::MAX);
    let mut missing: Vec<String> = databases.iter().map(|database| database.name.to_string()).collect();
    let all = async {
        let mut ticks = tokio::time::interval(INTERVAL);
        while !missing.is_empty() {
            ticks.tick().await;
            let connected = operator.connected().await.map_err(AgentsError::Status)?;
            missing.retain(|name| !connected.contains(name));
        }
        Ok(())
    };
    let all = tokio::time::timeout(deadline, all).await;
    all.unwrap_or(Err(AgentsError::Missing { waited: deadline, missing }))
}

fn directory(site: &Site, name: &str) -> PathBuf {
    site.home().path().join("agents").join(name)
}

/// Writes what the agent's documentation asks for, and nothing else.
fn write_config(
    site: &Site,
    cluster: &Cluster,
    controller: &str,
    database: &Managed,
) -> Result<PathBuf, AgentsError> {
    let directory = site.home().make_private(directory(site, database.name.as_str()))?;
    let path = directory.join("agent.yaml");
    let config = Config {
        port: cluster.port(),
        dbname: &database.dbname,
        user: cluster.superuser(),
        password: cluster.password(),
        name: database.name.as_str(),
        controller,
        directory: &directory,
        pg_bin: cluster.programs().dir(),
    };
    write_private(&path, config.yaml().as_bytes())
        .map_err(|source| AgentsError::Write { path: path.clone(), source })?;
    Ok(path)
}

struct Config<'a> {
    port: u16,
    dbname: &'a str,
    user: &'a str,
    password: &'a Secret,
    name: &'a str,
    controller: &'a str,
    directory: &'a Path,
    pg_bin: &'a Path,
}

impl Config<'_> {
    fn yaml(&self) -> String {
        let backups = self.directory.join("backups");
        format!(
            "database:\n  host: 127.0.0.1\n  port: {}\n  name: {}\n  user: {}\n  password: {}\n\
             migration:\n  backup_dir: {}\n\
             logging:\n  level: info\n  format: text\n\
             agent:\n  name: {}\n  controller: {}\n  state_dir: {}\n  pg_bin: {}\n",
            self.port,
            quoted(self.dbname),
            quoted(self.user),
            quoted(self.password.expose()),
            quoted_path(&backups),
            quoted(self.name),
            quoted(self.controller),
            quoted_path(&self.directory.join("state")),
            quoted_path(self.pg_bin),
        )
    }
}

/// A text as YAML takes it, whatever is in it: a JSON text is one.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}
