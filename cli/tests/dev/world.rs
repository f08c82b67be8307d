//! A `pgbelay dev` under test, and a look at processes from outside.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

/// A fleet takes seconds; on a busy machine, many of them.
pub(crate) const SOON: Duration = Duration::from_secs(120);

/// A run of `pgbelay dev` that is being put together.
pub(crate) struct Dev {
    args: Vec<OsString>,
    environment: Vec<(&'static str, &'static str)>,
    directory: PathBuf,
    deadline: Duration,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A run. Killed with the value, and the watchdog kills the rest.
pub(crate) struct Running {
    child: Child,
    output: TempDir,
    deadline: Duration,
}

impl Dev {
    pub(crate) fn new() -> Self {
        Self { args: vec!["dev".into()], environment: vec![], directory: "/".into(), deadline: SOON }
    }

    pub(crate) fn args<I: AsRef<OsStr>>(&mut self, args: impl IntoIterator<Item = I>) -> &mut Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// A script of the shell to be run against the fleet.
    pub(crate) fn command(&mut self, script: &str) -> &mut Self {
        self.args(["--", "sh", "-c", script])
    }

    pub(crate) fn envs(&mut self, environment: impl IntoIterator<Item = (&'static str, &'static str)>) {
        self.environment.extend(environment);
    }

    pub(crate) fn directory(&mut self, directory: &Path) -> &mut Self {
        self.directory = directory.to_owned();
        self
    }

    pub(crate) fn deadline(&mut self, deadline: Duration) -> &mut Self {
        self.deadline = deadline;
        self
    }

    /// Runs it to its end.
    pub(crate) fn output(&mut self) -> anyhow::Result<Ended> {
        self.spawn()?.wait()
    }

    /// Starts it, and waits until it (or its command) says `sign`.
    pub(crate) fn start(&mut self, sign: &str) -> anyhow::Result<Running> {
        let mut running = self.spawn()?;
        let start = Instant::now();
        while !running.read("stdout").contains(sign) {
            if running.child.try_wait()?.is_some() || start.elapsed() > self.deadline {
                bail!("{sign:?} was not said: {:?}", running.wait()?);
            }
            pause();
        }
        Ok(running)
    }

    fn spawn(&self) -> anyhow::Result<Running> {
        let pgbelay = Path::new(env!("CARGO_BIN_EXE_pgbelay"));
        for name in ["pgbelay-controller", "pgbelay-agent"] {
            let path = pgbelay.with_file_name(name);
            ensure!(path.is_file(), "there is no {}: cargo build --workspace --bins", path.display());
        }
        let output = tempfile::tempdir()?;
        let mut command = Command::new(pgbelay);
        command.args(&self.args).envs(self.environment.iter().copied()).current_dir(&self.directory);
        command.stdin(Stdio::null());
        command.stdout(File::create(output.path().join("stdout"))?);
        command.stderr(File::create(output.path().join("stderr"))?);
        let child = command.process_group(0).spawn().context("failed to start pgbelay")?;
        Ok(Running { child, output, deadline: self.deadline })
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The directory of the fleet, as the first line has it.
    pub(crate) fn home(&self) -> PathBuf {
        let said = self.read("stdout") + &self.read("stderr");
        let place =
            said.lines().find_map(|line| line.strip_prefix("pgbelay dev: making a throwaway fleet in "));
        PathBuf::from(place.unwrap_or("/nonexistent"))
    }

    /// The processes that it has, as it told its watchdog.
    pub(crate) fn pids(&self) -> anyhow::Result<Vec<u32>> {
        let entries = fs::read_dir(self.home().join("pids"))?;
        entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().trim_start_matches('-').parse()?))
            .collect()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> anyhow::Result<Ended> {
        let start = Instant::now();
        let status: ExitStatus = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if start.elapsed() > self.deadline {
                self.child.kill()?;
                bail!("it did not end: {} {}", self.read("stdout"), self.read("stderr"));
            }
            pause();
        };
        Ok(Ended { code: status.code(), stdout: self.read("stdout"), stderr: self.read("stderr") })
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.output.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors mean that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a condition holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) -> anyhow::Result<()> {
    let start = Instant::now();
    while !holds() {
        ensure!(start.elapsed() < SOON, "waited for {what}");
        pause();
    }
    Ok(())
}

/// Between two looks at a condition.
#[expect(clippy::disallowed_methods, reason = "these tests have no runtime")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// Sends a signal.
pub(crate) fn signal(name: &str, pid: u32) -> anyhow::Result<()> {
    let mut kill = Command::new("sh");
    let status = kill.args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid.to_string()]).status()?;
    ensure!(status.success(), "failed to send {name} to {pid}");
    Ok(())
}

/// Whether a process is there and has not ended: one that nobody waited for is only a memory.
pub(crate) fn is_there(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.trim().chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// The program and arguments of a process, each with a NUL behind it.
pub(crate) fn command_line(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}
