//! The files of a backup, hashed while they are written: when pg_dump has ended, what is left to read is its last
//! moments.
//!
//! pg_dump writes its files from front to back and never goes back. What it has written is read again from the files
//! themselves, where it is still in memory: so the digest is that of the file, and not of what was to be written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, remove_file};
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

/// After so many looks at which a file had not grown, it is half as likely to grow again: pg_dump stays with a large table
/// for minutes, and may wait for the server meanwhile.
const HALF_AS_LIKELY: u64 = 4;

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
    /// Encrypted files that are open.
    open: BTreeSet<String>,
    /// How often it was looked.
    looks: u64,
    chunk: Vec<u8>,
    stop: CancellationToken,
}

struct Growing {
    read: u64,
    hash: Sha256,
    /// What the compression says of its end; `None`: it is of a kind that has to be unpacked for that.
    frames: Option<Frames>,
    sealing: Sealed,
    /// The look that last found more in it.
    grew_at: u64,
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
        Self { read: 0, hash: Sha256::new(), frames, sealing: Sealed::No, grew_at: 0 }
    }

    /// How much work is lost if its encrypted form is ended now, as far as that can be told: what it has would be written
    /// again, if it grows.
    fn stake(&self, look: u64) -> u64 {
        if self.frames.as_ref().is_some_and(Frames::is_whole) {
            return 0;
        }
        let halves = look.saturating_sub(self.grew_at) / HALF_AS_LIKELY;
        self.read.checked_shr(u32::try_from(halves).unwrap_or(u32::MAX)).unwrap_or(0)
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
            open: BTreeSet::new(),
            looks: 0,
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
        self.looks += 1;
        for entry in self.directory.read_dir()? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let file = self.files.entry(name.clone()).or_insert_with_key(|name| Growing::new(name));
            let (was_ended, before) = (matches!(file.sealing, Sealed::Closed(_)), file.read);
            let sealed = self.sealed.as_ref();
            let mut read = |file: &mut Growing| {
                file.follow(&entry.path(), (&mut self.chunk, &self.stop), |sealing, chunk| {
                    take(sealed, (&name, sealing), chunk)
                })
            };
            read(file)?;
            if file.read == before {
                continue;
            }
            if was_ended {
                // What was just read is not in its encrypted form.
                *file = Growing::new(&name);
                read(file)?;
            }
            file.grew_at = self.looks;
            if self.sealed.is_some() {
                self.has_grown(name)?;
            }
        }
        Ok(())
    }

    /// Keeps few encrypted files open: of the others, that one is ended which has the least at stake.
    fn has_grown(&mut self, name: String) -> io::Result<()> {
        let stake = |open: &&String| self.files.get(*open).map_or(0, |file| file.stake(self.looks));
        let others = self.open.iter().filter(|open| **open != name);
        if self.open.len() >= MOST_OPEN
            && !self.open.contains(&name)
            && let Some(least) = others.min_by_key(stake).cloned()
        {
            self.open.remove(&least);
            if let Some(file) = self.files.get_mut(&least) {
                file.sealing.close()?;
            }
        }
        self.open.insert(name);
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
            let stored = growing.sealing.close()?;
            let stored = stored.ok_or_else(|| io::Error::other(format!("{name} has no encrypted form")))?;
            let is_known_to_end = growing.frames.is_some();
            parts.push(stored.part(format!("{prefix}{name}{ENDING}"), growing.plain())?);
            if is_known_to_end {
                // Nobody reads it again. Others are unpacked before they go, and the list of tables is read.
                remove_file(self.directory.join(&name))?;
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
        // It is begun anew by whoever sees that there is more.
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
    let mut growing = Growing { read: 0, hash: Sha256::new(), frames: None, sealing: Sealed::No, grew_at: 0 };
    growing.follow(path, (&mut vec![0; CHUNK], stop), |_, chunk| take(chunk))?;
    Ok(growing.plain())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::sync::atomic::{AtomicUsize, Ordering};

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

    /// Files that grow, and their encrypted forms.
    struct Growth {
        dir: tempfile::TempDir,
        sealed: tempfile::TempDir,
        owner: age::x25519::Identity,
    }

    impl Growth {
        fn new() -> anyhow::Result<(Self, Parts)> {
            let growth = Self {
                dir: tempfile::tempdir()?,
                sealed: tempfile::tempdir()?,
                owner: age::x25519::Identity::generate(),
            };
            let seal = Arc::new(Seal::to(&[growth.owner.to_public()]).expect("an owner"));
            let parts = Parts::new(growth.dir.path().to_owned(), CancellationToken::new());
            let parts = parts.sealed(growth.sealed.path().to_owned(), seal);
            Ok((growth, parts))
        }

        fn grow(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
            let mut how = fs::OpenOptions::new();
            Ok(how.create(true).append(true).open(self.dir.path().join(name))?.write_all(bytes)?)
        }

        /// What is in the encrypted form.
        fn opened(&self, name: &str) -> anyhow::Result<Vec<u8>> {
            let stored = fs::read(self.sealed.path().join(name))?;
            let opened = age::Decryptor::new(&stored[..])?;
            let mut plain = Vec::new();
            opened.decrypt(std::iter::once(&self.owner as &dyn age::Identity))?.read_to_end(&mut plain)?;
            Ok(plain)
        }
    }

    fn is_open(parts: &Parts, name: &str) -> bool {
        parts.files.get(name).is_some_and(|file| matches!(file.sealing, Sealed::Open(_)))
    }

    #[test]
    fn what_grows_in_the_midst_of_a_look_is_encrypted_to_its_end() -> anyhow::Result<()> {
        let (growth, mut parts) = Growth::new()?;
        let (looks, writes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seen, done) = (Arc::clone(&looks), Arc::clone(&writes));
        let (mut rows, all) = (File::create_new(growth.dir.path().join("1.dat"))?, 600);
        // Once in each look, at another moment of it.
        let writer = std::thread::spawn(move || {
            (1..=all).try_for_each(|look| {
                while seen.load(Ordering::Acquire) < look {
                    std::hint::spin_loop();
                }
                (0..look * 37 % 1_000).for_each(|_| std::hint::spin_loop());
                let written = rows.write_all(b"a row;");
                done.store(look, Ordering::Release);
                written
            })
        });
        for look in 1..=all {
            // As if others had taken its place.
            if let Some(file) = parts.files.get_mut("1.dat")
                && let Some(stored) = file.sealing.close()?
            {
                stored.part("1.dat".to_owned(), Plain { sha256: Digest::of(""), bytes: file.read })?;
            }
            looks.store(look, Ordering::Release);
            parts.follow()?;
            while writes.load(Ordering::Acquire) < look {
                std::hint::spin_loop();
            }
        }
        writer.join().expect("the writer")?;
        assert_eq!(parts.finish("")?.len(), 1);
        let written = fs::read(growth.dir.path().join("1.dat"))?;
        assert_eq!(growth.opened("1.dat.age")?, written);
        Ok(())
    }

    #[test]
    fn what_is_ended_too_early_is_what_has_least_to_lose() -> anyhow::Result<()> {
        // A large table that waits now and then, beside very many small ones.
        let (growth, mut parts) = Growth::new()?;
        growth.grow("large.dat", &vec![7; 64 * CHUNK])?;
        for round in 0..40 {
            for n in 0..20 {
                growth.grow(&format!("{round}{n:02}.dat"), b"a small table")?;
            }
            if round % 8 == 0 {
                growth.grow("large.dat", b"more")?;
            }
            parts.follow()?;
            assert!(is_open(&parts, "large.dat"), "the large one is written anew after round {round}");
        }
        // Large ones that are done, and small ones that grow.
        let (growth, mut parts) = Growth::new()?;
        for n in 0..MOST_OPEN {
            growth.grow(&format!("done{n}.dat"), &vec![7; CHUNK])?;
        }
        (0..200).try_for_each(|_| parts.follow())?;
        let names: Vec<_> = (0..8).map(|n| format!("{n}.dat")).collect();
        for round in 0..10 {
            names.iter().try_for_each(|name| growth.grow(name, b"rows"))?;
            parts.follow()?;
            let anew: Vec<_> = names.iter().filter(|name| !is_open(&parts, name)).collect();
            assert!(anew.is_empty(), "{anew:?} are written anew after round {round}");
        }
        Ok(())
    }

    #[test]
    fn an_encrypted_part_that_lacks_something_is_none() -> anyhow::Result<()> {
        let growth = Growth::new()?.0;
        let seal = Seal::to(&[growth.owner.to_public()]).expect("an owner");
        let (name, rows) = ("1.dat.age", vec![7; 300_000]);
        let plain = |bytes| Plain { sha256: Digest::of(&rows), bytes };
        let mut sealing = seal.begin(&growth.sealed.path().join(name))?;
        sealing.write(&rows[..200_000])?;
        let lacks = sealing.finish()?.part(name.to_owned(), plain(300_000)).unwrap_err();
        assert!(lacks.to_string().contains("200000 bytes of 300000"), "{lacks}");
        // One that was dropped, and one that was cut off, cannot be read: wherever that was.
        let mut sealing = seal.begin(&growth.sealed.path().join(name))?;
        sealing.write(&rows)?;
        drop(sealing);
        assert!(growth.opened(name).is_err());
        let mut sealing = seal.begin(&growth.sealed.path().join(name))?;
        sealing.write(&rows)?;
        sealing.finish()?;
        assert_eq!(growth.opened(name)?, rows);
        let stored = fs::read(growth.sealed.path().join(name))?;
        let piece = 64 * 1024 + 16;
        let edges = (0..=4).map(|n| stored.len() % piece + n * piece).flat_map(|at| [at - 1, at, at + 1]);
        let pieces = (0..stored.len()).step_by(19_997).chain(edges).filter(|at| *at < stored.len());
        for length in pieces {
            fs::write(growth.sealed.path().join(name), &stored[..length])?;
            assert!(growth.opened(name).is_err(), "{length} bytes of {} are taken for all", stored.len());
        }
        Ok(())
    }

    #[test]
    fn a_plain_file_goes_as_soon_as_nobody_reads_it_again() -> anyhow::Result<()> {
        let (growth, mut parts) = Growth::new()?;
        // A frame of Zstandard with one raw block of three bytes, which is the last.
        growth.grow("1.dat.zst", &[0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0, b'a', b'b', b'c'])?;
        growth.grow("2.dat.gz", b"is unpacked later")?;
        growth.grow("toc.dat", b"is read later")?;
        parts.follow()?;
        assert_eq!(parts.finish("")?.len(), 3);
        let mut left: Vec<_> =
            growth.dir.path().read_dir()?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
        left.sort();
        assert_eq!(left, ["2.dat.gz", "toc.dat"]);
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

        remove_file(dir.path().join("1.dat"))?;
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
