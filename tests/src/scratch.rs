//! Directories of the tests, and the watchdog that clears up after a test process that could not do it itself.
//!
//! Everything of one test process is below one directory. Beside the process runs a small `sh` whose standard input
//! is a pipe from it: when the process ends, however it ends, the pipe closes, and the shell ends what the process
//! registered in `pids/` and removes what it did not mark to be kept. (The kernel's "signal me when my parent dies"
//! would need unsafe code; polling the parent's pid would be late, and wrong once the pid is used again.)

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use crate::wait;

/// Longest path of the tests' directory: a socket's path (sun_path, 108 bytes) must fit below it.
const MAX_HOME_LEN: usize = 60;

/// How long a directory may resist being removed: processes that have just been killed still close their files.
const REMOVAL: Duration = Duration::from_secs(5);

/// The file that tells the watchdog to leave a directory alone.
const KEEP: &str = "KEEP";

/// Set in the environment, it keeps every directory of the tests.
pub const KEEP_VARIABLE: &str = "PGBELAY_TESTS_KEEP";

/// `$1` is the directory. A file `pids/N` holds the name of the signal that ends process N.
const WATCHDOG: &str = r#"
cd "$1" || exit 0
while read -r _; do :; done
alive=
for file in pids/*; do
    [ -e "$file" ] || continue
    kill -s "$(cat "$file")" "${file#pids/}" 2>/dev/null && alive="$alive ${file#pids/}"
done
for _ in 1 2 3 4 5 6 7 8 9 10; do
    left=
    for pid in $alive; do kill -0 "$pid" 2>/dev/null && left="$left $pid"; done
    alive=$left
    [ -n "$alive" ] || break
    sleep 0.3
done
for pid in $alive; do kill -s KILL "$pid" 2>/dev/null; done
rm -rf pids
for dir in */; do
    [ -e "${dir}KEEP" ] || rm -rf "$dir" || { sleep 1; rm -rf "$dir"; }
done
cd / && rmdir "$1" 2>/dev/null
"#;

/// The directory of this test process.
struct Home {
    path: PathBuf,
    owner: u32,
    /// Holds the writing end of the watchdog's standard input; nothing is ever written to it.
    _watchdog: Child,
}

impl Home {
    fn make() -> anyhow::Result<Self> {
        let mut parent = std::env::temp_dir();
        if parent.as_os_str().len() > MAX_HOME_LEN - "/pgbelay-tests-XXXXXX".len() {
            parent = PathBuf::from("/tmp");
        }
        let made = tempfile::Builder::new().prefix("pgbelay-tests-").tempdir_in(&parent);
        let made = made.with_context(|| format!("failed to make a directory in {}", parent.display()))?;
        // The database's account, not root, must be able to reach what is below.
        fs::set_permissions(made.path(), fs::Permissions::from_mode(0o755))?;
        fs::create_dir(made.path().join("pids"))?;
        let owner = fs::metadata(made.path())?.uid();
        let path = made.keep();
        let mut watchdog = Command::new("sh");
        watchdog.args(["-c", WATCHDOG, "pgbelay-watchdog"]).arg(&path);
        watchdog.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own: Ctrl-C ends the tests, not the one who clears up after them.
        let watchdog = watchdog.process_group(0).spawn().context("failed to start the watchdog")?;
        Ok(Self { path, owner, _watchdog: watchdog })
    }

    fn get() -> anyhow::Result<&'static Self> {
        static HOME: OnceLock<Result<Home, String>> = OnceLock::new();
        let home = HOME.get_or_init(|| Self::make().map_err(|error| format!("{error:#}")));
        home.as_ref().map_err(|error| anyhow!("{error}"))
    }
}

/// Whether the tests run as root: the owner of what they create tells.
pub(crate) fn as_root() -> anyhow::Result<bool> {
    Ok(Home::get()?.owner == 0)
}

/// A directory of one test. It goes away with the value, unless the test is panicking or [`KEEP_VARIABLE`] is set:
/// then it stays, and its path is printed.
///
/// A test that fails by returning an error does not panic; set the variable to see what such a test leaves.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes an empty directory with `name` in its path. Two of one name are two directories.
    ///
    /// # Errors
    /// It could not be made.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = Home::get()?.path.join(format!("{name}-{number}"));
        fs::create_dir(&path).with_context(|| format!("failed to make {}", path.display()))?;
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    #[expect(clippy::print_stderr, reason = "whoever reads the failed test must find what it left")]
    fn drop(&mut self) {
        if wanted_later() && fs::write(self.path.join(KEEP), "").is_ok() {
            eprintln!("kept {}", self.path.display());
            return;
        }
        wait::blocking_until(REMOVAL, || match fs::remove_dir_all(&self.path) {
            Ok(()) => Some(()),
            Err(error) => (error.kind() == io::ErrorKind::NotFound).then_some(()),
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "a setting of the testkit")]
fn wanted_later() -> bool {
    std::thread::panicking() || std::env::var_os(KEEP_VARIABLE).is_some()
}

/// How the watchdog ends a process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EndBy {
    /// At once.
    Kill,
    /// A postmaster's "immediate shutdown": it takes its children with it.
    Quit,
}

/// A process that the watchdog ends if this one cannot. Dropped once the process has been waited for.
#[derive(Debug)]
pub(crate) struct Watched {
    file: PathBuf,
}

impl Watched {
    pub(crate) fn new(pid: u32, by: EndBy) -> anyhow::Result<Self> {
        let file = Home::get()?.path.join("pids").join(pid.to_string());
        let signal = match by {
            EndBy::Kill => "KILL",
            EndBy::Quit => "QUIT",
        };
        fs::write(&file, signal).context("failed to tell the watchdog of a process")?;
        Ok(Self { file })
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Nothing to be done if it fails: the watchdog would signal a pid that is gone.
        let _ = fs::remove_file(&self.file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_goes_away_with_its_owner() -> anyhow::Result<()> {
        let scratch = Scratch::new("gone")?;
        let path = scratch.path().to_owned();
        fs::write(path.join("file"), "x")?;
        drop(scratch);
        assert!(!path.exists());
        Ok(())
    }

    #[test]
    fn a_directory_of_a_panicking_test_stays() -> anyhow::Result<()> {
        let scratch = Scratch::new("kept")?;
        let path = scratch.path().to_owned();
        let panicked = std::thread::spawn(move || {
            let _scratch = scratch;
            panic!("on purpose: what a failed test leaves must stay");
        });
        assert!(panicked.join().is_err());
        assert!(path.exists());
        Ok(fs::remove_dir_all(path)?)
    }
}
