//! Backups that only the owners of some keys can read.
//!
//! Each backup has a key of its own, made when it begins and forgotten when it is done. Every part is encrypted to the
//! owners' public keys and to that of the backup; the backup's private key is stored beside the parts, encrypted to the
//! owners alone. An owner reads a part with nothing but `age`; pgbelay is given the key of one backup, and never an
//! owner's.

use std::fmt;
use std::fs::{File, OpenOptions, remove_file};
use std::io::{self, Write};
use std::iter::once;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use age::armor::{ArmoredWriter, Format};
use age::secrecy::ExposeSecret as _;
use age::stream::StreamWriter;
use age::x25519::{Identity, Recipient};
use age::{EncryptError, Encryptor, Recipient as AnyRecipient};
use pgbelay_core::command::MAX_SEALED_KEY;
use pgbelay_core::digest::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::manifest::KEY;
use super::parts::{Part, Plain, read_through};
use super::place::private_file;

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
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let file = Hashed { file, hash: Sha256::new(), bytes: 0 };
        let own = self.own.to_public();
        let all = self.owners().chain(once(&own as &dyn AnyRecipient));
        let stream = Encryptor::with_recipients(all).map_err(refused)?.wrap_output(file)?;
        Ok(Sealing { stream, taken: 0 })
    }

    /// Encrypts a file that is whole, and removes the plain one.
    ///
    /// # Errors
    /// One of them cannot be read, written or removed.
    pub(super) fn file(&self, directory: &Path, name: &str) -> io::Result<Part> {
        let (from, stored_as) = (directory.join(name), format!("{name}{ENDING}"));
        let mut sealing = self.begin(&directory.join(&stored_as))?;
        let plain = read_through(&from, &CancellationToken::new(), |chunk| sealing.write(chunk))?;
        let part = sealing.finish()?.part(stored_as, plain)?;
        remove_file(&from)?;
        Ok(part)
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
        if text.len() > MAX_SEALED_KEY {
            return Err(io::Error::other(format!(
                "encrypted to {} keys it has {} bytes, and a controller takes at most {MAX_SEALED_KEY}: name fewer keys in \
                 backup.encrypt_to",
                self.owners.len(),
                text.len()
            )));
        }
        let mut file = private_file(&directory.join(KEY))?;
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

/// An encrypted file that is being written. One that is dropped before its [end](Self::finish) lacks its last piece, and
/// nobody can read it.
pub(super) struct Sealing {
    stream: StreamWriter<Hashed>,
    /// Bytes that went into it.
    taken: u64,
}

impl Sealing {
    /// More of what is in it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&mut self, plain: &[u8]) -> io::Result<()> {
        self.stream.write_all(plain)?;
        self.taken += plain.len() as u64;
        Ok(())
    }

    /// Ends it, and brings it to disk.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn finish(self) -> io::Result<Stored> {
        let done = self.stream.finish()?;
        done.file.sync_all()?;
        let sha256 = Digest::from_bytes(done.hash.finalize().into());
        Ok(Stored { sha256, bytes: done.bytes, taken: self.taken })
    }
}

/// What is on disk of an encrypted file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    sha256: Digest,
    bytes: u64,
    /// Bytes that are in it.
    taken: u64,
}

impl Stored {
    /// As a part of this name, with what is in it.
    ///
    /// # Errors
    /// Something else is in it: it was ended before all of that was there.
    pub(super) fn part(self, name: String, plain: Plain) -> io::Result<Part> {
        if self.taken != plain.bytes {
            let why = format!("{name} has {} bytes of {} in it", self.taken, plain.bytes);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
        }
        Ok(Part { name, sha256: self.sha256, bytes: self.bytes, plain: Some(plain) })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_for_too_many_owners_is_none() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let owners = |n: usize| (0..n).map(|_| Identity::generate().to_public()).collect::<Vec<_>>();
        let seal = Seal::to(&owners(200)).expect("owners");
        let told = seal.key(dir.path()).unwrap_err().to_string();
        assert!(told.contains("200 keys") && told.contains("at most 16384"), "{told}");
        assert_eq!(dir.path().read_dir()?.count(), 0);
        // As many as an agent's file may name.
        let (_, text) = Seal::to(&owners(20)).expect("owners").key(dir.path())?;
        assert!(text.len() < MAX_SEALED_KEY / 4, "{}", text.len());
        Ok(())
    }
}
