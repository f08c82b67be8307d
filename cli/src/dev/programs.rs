//! Where PostgreSQL's programs are, and the account that they run under.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

#[cfg(test)]
mod tests;

/// What a fleet needs, beside each other in one directory: for the server, and for the agents' backups.
const NEEDED: [&str; 5] = ["initdb", "postgres", "createdb", "pg_dump", "pg_restore"];

/// Where packages keep them when they are not in `PATH`; the star stands for the version.
const USUAL: [&str; 9] = [
    "/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
    "/usr/pgsql-*/bin",                                   // PostgreSQL's own packages for Red Hat and SUSE
    "/usr/lib/postgresql*/bin",                           // SUSE, Arch
    "/usr/libexec/postgresql*",                           // Alpine
    "/opt/homebrew/opt/postgresql*/bin",                  // Homebrew on Apple silicon
    "/usr/local/opt/postgresql*/bin",                     // Homebrew on Intel
    "/opt/local/lib/postgresql*/bin",                     // MacPorts
    "/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
    "/usr/local/pgsql*/bin",                              // built from source
];

/// Whom to run as when this process runs as root, which PostgreSQL refuses to: the first that exists.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// PostgreSQL's programs of one version, and who runs the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    dir: PathBuf,
    account: Option<Account>,
}

/// An account other than root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its user id.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
}

/// Where programs are looked for.
#[derive(Debug, Clone)]
pub struct Places {
    /// The directories of `PATH`, which come first.
    pub path: Vec<PathBuf>,
    /// Patterns with one star that stands for the version; the newest counts.
    pub patterns: Vec<String>,
}

/// Why there is no PostgreSQL to be run.
#[derive(Debug, thiserror::Error)]
pub enum ProgramsError {
    /// None of the places has a server.
    #[error(
        "PostgreSQL's programs ({}) are neither in PATH nor in {}; install the package postgresql \
         (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server postgresql; \
         macOS: brew install postgresql)",
        NEEDED.join(", "), if looked_in.is_empty() { "another usual place".to_owned() } else { looked_in.join(", ") }
    )]
    NotFound {
        /// The patterns.
        looked_in: Vec<String>,
    },
    /// There is a server without the programs that go with it.
    #[error(
        "{} has a PostgreSQL server without {}; install the client programs of the same version \
         (Debian, Ubuntu: apt-get install postgresql-client; Fedora: dnf install postgresql)",
        dir.display(), missing.join(", ")
    )]
    Incomplete {
        /// Where the server is.
        dir: PathBuf,
        /// What is not beside it.
        missing: Vec<&'static str>,
    },
    /// This process runs as root, and there is nobody else.
    #[error("PostgreSQL does not run as root, and there is no account {} to run it as", ACCOUNTS.join(" or "))]
    NoAccount,
    /// Whom this process runs as, or who else there is, cannot be found out.
    #[error("cannot find out which account PostgreSQL can run as")]
    Account(#[source] io::Error),
}

impl Places {
    /// `PATH` and the directories that packages use.
    #[must_use]
    pub fn usual(path: Option<&OsStr>) -> Self {
        let path = path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
        Self { path, patterns: USUAL.map(str::to_owned).into() }
    }

    /// Every directory there is, best first, with links followed: `initdb` in `PATH` may be a link to the real one,
    /// and pg_dump and the others are beside that.
    fn directories(&self) -> Vec<PathBuf> {
        let in_path = self.path.iter().filter_map(|dir| {
            let initdb = fs::canonicalize(dir.join("initdb")).ok()?;
            Some(initdb.parent()?.to_owned())
        });
        in_path.chain(self.patterns.iter().flat_map(|pattern| newest_first(pattern))).collect()
    }
}

impl Programs {
    /// The programs in the best of the places, and the account.
    ///
    /// # Errors
    /// See [`ProgramsError`].
    pub fn find(places: &Places) -> Result<Self, ProgramsError> {
        let dir = find_directory(places)?;
        let account =
            if runs_as_root().map_err(ProgramsError::Account)? { Some(find_account()?) } else { None };
        Ok(Self { dir, account })
    }

    /// The directory that they are in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Who runs the server; `None`: whoever runs this process.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// A command that runs one of them (or any other program, by its path) as the account, in `directory`.
    #[must_use]
    pub fn command(&self, program: impl AsRef<Path>, directory: &Path) -> Command {
        let mut command = Command::new(self.dir.join(program));
        // A directory that the account may read: the one that this process runs in need not be.
        command.current_dir(directory);
        // Settings of the user's own server (PGDATA, PGPORT, PGOPTIONS) are not meant for this one, and what the
        // server says at its start is searched for English words.
        command.env_clear().env("PATH", format!("{}:/usr/bin:/bin", self.dir.display())).env("LC_ALL", "C");
        if let Some(account) = &self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command
    }
}

fn find_directory(places: &Places) -> Result<PathBuf, ProgramsError> {
    let mut incomplete = None;
    for dir in places.directories() {
        let missing: Vec<_> = NEEDED.into_iter().filter(|program| !dir.join(program).is_file()).collect();
        if missing.is_empty() {
            return Ok(dir);
        }
        if !missing.contains(&"postgres") {
            incomplete.get_or_insert(ProgramsError::Incomplete { dir, missing });
        }
    }
    Err(incomplete.unwrap_or_else(|| ProgramsError::NotFound { looked_in: places.patterns.clone() }))
}

/// The directories that a pattern with one star matches, the highest version first.
fn newest_first(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![pattern.into()] };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or((".", before));
    let entries = fs::read_dir(parent);
    let names = entries.into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut matching: Vec<_> = names
        .filter_map(|name| {
            let version = version(name.strip_prefix(prefix)?);
            Some((version, PathBuf::from(format!("{parent}/{name}{after}"))))
        })
        .collect();
    matching.sort();
    matching.into_iter().rev().map(|(_, dir)| dir).collect()
}

/// The numbers in `15`, `@17` or `9.6`.
fn version(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

/// The owner of a file that this process makes tells.
fn runs_as_root() -> io::Result<bool> {
    Ok(tempfile::tempfile()?.metadata()?.uid() == 0)
}

fn find_account() -> Result<Account, ProgramsError> {
    let passwd = fs::read_to_string("/etc/passwd").map_err(ProgramsError::Account)?;
    ACCOUNTS.iter().find_map(|name| parse_account(&passwd, name)).ok_or(ProgramsError::NoAccount)
}

fn parse_account(passwd: &str, name: &str) -> Option<Account> {
    let mut entries = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let entry = entries.find(|fields| fields.first() == Some(&name))?;
    Some(Account {
        name: name.to_owned(),
        uid: entry.get(2)?.parse().ok()?,
        gid: entry.get(3)?.parse().ok()?,
    })
}
