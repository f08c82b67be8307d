//! Where PostgreSQL's programs are, and the account that they run under.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::scratch;

/// What a cluster needs beside each other in one directory.
const SERVER_PROGRAMS: [&str; 3] = ["initdb", "postgres", "pg_ctl"];

/// Names a directory with `bin/` whose programs are used instead of those that are installed.
const CHOICE: &str = "PGBELAY_TEST_POSTGRES";

/// Where Debian keeps them, one directory for each major version; only the wrappers are in `PATH` there.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Whom to run as when the tests run as root, which PostgreSQL refuses to: the first that exists.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// An account other than root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// PostgreSQL's programs of one version, the same for the whole process.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub(super) dir: PathBuf,
    /// Libraries that came with them, for builds that were not made for this system.
    libraries: Option<PathBuf>,
    pub(super) account: Option<Account>,
}

impl Programs {
    pub(super) fn find() -> anyhow::Result<Self> {
        if let Some(chosen) = chosen() {
            return Self::below(&chosen);
        }
        let dir = in_path().or_else(newest_of_debian).context(
            "PostgreSQL's server programs (initdb, postgres, pg_ctl) are neither in PATH nor in \
             /usr/lib/postgresql/*/bin: install the package postgresql",
        )?;
        Ok(Self { dir, libraries: None, account: account()? })
    }

    /// Those in `bin/`, with the libraries in `lib/`. Links are followed: the account may not get at them.
    fn below(chosen: &Path) -> anyhow::Result<Self> {
        let real = fs::canonicalize(chosen).with_context(|| format!("{CHOICE}: no {}", chosen.display()))?;
        let dir = real.join("bin");
        ensure!(has_server(&dir), "{CHOICE}: {} lacks initdb, postgres or pg_ctl", dir.display());
        let libraries = Some(real.join("lib")).filter(|lib| lib.is_dir());
        Ok(Self { dir, libraries, account: account()? })
    }

    /// A command that runs one of them as whoever runs the tests.
    pub(super) fn client(&self, program: &str) -> Command {
        self.with_libraries(&self.dir.join(program))
    }

    /// A command that runs one of them (or any other program, by its path) as the account, in `directory`.
    pub(super) fn command(&self, program: impl AsRef<Path>, directory: &Path) -> Command {
        let mut command = self.with_libraries(&self.dir.join(program));
        // A directory that the account may read: the one that the tests run in need not be.
        command.current_dir(directory);
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        command
    }

    fn with_libraries(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // Programs of the system are not given them: psql 15 does not run with libpq 12.
        if let Some(libraries) = self.libraries.as_ref().filter(|_| program.starts_with(&self.dir)) {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }
}

/// Runs a command to its end.
pub(super) fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_owned();
    let output = command.output().with_context(|| format!("failed to start {}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} ended with {}: {said}", program.display(), output.status);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a setting of the testkit")]
fn chosen() -> Option<PathBuf> {
    std::env::var_os(CHOICE).filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

fn has_server(dir: &Path) -> bool {
    SERVER_PROGRAMS.iter().all(|program| dir.join(program).is_file())
}

/// The directory of the `initdb` in `PATH`, links followed: pg_dump and the others are beside the real one.
#[expect(clippy::disallowed_methods, reason = "PATH is where programs are looked for")]
fn in_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let real = |dir: PathBuf| Some(fs::canonicalize(dir.join("initdb")).ok()?.parent()?.to_owned());
    std::env::split_paths(&path).filter_map(real).find(|dir| has_server(dir))
}

fn newest_of_debian() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).ok()?.filter_map(Result::ok);
    let usable = versions.filter(|entry| has_server(&entry.path().join("bin")));
    let newest = usable.max_by_key(|entry| entry.file_name().to_str().and_then(|v| v.parse::<u32>().ok()));
    Some(newest?.path().join("bin"))
}

fn account() -> anyhow::Result<Option<Account>> {
    if !scratch::as_root()? {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").context("failed to look for an account")?;
    let Some(account) = ACCOUNTS.iter().find_map(|name| parse_account(&passwd, name)) else {
        bail!("PostgreSQL does not run as root, and there is no account postgres or nobody to run it as");
    };
    Ok(Some(account))
}

fn parse_account(passwd: &str, name: &str) -> Option<Account> {
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let entry = fields.into_iter().find(|fields| fields.first() == Some(&name))?;
    Some(Account { uid: entry.get(2)?.parse().ok()?, gid: entry.get(3)?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\npostgresql:x:7:8::/:/bin/sh\npostgres:x:101:104::/:/bin/sh\n";
        let found = parse_account(passwd, "postgres").map(|account| (account.uid, account.gid));
        assert_eq!(found, Some((101, 104)));
        assert!(parse_account(passwd, "nobody").is_none());
    }

    #[test]
    fn the_programs_are_found_together() -> anyhow::Result<()> {
        let dir = in_path().or_else(newest_of_debian).context("no PostgreSQL")?;
        assert!(dir.join("pg_dump").is_file(), "{}", dir.display());
        Ok(())
    }

    #[test]
    fn a_chosen_directory_brings_its_libraries() -> anyhow::Result<()> {
        let scratch = scratch::Scratch::new("chosen")?;
        let real = scratch.path().join("18");
        fs::create_dir_all(real.join("bin"))?;
        fs::create_dir(real.join("lib"))?;
        let refused = format!("{:#}", Programs::below(&real).unwrap_err());
        assert!(refused.starts_with("PGBELAY_TEST_POSTGRES: ") && refused.contains("18/bin"), "{refused}");
        for program in SERVER_PROGRAMS {
            fs::write(real.join("bin").join(program), "")?;
        }
        let link = scratch.path().join("link");
        std::os::unix::fs::symlink(&real, &link)?;
        let programs = Programs::below(&link)?;
        let own = programs.command("initdb", scratch.path());
        assert_eq!(own.get_program(), real.join("bin/initdb"));
        let libraries = own.get_envs().collect::<Vec<_>>();
        assert_eq!(libraries, [("LD_LIBRARY_PATH".as_ref(), Some(real.join("lib").as_os_str()))]);
        assert_eq!(programs.command("/bin/cp", scratch.path()).get_envs().count(), 0);
        Ok(())
    }
}
