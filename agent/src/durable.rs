//! Files that are there whole or not at all, whenever the machine stops.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file could not be changed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} {path}")]
pub struct DurableError {
    /// What was tried.
    pub action: &'static str,
    /// On which file.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}

impl DurableError {
    /// For `map_err`.
    pub(crate) fn of(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action, path: path.to_owned(), source }
    }
}

/// What a temporary name ends with; it starts with a dot.
const TEMPORARY: &str = ".tmp";

/// Whether a name is one that [`write`] left behind when it was interrupted.
pub(crate) fn is_leftover(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(TEMPORARY)
}

/// Puts `contents` in the place of the file, readable by its owner only. When this returns it survives a crash; when
/// it fails or the machine stops, the old file is as it was.
pub(crate) fn write(path: &Path, contents: &[u8]) -> Result<(), DurableError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}{TEMPORARY}"));
    let written = write_new(&temporary, contents)
        .map_err(DurableError::of("write", &temporary))
        .and_then(|()| fs::rename(&temporary, path).map_err(DurableError::of("write", path)));
    if written.is_err() {
        // A leftover is harmless, and cleared at the next start.
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_parent(path))
}

fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    // One that an earlier process left may have other permissions.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// Moves a file within its directory, durably.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), DurableError> {
    fs::rename(from, to).map_err(DurableError::of("rename", from))?;
    sync_parent(to)
}

/// Makes what was done to a file's name survive a crash.
pub(crate) fn sync_parent(path: &Path) -> Result<(), DurableError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    File::open(parent).and_then(|directory| directory.sync_all()).map_err(DurableError::of("sync", parent))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_is_its_owners() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let leftover = dir.path().join(".f.tmp");
        fs::write(&leftover, "of an earlier process").unwrap();
        for contents in ["one", "two"] {
            write(&path, contents.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), contents);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!leftover.exists() && is_leftover(".f.tmp") && !is_leftover("f.tmp"));
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_file_and_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        fs::create_dir(&path).unwrap();
        let error = write(&path, b"new").unwrap_err();
        assert_eq!(error.path, path);
        assert!(path.is_dir() && fs::read_dir(dir.path()).unwrap().count() == 1);
    }
}
