//! The credentials file of an operator: where the controller is, who the operator is, and the key that proves it.
//!
//! One JSON document, mode 0600. `pgbelay-controller init` and `pgbelay operator add` write it, `pgbelay` reads it.
//! No error of this module quotes what the file holds.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use pgbelay_core::name::OperatorName;
use serde::{Deserialize, Serialize};

use crate::tls::{Credentials, Secret};

/// Mode of everything that holds a key: its owner reads and writes it, nobody else.
pub const PRIVATE_MODE: u32 = 0o600;
/// Largest file that is read: two certificates and a key have about 4 KiB, and a chain of several fits.
pub const MAX_FILE_BYTES: u64 = 256 * 1024;

const OTHERS: u32 = 0o077;

/// What the file holds.
#[derive(Debug, Clone)]
pub struct CredentialsFile {
    /// Where the controller is: `host:port`.
    pub controller: String,
    /// Whose credentials these are.
    pub operator: OperatorName,
    /// What the connection is made with.
    pub credentials: Credentials,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file is not there, or not for us.
    #[error("failed to read the credentials file {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others can read the key.
    #[error("the credentials file {path} holds a private key, and others than its owner may read or write it (mode {mode:04o})", path = path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is too large to be one.
    #[error("the credentials file {path} has {bytes} bytes; at most {MAX_FILE_BYTES} are read", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// It is not what is expected. What it holds is not quoted: it may be a key.
    #[error("{path} is not a credentials file: line {line}, column {column} is not as expected", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The address is none.
    #[error("the credentials file {path}: controller must be a host and a port, for example db-control.example:7420", path = path.display())]
    Address {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be written.
    #[error("failed to write {path}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The document, field by field.
#[derive(Serialize, Deserialize)]
struct Document {
    controller: String,
    operator: OperatorName,
    ca: String,
    certificate: String,
    key: String,
}

impl CredentialsFile {
    /// Reads a credentials file.
    ///
    /// # Errors
    /// The file cannot be read, is not private, or is not a credentials file.
    pub fn load(path: &Path) -> Result<Self, CredentialsError> {
        let read = |source| CredentialsError::Read { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(read)?;
        let mode = metadata.mode() & 0o7777;
        if mode & OTHERS != 0 {
            return Err(CredentialsError::NotPrivate { path: path.to_owned(), mode });
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err(CredentialsError::TooLarge { path: path.to_owned(), bytes: metadata.len() });
        }
        Self::parse(path, &fs::read(path).map_err(read)?)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, CredentialsError> {
        let document: Document = serde_json::from_slice(bytes).map_err(|error| {
            CredentialsError::Malformed { path: path.to_owned(), line: error.line(), column: error.column() }
        })?;
        if !is_address(&document.controller) {
            return Err(CredentialsError::Address { path: path.to_owned() });
        }
        Ok(Self {
            controller: document.controller,
            operator: document.operator,
            credentials: Credentials {
                ca_pem: document.ca,
                certificate_pem: document.certificate,
                key_pem: Secret::new(document.key),
            },
        })
    }

    /// Writes the file, readable for its owner only: whole, or not at all.
    ///
    /// # Errors
    /// The directory is not there or cannot be written to.
    pub fn save(&self, path: &Path) -> Result<(), CredentialsError> {
        let write = |source| CredentialsError::Write { path: path.to_owned(), source };
        let document = Document {
            controller: self.controller.clone(),
            operator: self.operator.clone(),
            ca: self.credentials.ca_pem.clone(),
            certificate: self.credentials.certificate_pem.clone(),
            key: self.credentials.key_pem.expose().to_owned(),
        };
        let mut text = serde_json::to_string_pretty(&document).map_err(|error| write(error.into()))?;
        text.push('\n');
        write_private(path, text.as_bytes()).map_err(write)
    }
}

/// Whether a text is `host:port`.
#[must_use]
pub fn is_address(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Replaces a file by one that only its owner can read: whole, or not at all.
///
/// # Errors
/// The directory is not there or cannot be written to; what was there before is then unchanged.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let no_name = || io::Error::new(io::ErrorKind::InvalidInput, "the path names no file");
    let name = path.file_name().ok_or_else(no_name)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}", std::process::id()));
    let temporary = directory.join(temporary);
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What is left of it is of no use; that it cannot be removed says nothing new.
        drop(fs::remove_file(&temporary));
    }
    written?;
    File::open(directory)?.sync_all()
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // One that a killed process left behind would be in the way, and its mode is not known.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE_MODE).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
