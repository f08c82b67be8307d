//! The directory of a cluster: made by initdb, given to the server's account, and what the server writes into it.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::programs::{Account, Programs};
use super::super::tool;
use super::{ClusterError, ClusterOptions};

/// How long initdb may take: a second when the machine is idle.
const INITDB: Duration = Duration::from_secs(120);

/// Which line of `postmaster.pid` says how far the server is (PostgreSQL's `LOCK_FILE_LINE_PM_STATUS`, from 0).
const STATUS_LINE: usize = 7;

/// Why a directory cannot hold a cluster.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// A file or directory cannot be made.
    #[error("cannot make {}", path.display())]
    Make {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file or directory cannot be given to the server's account.
    #[error("cannot give {} to the account {account}", path.display())]
    Give {
        /// Which.
        path: PathBuf,
        /// The account.
        account: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The account cannot reach the directory.
    #[error(
        "PostgreSQL runs under the account {account}, which may not enter {}; take a directory that it can reach, \
         for example below /tmp, or run as somebody else than root",
        path.display()
    )]
    Closed {
        /// The directory that is closed.
        path: PathBuf,
        /// The account.
        account: String,
    },
}

/// What every throwaway server is started with.
pub(super) fn fixed_settings(durable: bool) -> [(&'static str, &'static str); 9] {
    [
        ("listen_addresses", "127.0.0.1"),
        // No socket: its path must be short, and directories are where the user wants them.
        ("unix_socket_directories", ""),
        ("fsync", if durable { "on" } else { "off" }),
        // Small: several servers may run beside each other.
        ("shared_buffers", "16MB"),
        ("min_wal_size", "5MB"),
        ("max_connections", "60"),
        // For whoever reads the log.
        ("log_line_prefix", "%m [%p] %a %d "),
        ("log_statement", "ddl"),
        ("log_lock_waits", "on"),
    ]
}

/// Makes the directory and, unless it is there, the data directory in it.
pub(super) async fn make(programs: &Programs, options: &ClusterOptions) -> Result<(), ClusterError> {
    let dir = &options.dir;
    let make = |source| DirectoryError::Make { path: dir.clone(), source };
    if !dir.is_dir() {
        fs::create_dir(dir).map_err(make)?;
    }
    let absolute = fs::canonicalize(dir).map_err(make)?;
    if let Some(account) = programs.account() {
        check_reachable(&absolute, account)?;
    }
    give(programs, dir)?;
    if dir.join("data").is_dir() {
        return Ok(());
    }
    let password = dir.join("password");
    write_password(&password, options)?;
    let made = initdb(programs, options, &password).await;
    // Whatever came of it, the password does not stay; that it cannot be removed is no reason to go on without.
    fs::remove_file(&password).map_err(|source| DirectoryError::Make { path: password, source })?;
    made
}

fn write_password(path: &Path, options: &ClusterOptions) -> Result<(), DirectoryError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(options.password.expose().as_bytes())
    };
    write().map_err(|source| DirectoryError::Make { path: path.to_owned(), source })
}

async fn initdb(programs: &Programs, options: &ClusterOptions, password: &Path) -> Result<(), ClusterError> {
    give(programs, password)?;
    let mut initdb = programs.command("initdb", &options.dir);
    initdb.args(["--username", &options.superuser, "--pwfile"]).arg(password);
    // Segments of 1 MB instead of 16: a throwaway server writes little.
    initdb.args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--wal-segsize=1"]);
    initdb.arg("--pgdata").arg(options.dir.join("data"));
    Ok(tool::run(initdb, INITDB).await?)
}

/// Gives a file or directory to the account, and to nobody else.
fn give(programs: &Programs, path: &Path) -> Result<(), DirectoryError> {
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    let closed = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    closed.map_err(|source| DirectoryError::Make { path: path.to_owned(), source })?;
    let Some(account) = programs.account() else { return Ok(()) };
    chown(path, Some(account.uid), Some(account.gid)).map_err(|source| DirectoryError::Give {
        path: path.to_owned(),
        account: account.name.clone(),
        source,
    })
}

/// initdb would say "permission denied" without telling where.
pub(super) fn check_reachable(dir: &Path, account: &Account) -> Result<(), DirectoryError> {
    for path in dir.ancestors().skip(1) {
        let found = fs::metadata(path);
        let found = found.map_err(|source| DirectoryError::Make { path: path.to_owned(), source })?;
        let bit = match () {
            () if found.uid() == account.uid => 0o100,
            () if found.gid() == account.gid => 0o010,
            () => 0o001,
        };
        if found.mode() & bit == 0 {
            return Err(DirectoryError::Closed { path: path.to_owned(), account: account.name.clone() });
        }
    }
    Ok(())
}

/// Whether the server with this pid accepts connections. Another server on its port could not make it say so.
pub(super) fn says_ready(data: &Path, pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else { return false };
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    lines.first() == Some(&pid.to_string().as_str()) && lines.get(STATUS_LINE) == Some(&"ready")
}

/// Whether a server did not start because the processes of the one before it have not ended.
pub(super) fn has_predecessor(log: &str) -> bool {
    let signs = ["pre-existing shared memory block", "lock file \"postmaster.pid\" already exists"];
    log.lines().rev().take(5).any(|line| signs.iter().any(|sign| line.contains(sign)))
}
