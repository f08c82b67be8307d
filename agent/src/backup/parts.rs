//! The files of a backup, hashed while they are written: when pg_dump has ended, what is left to read is its last
//! moments.
//!
//! pg_dump writes its files from front to back and never goes back. What it has written is read again from the files
//! themselves, where it is still in memory: so the digest is that of the file, and not of what was to be written.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pgbelay_core::digest::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use self::frames::Frames;
use super::seal::{ENDING, Seal, Sealing, Stored};

mod frames;

/// How much is read at a time.
pub(super) const CHUNK: usize = 256 * 1024;

/// Most encrypted files that are open: each has a chunk of its own in memory, and pg_dump writes eight at most. One that was
/// ended too early is written anew.
const MOST_OPEN: usize = 16;

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Its path in the directory of the backup.
    pub(super) name: String,
    /// Of its bytes.
    pub(super) sha256: Digest,
    /// Its size.
    pub(super) bytes: u64,
    /// What is in it, where it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) plain: Option<Plain>,
}

/// What is in an encrypted file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plain {
    /// Of its bytes.
    pub(super) sha256: Digest,
    /// Its size.
    pub(super) bytes: u64,
}

/// The files of a directory that grow.
pub(super) struct Parts {
    directory: PathBuf,
    files: BTreeMap<String, Growing>,
    /// Where encrypted files go, and what makes them.
    sealed: Option<(PathBuf, Arc<Seal>)>,
    /// Encrypted files that are open; the one that grew last is at the end.
    open: VecDeque<String>,
    chunk: Vec<u8>,
    stop: CancellationToken,
}

struct Growing {
    read: u64,
    hash: Sha256,
    /// What the compression says of its end; `None`: it is of a kind that has to be unpacked for that.
    frames: Option<Frames>,
    sealing: Sealed,
}

/// How far the encrypted form of a file is.
enum Sealed {
    /// There is none, or nothing of it.
    No,
    Open(Box<Sealing>),
    Closed(Stored),
}

impl Sealed {
    /// Ends it; `None`: there is nothing of it.
    fn close(&mut self) -> io::Result<Option<Stored>> {
        let stored = match std::mem::replace(self, Self::No) {
            Self::No => return Ok(None),
            Self::Open(sealing) => sealing.finish()?,
            Self::Closed(stored) => stored,
        };
        *self = Self::Closed(stored);
        Ok(Some(stored))
    }
}

impl Growing {
    fn new(name: &str) -> Self {
        let frames = name.ends_with(".zst").then(Frames::default);
        Self { read: 0, hash: Sha256::new(), frames, sealing: Sealed::No }
    }

    fn plain(self) -> Plain {
        Plain { sha256: Digest::from_bytes(self.hash.finalize().into()), bytes: self.read }
    }

    /// Reads what was added, and hands it on.
    fn follow(
        &mut self,
        path: &Path,
        (chunk, stop): (&mut [u8], &CancellationToken),
        mut take: impl FnMut(&mut Sealed, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
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
            take(&mut self.sealing, &chunk[..read])?;
            self.read += read as u64;
        }
    }
}

impl Parts {
    /// Whoever cancels `stop` ends the reading.
    pub(super) fn new(directory: PathBuf, stop: CancellationToken) -> Self {
        Self {
            directory,
            files: BTreeMap::new(),
            sealed: None,
            open: VecDeque::new(),
            chunk: vec![0; CHUNK],
            stop,
        }
    }

