//! What every part of a throwaway fleet is made with: its directory, the watchdog, pgbelay's own programs.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::daemon::{Daemon, Launch};
use super::home::{Home, HomeError};
use super::process::ProcessError;
use super::programs::Programs;
use super::watchdog::{Watchdog, WatchdogError};

/// Where a fleet is made, and with what.
#[derive(Debug)]
pub(crate) struct Site {
    controller: PathBuf,
    agent: PathBuf,
    path: OsString,
    // In this order they are dropped: the watchdog is told that nothing is left to do when nothing is.
    home: Home,
    watchdog: Arc<Watchdog>,
}

/// Why nothing can be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SiteError {
    /// One of pgbelay's programs is not there.
    #[error("there is no {}; build the workspace first: cargo build --workspace --bins", path.display())]
    NotBuilt {
        /// Where it should be.
        path: PathBuf,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Nobody would clear up.
    #[error("cannot start the watchdog")]
    Watchdog(#[source] WatchdogError),
}

impl Site {
    /// Prepares `dir` (a temporary directory without it), for the programs beside `pgbelay`.
    pub(crate) fn make(dir: Option<&Path>, pgbelay: &Path, programs: &Programs) -> Result<Self, SiteError> {
        let beside = |name| {
            let path = pgbelay.with_file_name(name);
            if path.is_file() { Ok(path) } else { Err(SiteError::NotBuilt { path }) }
        };
        let (controller, agent) = (beside("pgbelay-controller")?, beside("pgbelay-agent")?);
        let mut path = OsString::from(programs.dir());
        path.push(":/usr/local/bin:/usr/bin:/bin");
        let home = Home::make(dir, programs.account())?;
        let watchdog = Watchdog::start(home.path(), home.leave()).map_err(SiteError::Watchdog)?;
        Ok(Self { controller, agent, path, home, watchdog: Arc::new(watchdog) })
    }

    /// The directory.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// Who ends the processes if this one cannot.
    pub(crate) fn watchdog(&self) -> &Arc<Watchdog> {
        &self.watchdog
    }

    /// A command of the controller's program.
    pub(crate) fn controller<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Launch {
        self.launch("controller", &self.controller, args)
    }

    /// A command of the agent's program, for the database `name`.
    pub(crate) fn agent<I: AsRef<OsStr>>(&self, name: &str, args: impl IntoIterator<Item = I>) -> Launch {
        self.launch(&format!("agent {name}"), &self.agent, args)
    }

    /// Starts a daemon that the watchdog knows.
    pub(crate) fn start(&self, launch: Launch) -> Result<Daemon, ProcessError> {
        Daemon::start(launch, &self.watchdog)
    }

    fn launch<I: AsRef<OsStr>>(
        &self,
        name: &str,
        program: &Path,
        args: impl IntoIterator<Item = I>,
    ) -> Launch {
        Launch {
            name: name.to_owned(),
            program: program.to_owned(),
            args: args.into_iter().map(|arg| arg.as_ref().to_owned()).collect(),
            path: self.path.clone(),
            directory: self.home.path().to_owned(),
            log: self.home.log(&name.replace(' ', "-")),
        }
    }
}
