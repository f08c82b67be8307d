//! Where a backup is made, until it has its proper name.

use std::fs::{DirBuilder, File, OpenOptions, remove_dir_all};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread::yield_now;

use pgbelay_core::command::Failure;
use pgbelay_core::name::DatabaseName;
use pgbelay_proto::convert::WireCommand;

use super::failure;
use super::manifest::DUMP_DIR;
use super::publish::sync_directory;

/// What temporary names start with. No database and no backup is called like that.
pub(super) const TEMPORARY: &str = ".tmp-";

/// Most names that are tried, should two backups of one command begin in one second.
const NAMES: u32 = 100;

/// How often a directory is removed anew in which somebody writes still: whoever writes was ended before and was waited for,
/// and may be in the midst of a last file. Each try reads the disk, and nobody sleeps: this may hold up others.
const REMOVALS: u32 = 50;

/// Why a file or directory of a backup could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{what} {}", path.display())]
pub(super) struct PlaceError {
    /// What was tried, in words.
    pub(super) what: &'static str,
    /// Where.
    pub(super) path: PathBuf,
    /// What the system said.
    #[source]
    pub(super) source: io::Error,
}

impl PlaceError {
    /// For people.
    pub(super) fn failure(&self) -> Box<Failure> {
        let full = matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let hint = if full {
            "make room in the backup directory, then retry"
        } else {
            "let the agent write to the backup directory (migration.backup_dir), then retry"
        };
        failure(format!("{self}: {}", self.source), format!("nothing was touched; {hint}"))
    }
}

/// A directory with a temporary name. It goes away with the value, unless it was published.
#[derive(Debug)]
pub(super) struct Place {
    /// The directory of the database's backups.
    pub(super) parent: PathBuf,
    /// The temporary directory.
    pub(super) path: PathBuf,
    /// What it will be called.
    pub(super) id: String,
    /// Whether it has its proper name.
    pub(super) published: bool,
}

impl Place {
    /// Makes the directory; only its owner may look into it.
    pub(super) async fn make(
        dir: &Path,
        command: &WireCommand,
        started: jiff::Timestamp,
    ) -> Result<Self, PlaceError> {
        let parent = dir.join(command.database.as_str());
        let path = parent.join(format!("{TEMPORARY}{}-{}", command.id, command.attempt));
        let name = format!("{}{}", started.strftime("%Y%m%dT%H%M%SZ"), ending(command));
        let made = tokio::task::spawn_blocking(move || Self::make_here(parent, path, &name)).await;
        made.unwrap_or_else(|_| Err(interrupted("failed to make the directory")))
    }

    fn make_here(parent: PathBuf, path: PathBuf, name: &str) -> Result<Self, PlaceError> {
        let failed = |what, path: &Path| {
            let path = path.to_owned();
            move |source| PlaceError { what, path, source }
        };
        let new: Vec<_> = parent.ancestors().take_while(|path| !path.exists()).map(Path::to_owned).collect();
        private_directory(&parent).map_err(failed("failed to make the directory", &parent))?;
        // A backup survives a power failure only if each directory above it does.
        for made in &new {
            let above = made.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
            sync_directory(above).map_err(failed("failed to write", above))?;
        }
        let parent = parent.canonicalize().map_err(failed("failed to find the directory", &parent))?;
        let path = parent.join(path.file_name().unwrap_or_default());
        // Of earlier lives of the agent: there is one backup at a time.
        remove_here(&parent).map_err(failed("failed to remove what interrupted backups left in", &parent))?;
        DirBuilder::new().mode(0o700).create(&path).map_err(failed("failed to make the directory", &path))?;
        let id = free_name(&parent, name);
        Ok(Self { parent, path, id, published: false })
    }

    /// Where pg_dump writes to.
    pub(super) fn dump(&self) -> PathBuf {
        self.path.join(DUMP_DIR)
    }

    /// Where its encrypted form goes, until pg_dump has ended.
    pub(super) fn sealed(&self) -> PathBuf {
        self.path.join("sealed")
    }
}

/// A name that is not taken. Renaming a directory onto another that has files fails, so nothing is ever replaced.
fn free_name(parent: &Path, name: &str) -> String {
    let mut names = std::iter::once(name.to_owned()).chain((2..NAMES).map(|n| format!("{name}-{n}")));
    names.find(|name| !parent.join(name).exists()).unwrap_or_else(|| name.to_owned())
}

/// The work was dropped before it was done.
pub(super) fn interrupted(what: &'static str) -> PlaceError {
    let source = io::Error::other("the work was interrupted");
    PlaceError { what, path: PathBuf::new(), source }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.published {
            return;
        }
        if let Err(error) = remove_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "an unfinished backup could not be removed");
        }
    }
}

/// Why what an earlier life left behind could not be removed.
#[derive(Debug, thiserror::Error)]
#[error("failed to remove unfinished backups in {}", path.display())]
pub struct LeftoverError {
    /// Where.
    path: PathBuf,
    /// What the system said.
    #[source]
    source: io::Error,
}

/// How the name of a backup ends that a command makes.
#[must_use]
pub fn ending(command: &WireCommand) -> String {
    format!("-{}-{}", command.rollout, command.id)
}

/// Removes the unfinished backups of a database, which an earlier life of its agent left behind; how many there were.
/// `untold`: one whose name ends like this was finished, and nobody was told of it: it goes as well. Not to be called
/// while a backup of this database is made.
///
/// # Errors
/// The directory cannot be read, or something in it not removed.
pub async fn remove_leftovers(
    dir: &Path,
    database: &DatabaseName,
    untold: Option<&str>,
) -> Result<usize, LeftoverError> {
    let parent = dir.join(database.as_str());
    let (path, untold) = (parent.clone(), untold.map(str::to_owned));
    let removed = tokio::task::spawn_blocking(move || {
        disown(&parent, untold.as_deref())?;
        remove_here(&parent)
    });
    let removed = removed.await;
    let removed = removed.unwrap_or_else(|_| Err(io::Error::other("the work was interrupted")));
    removed.map_err(|source| LeftoverError { path, source })
}

/// Removes a directory. One that is gone, or goes meanwhile, is fine: what was given up is deleted beside the work. One in
/// which somebody writes still is tried again, a few times.
pub(super) fn remove_all(path: &Path) -> io::Result<()> {
    for _ in 1..REMOVALS {
        match remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => yield_now(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            done => return done,
        }
    }
    remove_dir_all(path)
}

/// Makes a directory, and those above it that are not there: nobody else may ever look into it.
pub(super) fn private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a file that is not there yet: nobody else may ever read it, whatever the agent's umask is.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Takes the proper name of what nobody knows: from then on it is unfinished.
fn disown(parent: &Path, untold: Option<&str>) -> io::Result<()> {
    let Some(untold) = untold else { return Ok(()) };
    let entries = match parent.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && name.ends_with(untold) {
            std::fs::rename(entry.path(), parent.join(format!("{TEMPORARY}untold-{name}")))?;
        }
    }
    Ok(())
}

fn remove_here(parent: &Path) -> io::Result<usize> {
    let entries = match parent.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY)) {
            remove_all(&entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}
