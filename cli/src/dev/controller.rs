//! The controller of a throwaway fleet: a real one, on free ports.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::daemon::Daemon;
use super::environments::Environments;
use super::home::HomeError;
use super::operator::{Operator, OperatorError};
use super::port;
use super::process::{ProcessError, tail};
use super::site::Site;
use super::tool::{self, ToolError};

/// The first admin's name: whose work the history shows.
pub(crate) const ADMIN: &str = "dev";

/// How long `init` may take: two keys and a file.
const INIT: Duration = Duration::from_secs(30);

/// How long a controller may take until it answers: it has nothing to read yet.
const START: Duration = Duration::from_secs(30);

/// How often it is asked.
const INTERVAL: Duration = Duration::from_millis(50);

/// A controller that answers.
#[derive(Debug)]
pub(crate) struct Controller {
    /// Its process.
    pub(crate) daemon: Daemon,
    /// Where agents and operators find it.
    pub(crate) address: String,
    /// Its admin, who is connected.
    pub(crate) operator: Operator,
    /// The admin's credentials.
    pub(crate) credentials: PathBuf,
}

/// Why there is no controller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControllerError {
    /// There is no port to be had.
    #[error("cannot find a free port")]
    Port(#[source] io::Error),
    /// There is no place for it.
    #[error(transparent)]
    Directory(#[from] HomeError),
    /// It cannot be set up.
    #[error("cannot set up the controller")]
    Init(#[source] ToolError),
    /// What was set up for ports that were taken cannot be removed.
    #[error("cannot remove {}", path.display())]
    Remove {
        /// Its directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Its process cannot be started or waited for.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// It ended instead of answering.
    #[error("the controller ended with {status} instead of starting; its log ends:\n{log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// It does not answer as it should.
    #[error("the controller did not answer within {START:?}; its log ends:\n{log}")]
    Silent {
        /// The end of its log.
        log: String,
        /// What came instead.
        #[source]
        source: Option<OperatorError>,
    },
}

/// Sets a controller up and runs it.
pub(crate) async fn start(site: &Site, environments: &Environments) -> Result<Controller, ControllerError> {
    let mut tries = 1..port::TRIES;
    loop {
        match try_start(site, environments).await {
            Err(ControllerError::Ended { log, .. }) if is_taken(&log) && tries.next().is_some() => {
                let path = site.home().path().join("controller");
                fs::remove_dir_all(&path).map_err(|source| ControllerError::Remove { path, source })?;
            }
            outcome => return outcome,
        }
    }
}

/// What the system says of a port that somebody else has.
fn is_taken(log: &str) -> bool {
    log.to_lowercase().contains("address already in use") || log.contains("AddrInUse")
}

async fn try_start(site: &Site, environments: &Environments) -> Result<Controller, ControllerError> {
    let [listen, enrol] = port::free().map_err(ControllerError::Port)?;
    let (listen, enrol) = (format!("127.0.0.1:{listen}"), format!("127.0.0.1:{enrol}"));
    let directory = site.home().make_private("controller")?;
    let names: Vec<_> = environments.names().map(ToString::to_string).collect();
    let mut init: Vec<OsString> = vec!["init".into(), "--dir".into(), directory.clone().into()];
    let rest = ["--environments", &names.join(","), "--listen", &listen, "--enrol-listen", &enrol];
    init.extend(rest.into_iter().chain(["--admin", ADMIN]).map(OsString::from));
    tool::run(site.controller(init).command(), INIT).await.map_err(ControllerError::Init)?;

    let credentials = directory.join("admin.credentials");
    let run: [OsString; 3] = ["run".into(), "--dir".into(), directory.into()];
    let mut daemon = site.start(site.controller(run))?;
    let log = daemon.log().to_owned();
    let mut last = None;
    let answers = tokio::select! {
        ended = daemon.ended() => {
            let (status, _) = ended?;
            return Err(ControllerError::Ended { status, log: tail(&log) });
        }
        answers = tokio::time::timeout(START, until_it_answers(&credentials, &mut last)) => answers.ok(),
    };
    match answers {
        Some(operator) => Ok(Controller { daemon, address: listen, operator, credentials }),
        None => Err(ControllerError::Silent { log: tail(&log), source: last }),
    }
}

async fn until_it_answers(credentials: &Path, last: &mut Option<OperatorError>) -> Operator {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let connected = async {
            let operator = Operator::connect(credentials).await?;
            operator.connected().await?;
            Ok(operator)
        };
        match connected.await {
            Ok(operator) => return operator,
            Err(error) => *last = Some(error),
        }
    }
}
