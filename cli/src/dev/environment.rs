//! What a command needs to find the fleet: a ready context, and environment variables that point to it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use pgbelay_proto::credentials::write_private;

use super::cluster::Cluster;
use super::site::Site;

/// Variables that would lead a command somewhere else: those of pgbelay, and those of PostgreSQL's programs.
const MISLEADING: [&str; 11] = [
    "PGBELAY_CONTEXT",
    "PGDATABASE",
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGPASSFILE",
    "PGREQUIREAUTH",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGSSLMODE",
    "PGSSLROOTCERT",
    "PGTARGETSESSIONATTRS",
];

/// The variables of a command that is to find the fleet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables(BTreeMap<&'static str, OsString>);

/// A file for the command cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub(crate) struct WriteError {
    path: PathBuf,
    source: io::Error,
}

impl Variables {
    /// The variables that lead to the fleet: `pgbelay` and `psql` just work with them.
    pub(crate) fn new(site: &Site, cluster: &Cluster, found: &Found<'_>) -> Self {
        let home = site.home().path();
        let mut path = found.pgbelay.parent().unwrap_or(Path::new("/")).as_os_str().to_owned();
        if let Some(old) = found.path.filter(|old| !old.is_empty()) {
            path.push(":");
            path.push(old);
        }
        // Last, so that somebody's own psql comes first; for those who have none in PATH.
        path.push(":");
        path.push(cluster.programs().dir());
        let port = OsString::from(cluster.port().to_string());
        let user = OsString::from(cluster.superuser());
        let password = OsString::from(cluster.password().expose());
        Self(BTreeMap::from([
            ("PATH", path),
            ("PGBELAY_CONFIG", config_file(site).into()),
            ("PGBELAY_CREDENTIALS", found.credentials.into()),
            ("PGBELAY_DEV_DIR", home.into()),
            ("PGBELAY_DEV_PG_HOST", "127.0.0.1".into()),
            ("PGBELAY_DEV_PG_PORT", port.clone()),
            ("PGBELAY_DEV_PG_USER", user.clone()),
            ("PGBELAY_DEV_PG_PASSWORD", password.clone()),
            ("PGHOST", "127.0.0.1".into()),
            ("PGPORT", port),
            ("PGUSER", user),
            ("PGPASSWORD", password),
        ]))
    }

    /// Sets them for a command, and takes away those that would mislead it.
    pub(crate) fn apply(&self, command: &mut std::process::Command) {
        for name in MISLEADING {
            command.env_remove(name);
        }
        command.envs(&self.0);
    }

    /// Writes them for shells: `. FILE`. `PATH` goes before the one that the shell has.
    pub(crate) fn write(&self, path: &Path, pgbelay: &Path) -> Result<(), WriteError> {
        let mut text = Vec::new();
        text.extend_from_slice(format!("unset {}\n", MISLEADING.join(" ")).as_bytes());
        for (name, value) in self.0.iter().filter(|(name, _)| **name != "PATH") {
            text.extend_from_slice(format!("export {name}=").as_bytes());
            text.extend_from_slice(&shell_quoted(value));
            text.push(b'\n');
        }
        let directory = pgbelay.parent().unwrap_or(Path::new("/"));
        text.extend_from_slice(b"export PATH=");
        text.extend_from_slice(&shell_quoted(directory.as_os_str()));
        text.extend_from_slice(b":\"$PATH\"\n");
        write_private(path, &text).map_err(|source| WriteError { path: path.to_owned(), source })
    }
}

/// What was there before the fleet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    /// This program.
    pub(crate) pgbelay: &'a Path,
    /// The `PATH` of this process.
    pub(crate) path: Option<&'a OsStr>,
    /// The admin's credentials.
    pub(crate) credentials: &'a Path,
}

/// The file with the context `dev`.
pub(crate) fn config_file(site: &Site) -> PathBuf {
    site.home().path().join("config.yaml")
}

/// A text as every shell takes it, whatever is in it.
pub(crate) fn shell_quoted(text: &OsStr) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for byte in text.as_bytes() {
        match byte {
            b'\'' => quoted.extend_from_slice(b"'\\''"),
            other => quoted.push(*other),
        }
    }
    quoted.push(b'\'');
    quoted
}
