//! The state in a file, so that a start need not fold what was folded before.
//!
//! The ledger is the truth. A snapshot counts only if it was written by this very program (a changed rule never meets
//! an old state), for an entry that this ledger has, and is whole; else it is as if there were none. When one is
//! written is not decided here.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use pgbelay_core::digest::Digest;
use pgbelay_core::state::State;
use serde::{Deserialize as _, Serialize as _};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::ledger::{OpenError, Opening, Place, file};
use header::{Header, HeaderError};

mod header;

/// The file's name; it is beside the ledger.
const NAME: &str = "state.snapshot";

/// Read and written at a time.
const BUFFER: usize = 256 << 10;

/// The snapshots of one ledger: one file, the newest.
#[derive(Debug)]
pub(crate) struct Snapshots {
    path: PathBuf,
    /// The digest of this program.
    program: OnceLock<Digest>,
    /// Whether the ledger was found to be damaged: from then on no snapshot of it may stay or come.
    withdrawn: Mutex<bool>,
}

/// Which ledger, and where in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stands {
    /// The ledger.
    pub(crate) incarnation: Uuid,
    /// The last entry that is in the state.
    pub(crate) place: Place,
}

/// Why a snapshot does not count.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("it is of another ledger")]
    OtherLedger,
    #[error("another version of this program wrote it")]
    OtherProgram,
    #[error("it stands for entry {seq}, and the ledger ends at entry {head}")]
    Beyond { seq: u64, head: u64 },
    #[error("the ledger has another entry {seq} than it had when it was written")]
    OtherEntry { seq: u64 },
    #[error("its content has {found} bytes, and {expected} were written")]
    CutOff { found: u64, expected: u64 },
    #[error("its content is not what was written")]
    Changed,
    #[error("its content is not a state")]
    Content(#[from] rmp_serde::decode::Error),
    #[error("its content stands for entry {found}, and not for entry {expected}")]
    OtherContent { found: u64, expected: u64 },
    #[error("the ledger cannot be asked for its entry")]
    Ledger(#[from] OpenError),
}

/// Why a snapshot was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("failed to write {}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("failed to read this program")]
    Program(#[source] io::Error),
    #[error("the state cannot be written: that is a defect of pgbelay")]
    Encode(#[from] rmp_serde::encode::Error),
    #[error("what was written cannot be read again")]
    ReadBack(#[source] Unusable),
    #[error("what was written is not the state when it is read again: that is a defect of pgbelay")]
    NotEqual,
    #[error("the ledger is damaged")]
    Withdrawn,
}

impl Snapshots {
    /// Those of the ledger at `path`.
    pub(crate) fn of(ledger: &Path) -> Self {
        Self { path: ledger.with_file_name(NAME), program: OnceLock::new(), withdrawn: Mutex::new(false) }
    }

    /// The state in the file, and its place in this ledger; `None`: there is no file.
    ///
    /// # Errors
    /// It does not count.
    pub(crate) fn load(&self, ledger: &Opening) -> Result<Option<(Place, State)>, Unusable> {
        // Of a controller that was killed while it wrote one.
        self.remove_unfinished();
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let header = Header::read(&mut file)?;
        let head = ledger.head()?;
        let place = header.stands.place;
        if header.stands.incarnation != head.incarnation {
            return Err(Unusable::OtherLedger);
        }
        if header.program != self.program()? {
            return Err(Unusable::OtherProgram);
        }
        if place.seq > head.seq {
            return Err(Unusable::Beyond { seq: place.seq, head: head.seq });
        }
        if ledger.hash_at(place.seq)? != Some(place.hash) {
            return Err(Unusable::OtherEntry { seq: place.seq });
        }
        Ok(Some((place, content(file, &header)?)))
    }

    /// Writes the state, reads it again, and only then replaces the snapshot that was there. Blocks; needs as much
    /// memory again as the state has.
    ///
    /// # Errors
    /// The snapshot that was there is as it was.
    pub(crate) fn write(&self, stands: Stands, state: &State) -> Result<(), WriteError> {
        let written = self.write_beside(stands, state);
        if written.is_err() {
            // It may be large, nobody needs it, and the ledger needs the room.
            self.remove_unfinished();
        }
        written
    }

    /// Where one is written until it is whole.
    fn unfinished(&self) -> PathBuf {
        file::beside(&self.path, "-new")
    }

    fn remove_unfinished(&self) {
        let unfinished = self.unfinished();
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, path = %unfinished.display(), "an unfinished snapshot is still there");
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn write_beside(&self, stands: Stands, state: &State) -> Result<(), WriteError> {
        let unfinished = self.unfinished();
        let io = |source| WriteError::Io { path: unfinished.clone(), source };
        let program = self.program().map_err(WriteError::Program)?;
        let mut file = file::private().create(true).truncate(true).open(&unfinished).map_err(io)?;
        let blank = [0; header::BYTES];
        file.write_all(&blank).map_err(io)?;
        let (length, content) = write_content(&mut file, state)?.map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        file.write_all(&Header { stands, program, length, content }.encode()).map_err(io)?;
        file.sync_all().map_err(io)?;
        if read_back(file).map_err(WriteError::ReadBack)? != *state {
            return Err(WriteError::NotEqual);
        }
        let withdrawn = self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner);
        if *withdrawn {
            return Err(WriteError::Withdrawn);
        }
        std::fs::rename(&unfinished, &self.path).map_err(io)?;
        file::sync_directory_of(&self.path).map_err(io)
    }

    /// Takes the snapshot away, and lets none come any more: the next start reads all of the ledger.
    ///
    /// # Errors
    /// It cannot be taken away.
    pub(crate) fn withdraw(&self) -> io::Result<()> {
        let mut withdrawn = self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner);
        *withdrawn = true;
        match std::fs::remove_file(&self.path) {
            Ok(()) => file::sync_directory_of(&self.path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn program(&self) -> io::Result<Digest> {
        if let Some(program) = self.program.get() {
            return Ok(*program);
        }
        let (_, digest) = hash(&mut own_program()?)?;
        Ok(*self.program.get_or_init(|| digest))
    }
}

/// The file that this process runs, even when another one has its name by now.
fn own_program() -> io::Result<File> {
    if cfg!(target_os = "linux") {
        File::open("/proc/self/exe")
    } else {
        File::open(std::env::current_exe()?)
    }
}

/// The outer error: the state cannot be written in this form; the inner one: not to this file.
fn write_content(file: &mut File, state: &State) -> Result<io::Result<(u64, Digest)>, WriteError> {
    let mut out = BufWriter::with_capacity(BUFFER, Hashing::new(file));
    let mut serializer = rmp_serde::Serializer::new(&mut out).with_struct_map().with_human_readable();
    match state.serialize(&mut serializer) {
        Ok(()) => Ok(out.into_inner().map(Hashing::finish).map_err(io::IntoInnerError::into_error)),
        Err(rmp_serde::encode::Error::InvalidValueWrite(error)) => Ok(Err(error.into())),
        Err(error) => Err(error.into()),
    }
}

fn read_back(mut file: File) -> Result<State, Unusable> {
    file.seek(SeekFrom::Start(0))?;
    let header = Header::read(&mut file)?;
    content(file, &header)
}

/// What follows the header, if it is what was written. It is hashed before anything is made of it.
fn content(mut file: File, header: &Header) -> Result<State, Unusable> {
    let start = file.stream_position()?;
    let (found, digest) = hash(&mut file)?;
    if found != header.length {
        return Err(Unusable::CutOff { found, expected: header.length });
    }
    if digest != header.content {
        return Err(Unusable::Changed);
    }
    file.seek(SeekFrom::Start(start))?;
    let input = BufReader::with_capacity(BUFFER, file);
    let state = State::deserialize(&mut rmp_serde::Deserializer::new(input).with_human_readable())?;
    let expected = header.stands.place.seq;
    if state.seq != expected {
        return Err(Unusable::OtherContent { found: state.seq, expected });
    }
    Ok(state)
}

fn hash(input: &mut impl Read) -> io::Result<(u64, Digest)> {
    let mut hashing = Hashing::new(io::sink());
    let mut input = BufReader::with_capacity(BUFFER, input);
    io::copy(&mut input, &mut hashing)?;
    Ok(hashing.finish())
}

/// Counts and hashes what passes.
struct Hashing<W> {
    to: W,
    hash: Sha256,
    length: u64,
}

impl<W> Hashing<W> {
    fn new(to: W) -> Self {
        Self { to, hash: Sha256::new(), length: 0 }
    }

    fn finish(self) -> (u64, Digest) {
        (self.length, Digest::from_bytes(self.hash.finalize().into()))
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
