//! The data directory that every cluster of a test process starts as a copy of: initdb takes a second, a copy a
//! fraction of it. It is not kept for other processes, which may use another version of PostgreSQL.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, anyhow};

use super::SUPERUSER;
use super::programs::{Programs, run};
use crate::scratch::Scratch;

/// A data directory fresh from initdb, and the superuser's password in it.
pub(super) struct Template {
    pub(super) programs: Programs,
    pub(super) password: String,
    scratch: Scratch,
}

impl Template {
    /// The one of this process, made at the first call.
    pub(super) fn get() -> anyhow::Result<&'static Self> {
        static TEMPLATE: OnceLock<Result<Template, String>> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| Self::make().map_err(|error| format!("{error:#}")));
        template.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// Runs initdb, for the process or for one cluster that wants a system identifier of its own.
    pub(super) fn make() -> anyhow::Result<Self> {
        let programs = Programs::find()?;
        let scratch = Scratch::new("initdb")?;
        give(&programs, scratch.path())?;
        let password = uuid::Uuid::new_v4().simple().to_string();
        let password_file = scratch.path().join("password");
        fs::write(&password_file, &password)?;
        give(&programs, &password_file)?;
        let mut initdb = programs.command("initdb", scratch.path());
        initdb.args(["--username", SUPERUSER, "--pwfile"]).arg(&password_file);
        // Segments of 1 MB instead of 16: less to copy for each cluster.
        initdb.args([
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--wal-segsize=1",
        ]);
        run(initdb.arg("--pgdata").arg(scratch.path().join("data")))?;
        fs::remove_file(&password_file)?;
        Ok(Self { programs, password, scratch })
    }

    /// Copies the data directory into the directory `into`, and gives both to the account; the copy's path.
    pub(super) fn copy(&self, into: &Path) -> anyhow::Result<PathBuf> {
        give(&self.programs, into)?;
        let data = into.join("data");
        let mut copy = self.programs.command("/bin/cp", into);
        run(copy.arg("-Rp").arg(self.scratch.path().join("data")).arg(&data))?;
        Ok(data)
    }
}

/// Gives a file or directory to the account, and to nobody else.
fn give(programs: &Programs, path: &Path) -> anyhow::Result<()> {
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    let Some(account) = programs.account else { return Ok(()) };
    let given = chown(path, Some(account.uid), Some(account.gid));
    given.with_context(|| format!("failed to give {} to the account of PostgreSQL", path.display()))
}
