//! A command that runs while the fleet does, with the terminal of whoever started it.

use std::future::pending;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tokio::process::Child;
use tokio::time::Instant;

use super::fleet::{Fleet, FleetError};
use super::narrate::Narrator;
use super::signal::{self, Signal, Signals};
use super::watchdog::{EndBy, Watchdog, WatchdogError};

/// How long the command may take to end when it was told to, before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// How a command is run.
#[derive(Debug)]
pub(crate) struct Foreground<'a> {
    /// The command, complete.
    pub(crate) command: Command,
    /// Whether somebody types. Then the command stays in the terminal's foreground group, where Ctrl-C reaches it
    /// without help (a shell or psql must survive it); else it leads a group, and signals are passed on.
    pub(crate) interactive: bool,
    /// Who ends it if this process cannot.
    pub(crate) watchdog: &'a Watchdog,
    /// Where is told what happens to the fleet meanwhile.
    pub(crate) narrator: Narrator,
}

/// Why a command did not run, or was not let run to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForegroundError {
    /// It does not start.
    #[error("cannot run {program}")]
    Start {
        /// As it was given.
        program: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Nobody would end it.
    #[error("cannot watch over {program}")]
    Watch {
        /// As it was given.
        program: String,
        /// Why.
        #[source]
        source: WatchdogError,
    },
    /// The system does not tell what became of it.
    #[error("cannot wait for {program}")]
    Wait {
        /// As it was given.
        program: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The fleet is gone, and the command was ended.
    #[error(transparent)]
    Fleet(FleetError),
}

impl ForegroundError {
    /// What a shell reports in such a case.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
            Self::Start { .. } => 126,
            Self::Watch { .. } | Self::Wait { .. } | Self::Fleet(_) => 1,
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Its exit code, or 128 and the number of the signal that ended it.
    pub(crate) code: u8,
    /// Whether this process was asked to end meanwhile.
    pub(crate) asked_to_end: bool,
}

/// Runs the command while the fleet is kept running.
pub(crate) async fn run(
    foreground: Foreground<'_>,
    fleet: &mut Fleet,
    signals: &mut Signals,
) -> Result<Outcome, ForegroundError> {
    let Foreground { mut command, interactive, watchdog, narrator } = foreground;
    let program = command.get_program().display().to_string();
    let end_by = if interactive { EndBy::Kill } else { EndBy::KillGroup };
    if !interactive {
        command.process_group(0);
    }
    let mut command = tokio::process::Command::from(command);
    let started = command.kill_on_drop(true).spawn();
    let child = started.map_err(|source| ForegroundError::Start { program: program.clone(), source })?;
    let pid = child.id().unwrap_or_default();
    let watched = watchdog.watch(pid, end_by);
    let _watched = watched.map_err(|source| ForegroundError::Watch { program: program.clone(), source })?;
    let mut running = Running { child, pid, end_by, ended: false };
    let mut kill_at = None;
    loop {
        tokio::select! {
            status = running.ended(kill_at) => {
                let status = status.map_err(|source| ForegroundError::Wait { program, source })?;
                return Ok(Outcome { code: code(status), asked_to_end: kill_at.is_some() });
            }
            signal = signals.next() => {
                running.pass_on(signal, interactive);
                // A person at a terminal may well press Ctrl-C and go on.
                if !(interactive && signal == Signal::Int) {
                    kill_at.get_or_insert(Instant::now() + GRACE);
                }
            }
            error = fleet.keep(narrator) => {
                running.send(Signal::Term);
                // How it ends does not matter any more.
                let _ = running.ended(Some(Instant::now() + GRACE)).await;
                return Err(ForegroundError::Fleet(error));
            }
        }
    }
}

struct Running {
    child: Child,
    pid: u32,
    end_by: EndBy,
    ended: bool,
}

impl Running {
    /// Waits for the end, and brings it about at the time given. May be dropped and called again.
    async fn ended(&mut self, kill_at: Option<Instant>) -> io::Result<ExitStatus> {
        let grace = async {
            match kill_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => pending().await,
            }
        };
        let status = tokio::select! {
            status = self.child.wait() => Some(status?),
            () = grace => None,
        };
        let status = match status {
            Some(status) => status,
            None => {
                self.send(Signal::Kill);
                self.child.wait().await?
            }
        };
        self.clear();
        Ok(status)
    }

    /// What it left in its group ends with it, as with a service manager.
    fn clear(&mut self) {
        if !self.ended && self.end_by == EndBy::KillGroup {
            self.send(Signal::Kill);
        }
        self.ended = true;
    }

    fn pass_on(&self, signal: Signal, interactive: bool) {
        // The terminal has sent it to both already.
        if !(interactive && signal == Signal::Int) {
            self.send(signal);
        }
    }

    fn send(&self, signal: Signal) {
        let (_, target) = self.end_by.signal(self.pid);
        if !self.ended {
            // Failing to send is like being ignored.
            let _ = signal::send(signal, target);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only if nobody waited for the end: the whole group, where kill_on_drop knows the leader only.
        self.clear();
    }
}

fn code(status: ExitStatus) -> u8 {
    let signal = status.signal().map(|number| 128 + number);
    u8::try_from(status.code().or(signal).unwrap_or(1)).unwrap_or(1)
}
