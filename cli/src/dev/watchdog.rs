//! The watchdog: what clears up after a process that cannot do it itself.
//!
//! Beside the process runs a small `sh` whose standard input is a pipe from it. When the process ends, however it ends
//! (SIGKILL and the kernel's out-of-memory killer among the ways), the pipe closes; the shell then ends what was
//! registered in `pids/` and removes the directory if that was agreed. Polling for the parent's pid would be late, and
//! wrong once that pid is used again; the kernel's "signal me when my parent dies" needs unsafe code.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::process;
use super::signal::{Signal, Target};

/// How long the watchdog may take to end once there is nothing left for it to do.
const DISMISSAL: Duration = Duration::from_secs(5);

/// `$1`: the directory; `$2`: `remove` or `keep`. A file `pids/N` holds the signal that ends process N; N is negative
/// for a process group. What does not end within three seconds is killed.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
cd "$1" || exit 0
while read -r _; do :; done
alive=
for file in pids/*; do
    [ -e "$file" ] || continue
    kill -s "$(cat "$file")" -- "${file#pids/}" 2>/dev/null && alive="$alive ${file#pids/}"
done
for _ in 1 2 3 4 5 6 7 8 9 10; do
    left=
    for pid in $alive; do kill -s 0 -- "$pid" 2>/dev/null && left="$left $pid"; done
    alive=$left
    [ -n "$alive" ] || break
    sleep 0.3
done
for pid in $alive; do kill -s KILL -- "$pid" 2>/dev/null; done
rm -rf pids
[ "$2" = remove ] || exit 0
for entry in * .[!.]*; do
    [ -e "$entry/KEEP" ] || rm -rf "$entry" || { sleep 1; rm -rf "$entry"; }
done
cd / && rmdir "$1" 2>/dev/null
exit 0
"#;

/// What becomes of the directory when the watchdog has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// It stays as it is.
    Everything,
    /// It goes, but for the directories in it that hold a file `KEEP`.
    Kept,
}

/// How a process is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndBy {
    /// At once, with every process of the group that it leads.
    KillGroup,
    /// At once, alone.
    Kill,
    /// A postmaster's "immediate shutdown": it takes its children with it.
    Quit,
}

impl EndBy {
    pub(crate) fn signal(self, pid: u32) -> (Signal, Target) {
        match self {
            Self::KillGroup => (Signal::Kill, Target::Group(pid)),
            Self::Kill => (Signal::Kill, Target::Process(pid)),
            Self::Quit => (Signal::Quit, Target::Process(pid)),
        }
    }
}

/// A running watchdog. It goes away with the value; without harm, if all that it watched has been forgotten by then.
#[derive(Debug)]
pub struct Watchdog {
    pids: PathBuf,
    shell: Child,
}

/// Why nobody watches.
#[derive(Debug, thiserror::Error)]
pub enum WatchdogError {
    /// Its list of processes cannot be written.
    #[error("cannot write {}", path.display())]
    List {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The shell does not start.
    #[error("cannot start /bin/sh, which ends the processes should this one be killed")]
    Shell(#[source] io::Error),
}

impl Watchdog {
    /// Starts a watchdog for this process, with `home` as its directory.
    ///
    /// # Errors
    /// See [`WatchdogError`].
    pub fn start(home: &Path, leave: Leave) -> Result<Self, WatchdogError> {
        let pids = home.join("pids");
        fs::create_dir(&pids).map_err(|source| WatchdogError::List { path: pids.clone(), source })?;
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, "pgbelay-watchdog"]).arg(home);
        shell.arg(match leave {
            Leave::Everything => "keep",
            Leave::Kept => "remove",
        });
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own: Ctrl-C ends the process, not the one who clears up after it.
        let shell = shell.process_group(0).spawn().map_err(WatchdogError::Shell)?;
        Ok(Self { pids, shell })
    }

    /// Has a process ended if this one cannot do it. With [`EndBy::KillGroup`] it must lead a group.
    ///
    /// # Errors
    /// [`WatchdogError::List`].
    pub fn watch(&self, pid: u32, by: EndBy) -> Result<Watched, WatchdogError> {
        let (signal, target) = by.signal(pid);
        let path = self.pids.join(target.argument());
        // There at once with what it holds: a file without a signal yet would be no process to the watchdog.
        let half = self.pids.with_file_name(format!(".watch{}", target.argument()));
        fs::write(&half, signal.name())
            .and_then(|()| fs::rename(&half, &path))
            .map_err(|source| WatchdogError::List { path: path.clone(), source })?;
        Ok(Watched { path })
    }

    /// The process id of the watchdog.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.shell.id()
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        if process::blocking_until(DISMISSAL, || self.shell.try_wait().ok().flatten()).is_none() {
            // Errors mean that it has ended after all.
            let _ = self.shell.kill();
            let _ = self.shell.wait();
        }
    }
}

/// A process that the watchdog knows. Dropped once the process has been waited for.
#[derive(Debug)]
pub struct Watched {
    path: PathBuf,
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Nothing to be done if it fails: the watchdog would signal a pid that is gone.
        let _ = fs::remove_file(&self.path);
    }
}