    /// Has each file encrypted into a directory, which is there and empty.
    pub(super) fn sealed(self, directory: PathBuf, seal: Arc<Seal>) -> Self {
        Self { sealed: Some((directory, seal)), ..self }
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
            let file = self.files.entry(name.clone()).or_insert_with_key(|name| Growing::new(name));
            if matches!(file.sealing, Sealed::Closed(_)) && entry.metadata()?.len() > file.read {
                *file = Growing::new(&name);
            }
            let before = file.read;
            let sealed = &self.sealed;
            file.follow(&entry.path(), (&mut self.chunk, &self.stop), |sealing, chunk| {
                take(sealed.as_ref(), (&name, sealing), chunk)
            })?;
            if self.sealed.is_some() && file.read > before {
                self.has_grown(name)?;
            }
        }
        Ok(())
    }

    /// Keeps few encrypted files open.
    fn has_grown(&mut self, name: String) -> io::Result<()> {
        self.open.retain(|open| *open != name);
        self.open.push_back(name);
        if self.open.len() > MOST_OPEN
            && let Some(oldest) = self.open.pop_front()
            && let Some(file) = self.files.get_mut(&oldest)
        {
            file.sealing.close()?;
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
        for (name, mut growing) in self.files {
            let file = File::open(self.directory.join(&name))?;
            if self.sealed.is_none() {
                file.sync_all()?;
            }
            if file.metadata()?.len() != growing.read {
                return Err(io::Error::other(format!("{name} was written from anew while it was read")));
            }
            if growing.frames.as_ref().is_some_and(|frames| !frames.is_whole()) {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{name} is cut off")));
            }
            let Some(sealed) = &self.sealed else {
                parts.push(part_of(format!("{prefix}{name}"), growing.plain()));
                continue;
            };
            // One without a byte has an encrypted form, too.
            take(Some(sealed), (&name, &mut growing.sealing), &[])?;
            if let Some(stored) = growing.sealing.close()? {
                parts.push(stored.part(format!("{prefix}{name}{ENDING}"), growing.plain()));
            }
        }
        Ok(parts)
    }
}

/// Has more of a file encrypted.
fn take(
    sealed: Option<&(PathBuf, Arc<Seal>)>,
    (name, sealing): (&str, &mut Sealed),
    chunk: &[u8],
) -> io::Result<()> {
    let Some((directory, seal)) = sealed else { return Ok(()) };
    if matches!(sealing, Sealed::No) {
        *sealing = Sealed::Open(Box::new(seal.begin(&directory.join(format!("{name}{ENDING}")))?));
    }
    match sealing {
        Sealed::Open(open) => open.write(chunk),
        Sealed::Closed(_) | Sealed::No => Ok(()),
    }
}

fn part_of(name: String, Plain { sha256, bytes }: Plain) -> Part {
    Part { name, sha256, bytes, plain: None }
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
    let plain = read_through(&path, stop, |_| Ok(()))?;
    File::open(&path)?.sync_all()?;
    Ok(part_of(name.to_owned(), plain))
}

/// Reads a file from its beginning to its end, and hands it on meanwhile.
///
/// # Errors
/// It cannot be read, was stopped, or is not taken.
pub(super) fn read_through(
    path: &Path,
    stop: &CancellationToken,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Plain> {
    let mut growing = Growing { read: 0, hash: Sha256::new(), frames: None, sealing: Sealed::No };
    growing.follow(path, (&mut vec![0; CHUNK], stop), |_, chunk| take(chunk))?;
    Ok(growing.plain())
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
            plain: None,
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
    fn an_encrypted_file_that_was_ended_too_early_is_written_anew() -> anyhow::Result<()> {
        let (dir, sealed) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let owner = age::x25519::Identity::generate();
        let seal = Arc::new(Seal::to(&[owner.to_public()]).expect("an owner"));
        let parts = Parts::new(dir.path().to_owned(), CancellationToken::new());
        let mut parts = parts.sealed(sealed.path().to_owned(), seal);
        let (names, rounds) = (3 * MOST_OPEN, 3);
        fs::write(dir.path().join("empty.dat"), "")?;
        for round in 0..rounds {
            for n in 0..names {
                let mut file = fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(dir.path().join(format!("{n}.dat")))?;
                write!(file, "{n} in round {round};")?;
            }
            parts.follow()?;
            let open = parts.files.values().filter(|file| matches!(file.sealing, Sealed::Open(_))).count();
            assert!(open <= MOST_OPEN, "{open} are open");
        }
        let found = parts.finish("dump/")?;
        assert_eq!(found.len(), names + 1);
        for part in found {
            let name = part.name.strip_prefix("dump/").expect("a part");
            let stored = fs::read(sealed.path().join(name))?;
            assert_eq!((part.sha256, part.bytes), (Digest::of(&stored), stored.len() as u64), "{name}");
            let mut plain = Vec::new();
            let opened = age::Decryptor::new(&stored[..])?;
            opened.decrypt(std::iter::once(&owner as &dyn age::Identity))?.read_to_end(&mut plain)?;
            let written = fs::read(dir.path().join(name.strip_suffix(ENDING).expect("an ending")))?;
            assert_eq!(plain, written, "{name}");
            let of = Plain { sha256: Digest::of(&written), bytes: written.len() as u64 };
            assert_eq!(part.plain, Some(of), "{name}");
        }
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
