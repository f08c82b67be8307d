//! The directory of the journal: names, listing, files that don't read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pgbelay_core::command::CommandId;
use pgbelay_core::time::Timestamp;

use super::Entry;
use crate::durable::{self, DurableError};
use crate::state_dir;

/// Largest file that is read: four times the largest message, because text is escaped.
const MAX_BYTES: u64 = 4 * pgbelay_proto::MAX_MESSAGE_BYTES as u64;

const SUFFIX: &str = ".json";

/// What a file is called: `<command>@<attempt>.json`, so that the name alone tells whose a damaged file is. No
/// command id has an `@` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileName {
    pub(super) id: CommandId,
    pub(super) attempt: u32,
}

/// A file that does not read.
pub(super) struct Damaged {
    pub(super) file: FileName,
    pub(super) why: String,
}

/// What is in the directory.
#[derive(Default)]
pub(super) struct Found {
    pub(super) entries: Vec<Entry>,
    pub(super) damaged: Vec<Damaged>,
}

impl FileName {
    fn parse(name: &str) -> Option<Self> {
        let (id, attempt) = name.strip_suffix(SUFFIX)?.split_once('@')?;
        Some(Self { id: id.parse().ok()?, attempt: attempt.parse().ok()? })
    }

    fn text(&self) -> String {
        format!("{}@{}{SUFFIX}", self.id, self.attempt)
    }

    pub(super) fn path(&self, directory: &Path) -> PathBuf {
        directory.join(self.text())
    }
}

/// Lists and reads the directory, which is made if it is not there; clears what interrupted writes left.
pub(super) fn read(directory: &Path) -> Result<Found, DurableError> {
    state_dir::make(directory)?;
    let listed = || DurableError::of("list", directory);
    let mut found = Found::default();
    for item in fs::read_dir(directory).map_err(listed())? {
        let item = item.map_err(listed())?;
        let name = item.file_name().to_string_lossy().into_owned();
        if durable::is_leftover(&name) {
            fs::remove_file(item.path()).map_err(DurableError::of("remove", &item.path()))?;
        } else if let Some(file) = FileName::parse(&name) {
            match read_entry(&item.path(), &file) {
                Ok(entry) => found.entries.push(entry),
                Err(why) => found.damaged.push(Damaged { file, why: why.to_string() }),
            }
        }
    }
    Ok(found)
}

fn read_entry(path: &Path, file: &FileName) -> io::Result<Entry> {
    if fs::metadata(path)?.len() > MAX_BYTES {
        return Err(io::Error::other("it is larger than anything that was written"));
    }
    let entry: Entry = serde_json::from_slice(&fs::read(path)?)?;
    if entry.file() == *file { Ok(entry) } else { Err(io::Error::other("it is about another command")) }
}

/// Gives a damaged file a name under which nobody looks for it, except people: one without [`SUFFIX`].
pub(super) fn move_aside(directory: &Path, file: &FileName, now: Timestamp) -> Result<PathBuf, DurableError> {
    let path = directory.join(format!("damaged-{}-{}@{}", now.0, file.id, file.attempt));
    durable::rename(&file.path(directory), &path)?;
    Ok(path)
}

/// Removes a file whose content is no longer needed. One that stays is looked at again at the next start.
pub(super) fn remove(directory: &Path, file: &FileName) {
    let path = file.path(directory);
    if let Err(error) = fs::remove_file(&path) {
        tracing::warn!(path = %path.display(), %error, "failed to remove a file of the journal");
    }
}
