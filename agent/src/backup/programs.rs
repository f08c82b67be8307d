//! Finding pg_dump and pg_restore of a version that fits the server.
//!
//! pg_dump refuses a server that is newer than itself. 16 was the first that compresses with Zstandard, which is faster than
//! gzip; and pg_restore 17 sets a parameter that older servers do not know. So for servers up to 16 the programs of
//! 16 are the best, and for newer ones those of their own version; what is there is taken, the best first.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pgbelay_core::command::Failure;
use tokio::process::Command;
use tokio::time::timeout;

use super::failure;

/// How long a program may take to say its version.
const SAY_VERSION: Duration = Duration::from_secs(10);

/// Where packages put them, one directory for each major version: Debian's and the RPMs' of postgresql.org.
const PACKAGED: [(&str, &str); 2] = [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")];

/// Most directories that are looked into.
const MOST: usize = 64;

/// What to back up older servers with: it compresses with Zstandard, and its archives can be restored to them.
const BEST_OF_OLD: u32 = 16;

/// The programs, of one version.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub(super) dump: PathBuf,
    pub(super) restore: PathBuf,
    /// What writes down roles; it is not always installed.
    pub(super) dump_all: Option<PathBuf>,
    pub(super) major: u32,
    pub(super) version: String,
}

impl Programs {
    /// Finds those for a server. `configured`: the only directory to look into.
    pub(super) async fn find(configured: Option<&Path>, server: u32) -> Result<Self, Box<Failure>> {
        let directories = match configured {
            Some(directory) => vec![directory.to_owned()],
            None => usual_directories(),
        };
        let wanted = server / 10_000;
        let mut found: Vec<(u32, Self)> = Vec::new();
        for directory in directories.iter().take(MOST) {
            found.extend(in_directory(directory, configured.is_some()).await);
        }
        let newest =
            found.iter().max_by_key(|(major, _)| *major).map(|(_, programs)| programs.version.clone());
        let fitting = found.into_iter().filter(|(major, _)| *major >= wanted);
        let best = fitting.min_by_key(|(major, _)| rank(*major, wanted));
        best.map(|(_, programs)| programs).ok_or_else(|| none_fits(configured, server, newest))
    }
}

/// The lower the better.
fn rank(major: u32, server: u32) -> (bool, bool, u32) {
    if server <= BEST_OF_OLD {
        (major > BEST_OF_OLD, major != BEST_OF_OLD, major)
    } else {
        (false, false, major)
    }
}

/// A server's number of its version as people write it.
fn dotted(server: u32) -> String {
    format!("{}.{}", server / 10_000, server % 10_000)
}

fn none_fits(configured: Option<&Path>, server: u32, newest: Option<String>) -> Box<Failure> {
    let package = format!("postgresql-client-{}", server / 10_000);
    let (message, how) = match newest {
        Some(version) => (
            format!(
                "pg_dump is {version}, older than the server, which is {}: it cannot back it up",
                dotted(server)
            ),
            "install the package",
        ),
        None => {
            ("pg_dump and pg_restore were not found on the agent's machine".to_owned(), "install the package")
        }
    };
    let place = match configured {
        Some(directory) => format!(", or set the directory of its programs (now {})", directory.display()),
        None => String::new(),
    };
    failure(message, format!("{how} {package}{place}; then retry"))
}

async fn in_directory(directory: &Path, configured: bool) -> Option<(u32, Programs)> {
    let dump = directory.join("pg_dump");
    // Debian's pg_dump in PATH is a script that chooses a version by its own rules.
    let real = tokio::fs::canonicalize(&dump).await.ok()?;
    if !configured && real.file_name()?.to_str()? != "pg_dump" {
        return None;
    }
    let restore = directory.join("pg_restore");
    tokio::fs::metadata(&restore).await.ok()?;
    let (major, version) = version_of(&dump).await?;
    let dump_all = directory.join("pg_dumpall");
    let dump_all = tokio::fs::metadata(&dump_all).await.ok().map(|_| dump_all);
    Some((major, Programs { dump, restore, dump_all, major, version }))
}

async fn version_of(program: &Path) -> Option<(u32, String)> {
    let mut command = Command::new(program);
    command.arg("--version").kill_on_drop(true);
    let output = timeout(SAY_VERSION, command.output()).await.ok()?.ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// The major version, and the version in full, of `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
fn parse_version(said: &str) -> Option<(u32, String)> {
    let version = said.split_once("(PostgreSQL) ")?.1.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((digits.parse().ok()?, version.to_owned()))
}

#[expect(clippy::disallowed_methods, reason = "PATH is where programs are looked for")]
fn usual_directories() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for (parent, prefix) in PACKAGED {
        let entries = std::fs::read_dir(parent).into_iter().flatten().filter_map(Result::ok);
        let versions = entries.filter(|entry| {
            let name = entry.file_name();
            let rest = name.to_str().and_then(|name| name.strip_prefix(prefix));
            rest.is_some_and(|rest| rest.parse::<u32>().is_ok())
        });
        directories.extend(versions.map(|entry| entry.path().join("bin")));
    }
    directories
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_of_16_are_the_best_for_servers_up_to_16() {
        let check = |server: u32, there: &[u32], best: u32| {
            let found = there.iter().copied().filter(|major| *major >= server);
            assert_eq!(found.min_by_key(|major| rank(*major, server)), Some(best), "{server} {there:?}");
        };
        check(15, &[14, 15, 16, 17, 18], 16);
        check(15, &[15, 17], 15);
        check(14, &[17, 18], 17);
        check(16, &[16, 17], 16);
        check(17, &[16, 17, 18], 17);
        check(18, &[16, 19], 19);
    }

    #[test]
    fn a_version_is_read_with_and_without_a_packager() {
        let check = |said, expected: Option<(u32, &str)>| {
            assert_eq!(parse_version(said), expected.map(|(major, text)| (major, text.to_owned())));
        };
        check("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some((15, "15.18")));
        check("pg_dump (PostgreSQL) 19beta1\n", Some((19, "19beta1")));
        check("something else 3", None);
    }
}
