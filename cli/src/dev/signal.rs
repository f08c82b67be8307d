//! Signals to processes and to whole process groups.
//!
//! The standard library has no safe call for anything but SIGKILL to a child; every shell has the command built in.

use std::io;
use std::process::{Command, Stdio};

use tokio::signal::unix::{self, SignalKind};

/// A signal that is sent here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Please end.
    Term,
    /// What Ctrl-C sends; to a postmaster: "fast shutdown".
    Int,
    /// The terminal has gone.
    Hup,
    /// To a postmaster: "immediate shutdown".
    Quit,
    /// End, without being asked.
    Kill,
}

/// Whom a signal goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// One process.
    Process(u32),
    /// Every process of the group that this one leads.
    Group(u32),
}

impl Signal {
    /// What a shell reports for a process that this signal ended: 128 and its number, which POSIX fixes.
    pub(crate) fn exit_code(self) -> u8 {
        128 + match self {
            Self::Hup => 1,
            Self::Int => 2,
            Self::Quit => 3,
            Self::Kill => 9,
            Self::Term => 15,
        }
    }

    /// Its name without `SIG`, as `kill -s` takes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Hup => "HUP",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
        }
    }
}

impl Target {
    /// As `kill` takes it: a group is a negative number.
    pub(crate) fn argument(self) -> String {
        match self {
            Self::Process(pid) => pid.to_string(),
            Self::Group(pid) => format!("-{pid}"),
        }
    }
}

/// Sends a signal. Nobody there is no error: whoever was meant has ended.
pub(crate) fn send(signal: Signal, target: Target) -> io::Result<()> {
    send_all(signal, &[target])
}

/// Sends a signal to several at once.
pub(crate) fn send_all(signal: Signal, targets: &[Target]) -> io::Result<()> {
    let mut kill = Command::new("/bin/sh");
    // One by one: some shells stop at the first that has ended.
    kill.args(["-c", "signal=$1; shift; for t; do kill -s \"$signal\" -- \"$t\"; done", "sh", signal.name()]);
    kill.args(targets.iter().map(|target| target.argument()));
    kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    kill.status().map(drop)
}

/// The signals that end this process, for as long as the value lives.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hang_up: unix::Signal,
}

impl Signals {
    /// From here on they are events, and end nothing by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            terminate: unix::signal(SignalKind::terminate())?,
            hang_up: unix::signal(SignalKind::hangup())?,
        })
    }

    /// The next of them. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Int,
            _ = self.terminate.recv() => Signal::Term,
            _ = self.hang_up.recv() => Signal::Hup,
        }
    }
}
