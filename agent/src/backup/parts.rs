//! The files of a backup, hashed while they are written: when pg_dump has ended, what is left to read is its last
//! moments.
//!
//! pg_dump writes its files from front to back and never goes back. What it has written is read again from the files
//! themselves, where it is still in memory: so the digest is that of the file, and not of what was to be written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use pgbelay_core::digest::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use self::frames::Frames;

mod frames;

/// How much is read at a time.
const CHUNK: usize = 256 * 1024;

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Its path in the directory of the backup.
    pub(super) name: String,
    /// Of its bytes.
    pub(super) sha256: Digest,
    /// Its size.
    pub(super) bytes: u64,
}

/// The files of a directory that grow.
pub(super) struct Parts {
    directory: PathBuf,
    files: BTreeMap<String, Growing>,
    chunk: Vec<u8>,
    stop: CancellationToken,
}

struct Growing {
    read: u64,
    hash: Sha256,
    /// What the compression says of its end; `None`: it is of a kind that has to be unpacked for that.
    frames: Option<Frames>,
}

impl Growing {
    fn new(name: &str) -> Self {
        let frames = name.ends_with(".zst").then(Frames::default);
        Self { read: 0, hash: Sha256::new(), frames }
    }

    /// Reads what was added.
    fn follow(&mut self, path: &Path, chunk: &mut [u8], stop: &CancellationToken) -> io::Result<()> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(self.read))?;
        loop {
            if stop.is_cancelled() {
                return Err(io::Error::other("the reading was ended"));
            }
            let read = file.read(chunk)?;
            if read == 0 {
                return Ok(());
            }
            self.hash.update(&chunk[..read]);
            if let Some(frames) = &mut self.frames {
                frames.take(&chunk[..read])?;
            }
            self.read += read as u64;
        }
    }
}

impl Parts {
    /// Whoever cancels `stop` ends the reading.
    pub(super) fn new(directory: PathBuf, stop: CancellationToken) -> Self {
        Self { directory, files: BTreeMap::new(), chunk: vec![0; CHUNK], stop }
    }

    /// Whether the directory has been made.
    pub(super) fn is_there(&self) -> bool {
        self.directory.exists()
    }

    /// Reads what was written since the last time.
    ///
    /// # Errors
    /// A file cannot be read, or is not what its name says.
    pub(super) fn follow(&mut self) -> io::Result<()> {
        for entry in self.directory.read_dir()? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let file = self.files.entry(name).or_insert_with_key(|name| Growing::new(name));
            file.follow(&entry.path(), &mut self.chunk, &self.stop)?;
        }
        Ok(())
    }

    /// Bytes that were read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.read).sum()
    }

    /// How many of the files hold rows.
    pub(super) fn tables(&self) -> usize {
        self.files.keys().filter(|name| number(name).is_some()).count()
    }

    /// Reads the rest, brings every file to disk, and gives them by name, below `prefix`. Nobody writes any more.
    ///
    /// # Errors
    /// A file cannot be read or synced, has shrunk, or does not come to its end.
    pub(super) fn finish(mut self, prefix: &str) -> io::Result<Vec<Part>> {
        self.follow()?;
        let mut parts = Vec::with_capacity(self.files.len());
        for (name, growing) in self.files {
            let file = File::open(self.directory.join(&name))?;
            file.sync_all()?;
            if file.metadata()?.len() != growing.read {
                return Err(io::Error::other(format!("{name} was written from anew while it was read")));
            }
            if growing.frames.is_some_and(|frames| !frames.is_whole()) {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{name} is cut off")));
            }
            let sha256 = Digest::from_bytes(growing.hash.finalize().into());
            parts.push(Part { name: format!("{prefix}{name}"), sha256, bytes: growing.read });
        }
        Ok(parts)
    }
}

/// The number of an entry whose rows a file of pg_dump's directory holds: `3345.dat.zst`.
pub(super) fn number(name: &str) -> Option<u32> {
    let (number, rest) = name.split_once('.')?;
    if rest == "dat" || rest.starts_with("dat.") { number.parse().ok() } else { None }
}

/// Hashes a file that is whole, and brings it to disk.
///
/// # Errors
/// It cannot be read or synced, or was stopped.
pub(super) fn part(directory: &Path, name: &str, stop: &CancellationToken) -> io::Result<Part> {
    let path = directory.join(name);
    let mut growing = Growing { read: 0, hash: Sha256::new(), frames: None };
    growing.follow(&path, &mut vec![0; CHUNK], stop)?;
    File::open(&path)?.sync_all()?;
    let sha256 = Digest::from_bytes(growing.hash.finalize().into());
    Ok(Part { name: name.to_owned(), sha256, bytes: growing.read })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    #[test]
    fn files_are_hashed_while_they_grow() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let mut toc = File::create(dir.path().join("toc.dat"))?;
        let mut parts = Parts::new(dir.path().to_owned(), CancellationToken::new());
        parts.follow()?;
        for text in ["one ", "two ", "three"] {
            toc.write_all(text.as_bytes())?;
            parts.follow()?;
        }
        fs::write(dir.path().join("12.dat"), vec![7; 3 * CHUNK + 1])?;
        parts.follow()?;
        assert_eq!((parts.bytes(), parts.tables()), (13 + 3 * CHUNK as u64 + 1, 1));
        toc.write_all(b" four")?;
        let found = parts.finish("dump/")?;
        let expected = |name: &str, bytes: &[u8]| Part {
            name: name.to_owned(),
            sha256: Digest::of(bytes),
            bytes: bytes.len() as u64,
        };
        let all = [
            expected("dump/12.dat", &vec![7; 3 * CHUNK + 1]),
            expected("dump/toc.dat", b"one two three four"),
        ];
        assert_eq!(found, all);
        assert_eq!(
            part(dir.path(), "toc.dat", &CancellationToken::new())?,
            expected("toc.dat", b"one two three four")
        );
        Ok(())
    }

    #[test]
    fn a_file_that_shrinks_or_is_cut_off_is_no_part() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        fs::write(dir.path().join("1.dat"), "rows")?;
        let mut parts = Parts::new(dir.path().to_owned(), CancellationToken::new());
        parts.follow()?;
        fs::write(dir.path().join("1.dat"), "row")?;
        assert!(parts.finish("").unwrap_err().to_string().contains("1.dat was written from anew"));

        fs::remove_file(dir.path().join("1.dat"))?;
        fs::write(dir.path().join("2.dat.zst"), [0x28, 0xb5, 0x2f, 0xfd, 0])?;
        let cut = Parts::new(dir.path().to_owned(), CancellationToken::new()).finish("").unwrap_err();
        assert!(cut.to_string().contains("2.dat.zst is cut off"), "{cut}");
        Ok(())
    }

    #[test]
    fn rows_are_in_files_with_numbers() {
        assert_eq!(number("3345.dat.zst"), Some(3345));
        assert_eq!(number("3345.dat"), Some(3345));
        assert_eq!(number("toc.dat"), None);
        assert_eq!(number("blob_16.dat.gz"), None);
        assert_eq!(number("3345.txt"), None);
    }
}
