//! Real processes under test: their logs in files, their end certain.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::scratch::{EndBy, Watched};
use crate::wait::{self, Look};

pub use self::build::{agent_with_failpoints, bin};

mod build;
#[cfg(test)]
mod tests;

/// Lines of a log that a failure message shows.
const TAIL_LINES: usize = 40;

/// A running program. What it writes goes to `<name>.log`; it is killed with the value.
///
/// A test that is panicking prints the end of the log.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    /// What stood in the log before it.
    said_before: usize,
    _watched: Watched,
}

impl Process {
    /// Starts `command`. Its output is appended to `<log_dir>/<name>.log`, so that a restarted process goes on in
    /// the log of the one before; its input is empty.
    ///
    /// # Errors
    /// The log cannot be written, or the program cannot be started.
    pub fn spawn(mut command: Command, name: &str, log_dir: &Path) -> anyhow::Result<Self> {
        let path = log_dir.join(format!("{name}.log"));
        let log = File::options().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("failed to open {}", path.display()))?;
        let said_before = usize::try_from(log.metadata()?.len())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // A group of its own: Ctrl-C reaches the tests, and they (or the watchdog) end the process.
        let child = command.process_group(0).spawn().with_context(|| format!("failed to start {name}"))?;
        let watched = Watched::new(child.id(), EndBy::Kill)?;
        Ok(Self { name: name.to_owned(), child, log: path, said_before, _watched: watched })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file that its output goes to.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// The last lines of its output.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }

    /// Whether it has not ended yet. A stopped process is running.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills it with SIGKILL and waits for its end. One that has ended already is no error.
    ///
    /// # Errors
    /// The system refused.
    pub fn kill9(&mut self) -> anyhow::Result<ExitStatus> {
        self.child.kill().with_context(|| format!("failed to kill {}", self.name))?;
        self.child.wait().with_context(|| format!("failed to wait for {}", self.name))
    }

    /// Sends a signal by its name without `SIG`: `STOP` and `CONT` make it hang for a while, `INT` is Ctrl-C.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&mut self, name: &str) -> anyhow::Result<()> {
        ensure!(self.is_running(), "{} has ended; its log ends:\n{}", self.name, self.log_tail());
        signal(self.pid(), name)
    }

    /// Sends SIGTERM and waits for its end.
    ///
    /// # Errors
    /// It has ended already, or did not end in time: then it goes on running. The message has the end of its log.
    pub async fn terminate(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        self.signal("TERM")?;
        self.wait(deadline).await
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// It did not end in time. The message has the end of its log.
    pub async fn wait(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("{} (pid {}) to end", self.name, self.pid());
        let ended = wait::until(&what, deadline, async || Ok(self.child.try_wait()?)).await;
        ended.with_context(|| format!("the log of {} ends:\n{}", self.name, self.log_tail()))
    }

    /// Waits until it has logged a line that contains `text`; that line. What a process before it said does not count.
    ///
    /// # Errors
    /// It did not appear in time, or the process ended without it. The message has the end of its log.
    pub async fn wait_for_log(&mut self, text: &str, deadline: Duration) -> anyhow::Result<String> {
        let what = format!("{} to log {text:?}", self.name);
        let seen = wait::until(&what, deadline, async || {
            // Asked first: what it wrote before its end is in the log then.
            let running = self.is_running();
            let log = fs::read(&self.log)?;
            let log = String::from_utf8_lossy(log.get(self.said_before..).unwrap_or_default());
            Ok(match log.lines().find(|line| line.contains(text)) {
                Some(line) => Look::Done(line.to_owned()),
                None if running => Look::not_yet("it is not in the log"),
                None => Look::Never("the process has ended".to_owned()),
            })
        });
        let seen = seen.await;
        seen.with_context(|| format!("the log of {} ends:\n{}", self.name, self.log_tail()))
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "whoever reads the failed test needs the log")]
    fn drop(&mut self) {
        // An error means that it has ended and been waited for.
        let _ = self.kill9();
        if std::thread::panicking() {
            eprintln!("the log of {} ends:\n{}", self.name, self.log_tail());
        }
    }
}

/// Sends a signal. There is no safe call for it in the standard library; every shell has the command built in.
pub(crate) fn signal(pid: u32, name: &str) -> anyhow::Result<()> {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid.to_string()]);
    let output = kill.output().context("failed to run kill")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "failed to send {name} to process {pid}: {said}");
    Ok(())
}

/// The last lines of a log; a note where it cannot be read.
pub(crate) fn tail(log: &Path) -> String {
    match fs::read(log) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let mut lines: Vec<_> = text.lines().rev().take(TAIL_LINES).collect();
            lines.reverse();
            lines.join("\n")
        }
        Err(error) => format!("({} cannot be read: {error})", log.display()),
    }
}
