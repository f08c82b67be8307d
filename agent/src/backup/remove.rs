//! Deleting a backup that was given up.
//!
//! It is renamed before anything of it goes, so that whatever has a proper name stays whole. What a crash leaves behind
//! is a leftover like others, and removed at the next start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pgbelay_core::digest::Digest;

use super::manifest::MANIFEST;
use super::place::{TEMPORARY, remove_all};
use super::publish::sync_directory;

/// Why a backup is still there.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// It cannot be proven to be the one that was meant.
    #[error("{} is not deleted: {why}; if it may go, delete it by hand", path.display())]
    NotTheOne {
        /// Where.
        path: PathBuf,
        /// Why, in words.
        why: String,
    },
    /// The system said no.
    #[error("failed to {what} {}", path.display())]
    Failed {
        /// What was tried, in words.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The work was dropped before it was done.
    #[error("the deletion was interrupted")]
    Interrupted,
}

/// Deletes the backup in a directory, whose manifest had this digest. Once more does no harm.
///
/// # Errors
/// It is another backup, or no backup, or cannot be deleted. Unless it says that it failed to delete, nothing is gone.
pub async fn remove(directory: &Path, sha256: Digest) -> Result<(), RemoveError> {
    let directory = directory.to_owned();
    let removed = tokio::task::spawn_blocking(move || remove_here(&directory, sha256)).await;
    removed.unwrap_or(Err(RemoveError::Interrupted))
}

fn remove_here(directory: &Path, sha256: Digest) -> Result<(), RemoveError> {
    let not_the_one = |why: String| RemoveError::NotTheOne { path: directory.to_owned(), why };
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| RemoveError::Failed { what, path, source }
    };
    let (Some(parent), Some(name)) = (directory.parent(), directory.file_name()) else {
        return Err(not_the_one("it is not the path of a backup".to_owned()));
    };
    let doomed = parent.join(format!("{TEMPORARY}deleted-{}", name.to_string_lossy()));
    match fs::symlink_metadata(directory) {
        Ok(found) if found.is_dir() => {
            let text = fs::read(directory.join(MANIFEST));
            let text = text.map_err(|error| not_the_one(format!("{MANIFEST} cannot be read: {error}")))?;
            if Digest::of(&text) != sha256 {
                return Err(not_the_one(format!("{MANIFEST} is not the one that was made")));
            }
            // Of a deletion that was cut off, of a directory that somebody has put back since.
            remove_all(&doomed).map_err(failed("delete", &doomed))?;
            fs::rename(directory, &doomed).map_err(failed("rename", directory))?;
            sync_directory(parent).map_err(failed("write", parent))?;
        }
        Ok(_) => return Err(not_the_one("it is no directory".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(failed("look at", directory)(source)),
    }
    remove_all(&doomed).map_err(failed("delete", &doomed))
}
