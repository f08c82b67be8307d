//! The jobs that an agent has: what was asked of it, and how it ended, until that is acknowledged.
//!
//! One file for each, in the state directory: a process that is started anew knows what the one before it was at.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pgbelay_core::backup::BackupId;
use pgbelay_core::job::{Destination, JobEnd, JobId};
use serde::{Deserialize, Serialize};

use crate::durable::{self, DurableError};

/// Most jobs that are kept; a controller has one in work at a time.
const MOST: usize = 100;

/// What is kept of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The backup.
    pub backup: BackupId,
    /// Where its contents go.
    pub into: Destination,
    /// How it ended.
    pub end: Option<JobEnd>,
}

/// All jobs that were not acknowledged.
#[derive(Debug)]
pub(crate) struct Jobs {
    directory: PathBuf,
    all: BTreeMap<JobId, Kept>,
}

impl Jobs {
    /// Reads the directory; makes it if it is not there. A file that is not whole is of a job that was not begun.
    ///
    /// # Errors
    /// It cannot be made or read.
    pub(crate) fn open(directory: &Path) -> Result<Self, DurableError> {
        fs::create_dir_all(directory).map_err(DurableError::of("make", directory))?;
        let mut all = BTreeMap::new();
        let entries = directory.read_dir().map_err(DurableError::of("read", directory))?;
        for entry in entries {
            let path = entry.map_err(DurableError::of("read", directory))?.path();
            let id =
                path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<JobId>().ok());
            let text = fs::read(&path).map_err(DurableError::of("read", &path))?;
            match (id, serde_json::from_slice::<Kept>(&text)) {
                (Some(id), Ok(kept)) => drop(all.insert(id, kept)),
                (_, _) => fs::remove_file(&path).map_err(DurableError::of("remove", &path))?,
            }
        }
        Ok(Self { directory: directory.to_owned(), all })
    }

    /// Their ids.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &JobId> {
        self.all.keys()
    }

    /// One of them.
    pub(crate) fn get(&self, id: &JobId) -> Option<&Kept> {
        self.all.get(id)
    }

    /// Those that an earlier process was at.
    pub(crate) fn interrupted(&self) -> impl Iterator<Item = (&JobId, &Kept)> {
        self.all.iter().filter(|(_, kept)| kept.end.is_none())
    }

    /// Those that came to an end.
    pub(crate) fn ended(&self) -> impl Iterator<Item = (&JobId, &JobEnd)> {
        self.all.iter().filter_map(|(id, kept)| Some((id, kept.end.as_ref()?)))
    }

    /// Keeps a job, on disk.
    ///
    /// # Errors
    /// It cannot be written, or there are too many.
    pub(crate) fn keep(&mut self, id: JobId, kept: Kept) -> Result<(), DurableError> {
        let path = self.path(&id);
        if !self.all.contains_key(&id) && self.all.len() >= MOST {
            let full = std::io::Error::other(format!("{MOST} jobs are not acknowledged"));
            return Err(DurableError::of("write", &path)(full));
        }
        let text = serde_json::to_vec(&kept).map_err(std::io::Error::from);
        durable::write(&path, &text.map_err(DurableError::of("write", &path))?)?;
        self.all.insert(id, kept);
        Ok(())
    }

    /// Forgets a job whose end is known elsewhere.
    pub(crate) fn forget(&mut self, id: &JobId) {
        if self.all.get(id).is_some_and(|kept| kept.end.is_some()) {
            self.all.remove(id);
            // What is left over is told again, and acknowledged again.
            let _ = fs::remove_file(self.path(id));
        }
    }

    fn path(&self, id: &JobId) -> PathBuf {
        self.directory.join(format!("{id}.json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_known_until_it_is_acknowledged() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let kept = |end| Kept { backup: "b".to_owned(), into: Destination::Scratch, end };
        let id = |text: &str| text.parse::<JobId>().unwrap();
        let mut jobs = Jobs::open(dir.path())?;
        jobs.keep(id("j1"), kept(None))?;
        jobs.keep(id("j2"), kept(None))?;
        // What has no end is not forgotten.
        jobs.forget(&id("j1"));
        jobs.keep(id("j2"), kept(Some(JobEnd::Cancelled)))?;
        fs::write(dir.path().join("j3.json"), "{\"into\"")?;

        let mut again = Jobs::open(dir.path())?;
        assert_eq!(again.ids().cloned().collect::<Vec<_>>(), [id("j1"), id("j2")]);
        assert_eq!(again.interrupted().map(|(id, _)| id.clone()).collect::<Vec<_>>(), [id("j1")]);
        assert_eq!(again.ended().collect::<Vec<_>>(), [(&id("j2"), &JobEnd::Cancelled)]);
        again.forget(&id("j2"));
        assert_eq!(Jobs::open(dir.path())?.ids().count(), 1);
        Ok(())
    }
}
