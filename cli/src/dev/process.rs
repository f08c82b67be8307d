//! A child process of the fleet: its output in a file, its end certain.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::process::Child;

use super::signal::{self, Signal, Target};
use super::watchdog::{EndBy, Watchdog, WatchdogError, Watched};

/// Lines of a log that a message shows.
const TAIL_LINES: usize = 15;

/// How much of the end of a log is looked at for them.
const TAIL_BYTES: u64 = 16 * 1024;

/// How long a process may take to end by a signal that it cannot refuse, before it is given up.
const END: Duration = Duration::from_secs(10);

/// How often `Drop`, which cannot await, looks whether a process has ended.
const INTERVAL: Duration = Duration::from_millis(10);

/// A running program. It leads a process group, so that Ctrl-C in a terminal does not reach it; the group is ended
/// with the value.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    pid: u32,
    child: Child,
    end_by: EndBy,
    // None: it has ended, and its pid may be somebody else's.
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    _watched: Option<Watched>,
}

/// How a program is run.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    /// What messages call it.
    pub(crate) name: &'a str,
    /// Where its output is appended.
    pub(crate) log: &'a Path,
    /// How it is ended with its value.
    pub(crate) end_by: EndBy,
    /// Who ends it if this process cannot.
    pub(crate) watchdog: Option<&'a Watchdog>,
}

/// Why a program does not run.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Its log cannot be written.
    #[error("cannot write {}", path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It does not start.
    #[error("cannot start {name}")]
    Start {
        /// What it is called.
        name: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It runs, but nobody would end it.
    #[error("cannot watch over {name}")]
    Watch {
        /// What it is called.
        name: String,
        /// Why.
        #[source]
        source: WatchdogError,
    },
    /// The system does not tell what became of it.
    #[error("cannot wait for {name}")]
    Wait {
        /// What it is called.
        name: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl Process {
    /// Starts `command`; it reads nothing, and what it writes goes to the log.
    pub(crate) fn spawn(mut command: Command, run: &Run<'_>) -> Result<Self, ProcessError> {
        let name = run.name.to_owned();
        let log_error = |source| ProcessError::Log { path: run.log.to_owned(), source };
        let log = File::options().create(true).append(true).open(run.log).map_err(log_error)?;
        command.stdin(Stdio::null()).stdout(log.try_clone().map_err(log_error)?).stderr(log).process_group(0);
        let started = tokio::process::Command::from(command).spawn();
        let child = started.map_err(|source| ProcessError::Start { name: name.clone(), source })?;
        let pid = child.id().unwrap_or_default();
        let running = Some(Running { _watched: None });
        let mut process = Self { name, pid, child, end_by: run.end_by, running };
        let watched = run.watchdog.map(|watchdog| watchdog.watch(pid, run.end_by)).transpose();
        let failed = |source| ProcessError::Watch { name: run.name.to_owned(), source };
        process.running = Some(Running { _watched: watched.map_err(failed)? });
        Ok(process)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until it ends. May be dropped and called again.
    pub(crate) async fn ended(&mut self) -> Result<ExitStatus, ProcessError> {
        let status = self.child.wait().await;
        let status = status.map_err(|source| ProcessError::Wait { name: self.name.clone(), source })?;
        self.has_ended();
        Ok(status)
    }

    /// How it has ended, if it has.
    pub(crate) fn try_ended(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        let status = self.child.try_wait();
        let status = status.map_err(|source| ProcessError::Wait { name: self.name.clone(), source })?;
        if status.is_some() {
            self.has_ended();
        }
        Ok(status)
    }

    /// Sends `signal` and waits for the end; what has not ended after `grace` is killed.
    pub(crate) async fn stop(&mut self, signal: Signal, grace: Duration) -> Result<ExitStatus, ProcessError> {
        if let Some(status) = self.try_ended()? {
            return Ok(status);
        }
        // Failing to send is like being ignored.
        let _ = signal::send(signal, Target::Process(self.pid));
        match tokio::time::timeout(grace, self.ended()).await {
            Ok(ended) => ended,
            Err(_) => {
                let _ = self.child.start_kill();
                self.ended().await
            }
        }
    }

    /// What it may have left behind in its group ends too, as with a service manager.
    fn has_ended(&mut self) {
        if self.running.take().is_some() && self.end_by == EndBy::KillGroup {
            let _ = signal::send(Signal::Kill, Target::Group(self.pid));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.running.is_none() {
            return;
        }
        let (signal, target) = self.end_by.signal(self.pid);
        // Nothing can be done about a failure here; the watchdog tries once more.
        let _ = signal::send(signal, target);
        if blocking_until(END, || self.child.try_wait().ok().flatten()).is_none() {
            let _ = self.child.start_kill();
            blocking_until(END, || self.child.try_wait().ok().flatten());
        }
    }
}

/// The last lines of a log; a note where it cannot be read.
pub(crate) fn tail(log: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let start = file.metadata()?.len().saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<_> = text.lines().collect();
            lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
        }
        Err(error) => format!("({} cannot be read: {error})", log.display()),
    }
}

/// Asks until there is a value or the deadline has passed; for `Drop`, which cannot await.
#[expect(clippy::disallowed_methods, reason = "Drop cannot await; used where the wait is short")]
pub(crate) fn blocking_until<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        let value = look();
        if value.is_some() || start.elapsed() > deadline {
            return value;
        }
        std::thread::sleep(INTERVAL);
    }
}
