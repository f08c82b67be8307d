//! What is written down about a backup, beside its parts: enough to know what it is, whether it is whole, and what it
//! takes to restore it.
//!
//! `manifest.json` names every part with its size and digest; `manifest.sig` is the agent's signature of it, by the
//! certificate in `agent.pem`; `SHA256SUMS` says the same as the manifest to people who have nothing but `sha256sum`.

use std::fs;
use std::io;
use std::path::Path;

use pgbelay_core::digest::Digest;
use serde::{Deserialize, Serialize};

use super::contents::Needs;
use super::outside::Made;
use super::parts::Part;
use super::restore_point::RestorePoint;
use super::seal::Encryption;

/// The version of its form. Since 3, parts may be encrypted.
pub(super) const FORMAT: u32 = 3;

/// The oldest form that is read: it says nothing of encryption, and is the same otherwise.
const OLDEST: u32 = 2;

/// The first field of a manifest of any form.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

/// Its file.
pub(super) const MANIFEST: &str = "manifest.json";

/// The agent's signature of it.
pub(super) const SIGNATURE: &str = "manifest.sig";

/// The certificate of the signature.
pub(super) const CERTIFICATE: &str = "agent.pem";

/// For `sha256sum --check`.
pub(super) const SUMS: &str = "SHA256SUMS";

/// Roles and tablespaces, as pg_dumpall writes them.
pub(super) const GLOBALS: &str = "globals.sql";

/// The backup's own private key, for its owners alone; only where the backup is encrypted.
pub(super) const KEY: &str = "key.age";

/// The directory that pg_dump writes.
pub(super) const DUMP_DIR: &str = "dump";

/// What stands in `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// The name of its directory.
    pub(super) id: String,
    pub(super) database: String,
    pub(super) rollout: String,
    pub(super) command: String,
    pub(super) attempt: u32,
    /// What kind of backup it is: `full`, `touched`, `restore_point`, `command`.
    pub(super) method: String,
    /// Why it is of that kind, where that was left open or is not what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) method_reason: Option<String>,
    /// How the rows are compressed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) compression: String,
    /// How its parts are encrypted; absent: they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) encryption: Option<Encryption>,
    pub(super) jobs: usize,
    pub(super) parts: Vec<Part>,
    /// How many tables have rows in it, and what they take on the server.
    pub(super) tables: usize,
    pub(super) database_bytes: u64,
    /// As in `server_version_num`.
    pub(super) server_version: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) pg_dump_version: String,
    /// Of the cluster and the database.
    pub(super) system_identifier: String,
    pub(super) timeline: u32,
    pub(super) lsn: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) snapshot: String,
    /// Most bytes per second that pg_dump might write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) rate_limit: Option<u64>,
    /// Where in the server's log the database is, if that is what the backup is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) restore_point: Option<RestorePoint>,
    /// What another program has made, in its own words, if that is what the backup is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) outside: Option<Made>,
    /// The tables that have their rows in it, with their schemas, as SQL has them; absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) with_rows: Option<Vec<String>>,
    /// Of the schema.
    pub(super) fingerprint: Digest,
    /// Of the schema's objects by kind and name alone: definitions may read otherwise when they were restored.
    pub(super) outline: Digest,
    /// The migrations that were applied.
    pub(super) applied: Vec<String>,
    pub(super) needs: Needs,
    /// Why there is no [`GLOBALS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) no_globals: Option<String>,
    pub(super) started_at: String,
    pub(super) finished_at: String,
    pub(super) took_ms: i64,
}

impl Manifest {
    /// Of the backup in a directory.
    ///
    /// # Errors
    /// It cannot be read, or is of a form that is not known here.
    pub(super) fn read(directory: &Path) -> io::Result<Self> {
        Self::parse(&fs::read(directory.join(MANIFEST))?)
    }

    /// From its text.
    ///
    /// # Errors
    /// It is of a form that is not known here.
    pub(super) fn parse(text: &[u8]) -> io::Result<Self> {
        let Head { format } = serde_json::from_slice(text)?;
        if (OLDEST..=FORMAT).contains(&format) {
            return Ok(serde_json::from_slice(text)?);
        }
        let next = if format > FORMAT { "use a newer agent" } else { "it was never one of pgbelay" };
        let known = format!("this agent knows forms {OLDEST} to {FORMAT}");
        Err(io::Error::other(format!("it is of form {format}, and {known}: {next}")))
    }

    /// The bytes of its parts.
    pub(super) fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }

    /// The bytes of what is in its parts.
    pub(super) fn plain_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.plain.as_ref().map_or(part.bytes, |plain| plain.bytes)).sum()
    }

    /// Its text.
    ///
    /// # Errors
    /// None that is known.
    pub(super) fn text(&self) -> io::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// What `sha256sum` checks the parts by.
    pub(super) fn sums(&self) -> String {
        self.parts.iter().map(|part| format!("{}  {}\n", part.sha256, part.name)).collect()
    }
}
