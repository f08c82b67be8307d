//! The agent's identity on disk: key, certificate and CA in one file, so that they are replaced together or not at
//! all. `current.json` is the identity; `next.json` is its successor until a connection has been made with it.

use std::fs;
use std::io;
use std::path::PathBuf;

use pgbelay_core::name::DatabaseName;
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::identity::{Identity, PeerIdentity};
use pgbelay_proto::tls::{Credentials, Secret, TlsError, client_config};
use serde::{Deserialize, Serialize};

use crate::durable::{self, DurableError};
use crate::state_dir;

#[cfg(test)]
mod tests;

/// The identity files of one agent.
#[derive(Debug, Clone)]
pub struct IdentityFiles {
    directory: PathBuf,
    name: DatabaseName,
}

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The identity that a connection was made with.
    Current,
    /// Its successor: issued, not yet used.
    Next,
}

/// An identity that can be used.
#[derive(Debug, Clone)]
pub struct StoredIdentity {
    /// What to dial with.
    pub credentials: Credentials,
    /// When it was obtained, by this machine's clock.
    pub obtained_at: Timestamp,
    /// What the certificate says.
    pub peer: PeerIdentity,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityFileError {
    /// The agent has never joined.
    #[error("this agent has no identity in {directory}: run pgbelay-agent enroll first")]
    NotEnrolled {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// A file can't be read or written.
    #[error(transparent)]
    File(#[from] DurableError),
    /// A file isn't what was written. What the parser says could quote the key, and is left out.
    #[error("the identity file {path} is damaged: enroll again with a new token")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Key, certificate and CA don't make an identity.
    #[error("the identity cannot be used: enroll again with a new token")]
    Unusable(#[source] TlsError),
    /// It is an identity, of somebody else.
    #[error(
        "the identity is for {found}, and the configuration names {name}: correct agent.name, or enroll again"
    )]
    OtherName {
        /// Whose it is.
        found: Identity,
        /// The configured name.
        name: DatabaseName,
    },
}

#[derive(Serialize, Deserialize)]
struct OnDisk {
    certificate_pem: String,
    key_pem: String,
    ca_pem: String,
    obtained_at_ms: i64,
}

impl IdentityFiles {
    /// The files in a directory, for the agent of this name.
    #[must_use]
    pub const fn new(directory: PathBuf, name: DatabaseName) -> Self {
        Self { directory, name }
    }

    /// Reads the successor if there is one, else the identity.
    ///
    /// # Errors
    /// There is none, or it can't be used.
    pub fn load(&self) -> Result<(Slot, StoredIdentity), IdentityFileError> {
        for slot in [Slot::Next, Slot::Current] {
            if let Some(text) = self.read(slot)? {
                return Ok((slot, self.parse(slot, &text)?));
            }
        }
        Err(IdentityFileError::NotEnrolled { directory: self.directory.clone() })
    }

    /// Checks that the credentials are this agent's and belong together, and keeps them, with mode 0600.
    ///
    /// # Errors
    /// They don't, or can't be written; what was there is as it was.
    pub fn save(
        &self,
        slot: Slot,
        credentials: &Credentials,
        obtained_at: Timestamp,
    ) -> Result<(), IdentityFileError> {
        self.check(credentials)?;
        let text = serde_json::to_vec(&OnDisk {
            certificate_pem: credentials.certificate_pem.clone(),
            key_pem: credentials.key_pem.expose().to_owned(),
            ca_pem: credentials.ca_pem.clone(),
            obtained_at_ms: obtained_at.0,
        });
        let path = self.path(slot);
        let text = text.map_err(io::Error::other).map_err(DurableError::of("write", &path))?;
        state_dir::make(&self.directory)?;
        durable::write(&path, &text)?;
        if slot == Slot::Current {
            // A successor of what was just replaced would be taken for the successor of what replaced it.
            self.discard_next()?;
        }
        Ok(())
    }

    /// The successor has been used: it is the identity from here on.
    ///
    /// # Errors
    /// The file can't be moved.
    pub fn promote_next(&self) -> Result<(), IdentityFileError> {
        Ok(durable::rename(&self.path(Slot::Next), &self.path(Slot::Current))?)
    }

    /// The successor is not accepted: the identity stays what it is.
    ///
    /// # Errors
    /// The file can't be removed.
    pub fn discard_next(&self) -> Result<(), IdentityFileError> {
        let path = self.path(Slot::Next);
        match fs::remove_file(&path) {
            Ok(()) => Ok(durable::sync_parent(&path)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(DurableError::of("remove", &path)(error).into()),
        }
    }

    fn path(&self, slot: Slot) -> PathBuf {
        self.directory.join(match slot {
            Slot::Current => "current.json",
            Slot::Next => "next.json",
        })
    }

    fn read(&self, slot: Slot) -> Result<Option<String>, IdentityFileError> {
        let path = self.path(slot);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DurableError::of("read", &path)(error).into()),
        }
    }

    fn parse(&self, slot: Slot, text: &str) -> Result<StoredIdentity, IdentityFileError> {
        let stored: OnDisk =
            serde_json::from_str(text).map_err(|_| IdentityFileError::Damaged { path: self.path(slot) })?;
        let credentials = Credentials {
            ca_pem: stored.ca_pem,
            certificate_pem: stored.certificate_pem,
            key_pem: Secret::new(stored.key_pem),
        };
        let peer = self.check(&credentials)?;
        Ok(StoredIdentity { credentials, obtained_at: Timestamp(stored.obtained_at_ms), peer })
    }

    fn check(&self, credentials: &Credentials) -> Result<PeerIdentity, IdentityFileError> {
        client_config(credentials).map_err(IdentityFileError::Unusable)?;
        let peer = credentials.identity().map_err(IdentityFileError::Unusable)?;
        if peer.identity == Identity::Agent(self.name.clone()) {
            Ok(peer)
        } else {
            Err(IdentityFileError::OtherName { found: peer.identity, name: self.name.clone() })
        }
    }
}

impl StoredIdentity {
    /// When to ask for a successor: at half of the lifetime, give or take `jitter` (−0.1 to 0.1) of that, so that a
    /// fleet that was enrolled in one minute does not renew in one minute.
    #[must_use]
    pub fn renew_at(&self, jitter: f64) -> Timestamp {
        let lifetime = (self.peer.not_after - self.obtained_at).0.max(0);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "milliseconds of years fit"
        )]
        let half = (lifetime as f64 * 0.5 * (1.0 + jitter)) as i64;
        self.obtained_at + Span(half)
    }
}
