//! A process of pgbelay's own that is kept running, as a service manager would keep it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::process::{Process, ProcessError, Run};
use super::signal::Target;
use super::watchdog::{EndBy, Watchdog};

#[cfg(test)]
mod tests;

/// How long a daemon rests before it is started again: long enough that one which fails at once does not eat the
/// machine, short enough that a person does not wait for it.
const PAUSE: Duration = Duration::from_millis(500);

/// A daemon that ends more often than this within [`PERIOD`] is broken, and not started again.
const MAX_RESTARTS: usize = 5;

/// See [`MAX_RESTARTS`].
const PERIOD: Duration = Duration::from_secs(60);

/// What a daemon is started with, each time.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    /// What messages call it.
    pub(crate) name: String,
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) args: Vec<OsString>,
    /// The `PATH` that it sees. It sees nothing else of this process's environment: settings of the user's own agents
    /// (`MCP_DB_HOST`, …) are not meant for these.
    pub(crate) path: OsString,
    /// The directory that it works in.
    pub(crate) directory: PathBuf,
    /// Where its output is appended.
    pub(crate) log: PathBuf,
}

/// A process that is started again when it ends.
#[derive(Debug)]
pub(crate) struct Daemon {
    launch: Launch,
    watchdog: Arc<Watchdog>,
    state: State,
    /// When it was started again, oldest first; no more than [`MAX_RESTARTS`].
    restarts: VecDeque<Instant>,
}

#[derive(Debug)]
enum State {
    Running(Box<Process>),
    /// Kept here, not in a future: whoever waits may stop waiting and begin again.
    Resting(Pin<Box<Sleep>>),
    GivenUp,
}

/// What happens after an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is started again in a moment.
    Restart,
    /// It ended too often.
    GiveUp,
}

impl Launch {
    /// The command that starts it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(&self.directory);
        // What is written to a log has no colour.
        command.env_clear().env("PATH", &self.path).env("NO_COLOR", "1");
        command
    }

    fn start(&self, watchdog: &Watchdog) -> Result<State, ProcessError> {
        let run =
            Run { name: &self.name, log: &self.log, end_by: EndBy::KillGroup, watchdog: Some(watchdog) };
        Ok(State::Running(Box::new(Process::spawn(self.command(), &run)?)))
    }
}

impl Daemon {
    /// Starts it.
    pub(crate) fn start(launch: Launch, watchdog: &Arc<Watchdog>) -> Result<Self, ProcessError> {
        let state = launch.start(watchdog)?;
        Ok(Self { launch, watchdog: Arc::clone(watchdog), state, restarts: VecDeque::new() })
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> &str {
        &self.launch.name
    }

    /// Where its output is.
    pub(crate) fn log(&self) -> &Path {
        &self.launch.log
    }

    /// Its process, while there is one.
    pub(crate) fn target(&self) -> Option<Target> {
        match &self.state {
            State::Running(process) => Some(Target::Process(process.pid())),
            State::Resting(_) | State::GivenUp => None,
        }
    }

    /// Waits until it ends, starting it when its rest is over; for ever once it was given up. May be dropped and
    /// called again.
    pub(crate) async fn ended(&mut self) -> Result<(ExitStatus, Next), ProcessError> {
        loop {
            match &mut self.state {
                State::Running(process) => {
                    let status = process.ended().await?;
                    return Ok((status, self.rest()));
                }
                State::Resting(sleep) => {
                    sleep.as_mut().await;
                    self.state = self.launch.start(&self.watchdog)?;
                }
                State::GivenUp => std::future::pending().await,
            }
        }
    }

    /// Waits until its process ends, and does not start it again.
    pub(crate) async fn ended_for_good(&mut self) -> Result<(), ProcessError> {
        if let State::Running(process) = &mut self.state {
            process.ended().await?;
        }
        self.state = State::GivenUp;
        Ok(())
    }

    fn rest(&mut self) -> Next {
        let now = Instant::now();
        self.restarts.retain(|at| now.duration_since(*at) < PERIOD);
        if self.restarts.len() >= MAX_RESTARTS {
            self.state = State::GivenUp;
            return Next::GiveUp;
        }
        self.restarts.push_back(now);
        self.state = State::Resting(Box::pin(tokio::time::sleep_until(now + PAUSE)));
        Next::Restart
    }
}
