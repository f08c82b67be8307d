//! Backups that only the owners of some keys can read.
//!
//! Each backup has a key of its own, made when it begins and forgotten when it is done. Every part is encrypted to the
//! owners' public keys and to that of the backup; the backup's private key is stored beside the parts, encrypted to the
//! owners alone. An owner reads a part with nothing but `age`; pgbelay is given the key of one backup, and never an
//! owner's.

use std::fmt;
use std::fs::{File, remove_file};
use std::io::{self, Write};
use std::iter::once;
use std::path::Path;

use age::armor::{ArmoredWriter, Format};
use age::secrecy::ExposeSecret as _;
use age::stream::StreamWriter;
use age::x25519::{Identity, Recipient};
use age::{EncryptError, Encryptor, Recipient as AnyRecipient};
use pgbelay_core::digest::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::manifest::KEY;
use super::parts::{Part, Plain, read_through};

mod open;

pub(super) use open::{NotOpened, open};

/// What the name of an encrypted file ends with.
pub(super) const ENDING: &str = ".age";

/// How the parts of a backup are encrypted, as the manifest says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Encryption {
    /// Always `age`.
    pub(super) scheme: String,
    /// The public keys of its owners.
    pub(super) recipients: Vec<String>,
}

/// Encrypts one backup.
pub(super) struct Seal {
    owners: Vec<Recipient>,
    own: Identity,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a seal for {} owners", self.owners.len())
    }
}

impl Seal {
    /// With a new key; `None`: nobody is named, and the backup is plain.
    pub(super) fn to(owners: &[Recipient]) -> Option<Self> {
        (!owners.is_empty()).then(|| Self { owners: owners.to_vec(), own: Identity::generate() })
    }

    /// What the manifest says of it.
    pub(super) fn encryption(&self) -> Encryption {
        let recipients = self.owners.iter().map(ToString::to_string).collect();
        Encryption { scheme: "age".to_owned(), recipients }
    }

    /// Begins an encrypted file, in place of one that may be there.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn begin(&self, path: &Path) -> io::Result<Sealing> {
        let file = Hashed { file: File::create(path)?, hash: Sha256::new(), bytes: 0 };
        let own = self.own.to_public();
        let all = self.owners().chain(once(&own as &dyn AnyRecipient));
        let stream = Encryptor::with_recipients(all).map_err(refused)?.wrap_output(file)?;
        Ok(Sealing { stream })
    }

    /// Encrypts a file that is whole, and removes the plain one.
    ///
    /// # Errors
    /// One of them cannot be read, written or removed.
    pub(super) fn file(&self, directory: &Path, name: &str) -> io::Result<Part> {
        let (from, stored_as) = (directory.join(name), format!("{name}{ENDING}"));
        let mut sealing = self.begin(&directory.join(&stored_as))?;
        let plain = read_through(&from, &CancellationToken::new(), |chunk| sealing.write(chunk))?;
        let stored = sealing.finish()?;
        remove_file(&from)?;
        Ok(stored.part(stored_as, plain))
    }

    /// Writes the backup's own key, for its owners alone; the part, and its text.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn key(&self, directory: &Path) -> io::Result<(Part, String)> {
        let armored = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut sealed = Encryptor::with_recipients(self.owners()).map_err(refused)?.wrap_output(armored)?;
        sealed.write_all(self.own.to_string().expose_secret().as_bytes())?;
        sealed.write_all(b"\n")?;
        let text = sealed.finish()?.finish()?;
        let mut file = File::create_new(directory.join(KEY))?;
        file.write_all(&text)?;
        file.sync_all()?;
        let (sha256, bytes) = (Digest::of(&text), text.len() as u64);
        let text = String::from_utf8(text).map_err(io::Error::other)?;
        Ok((Part { name: KEY.to_owned(), sha256, bytes, plain: None }, text))
    }

    fn owners(&self) -> impl Iterator<Item = &dyn AnyRecipient> {
        self.owners.iter().map(|owner| owner as &dyn AnyRecipient)
    }
}

fn refused(error: EncryptError) -> io::Error {
    io::Error::other(error.to_string())
}

/// An encrypted file that is being written.
pub(super) struct Sealing {
    stream: StreamWriter<Hashed>,
}

impl Sealing {
    /// More of what is in it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&mut self, plain: &[u8]) -> io::Result<()> {
        self.stream.write_all(plain)
    }

    /// Ends it, and brings it to disk.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn finish(self) -> io::Result<Stored> {
        let done = self.stream.finish()?;
        done.file.sync_all()?;
        Ok(Stored { sha256: Digest::from_bytes(done.hash.finalize().into()), bytes: done.bytes })
    }
}

/// What is on disk of an encrypted file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    sha256: Digest,
    bytes: u64,
}

impl Stored {
    /// As a part of this name, with what is in it.
    pub(super) fn part(self, name: String, plain: Plain) -> Part {
        Part { name, sha256: self.sha256, bytes: self.bytes, plain: Some(plain) }
    }
}

/// Hashes what it writes.
struct Hashed {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        let written = self.file.write(chunk)?;
        self.hash.update(&chunk[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
