//! Giving a verified backup its manifest and its proper name.

use std::fs::{self, File, Permissions};
use std::io::{self, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pgbelay_core::database::Observation;
use pgbelay_core::digest::Digest;
use pgbelay_proto::convert::WireCommand;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::place::{ARCHIVE, Place, PlaceError, interrupted};

/// The version of the manifest's format.
const FORMAT: u32 = 1;

/// How much of the archive is hashed at a time.
const CHUNK: usize = 1 << 20;

/// Most names that are tried, should two backups of one command end in one second.
const NAMES: u32 = 100;

/// What is known of a backup before it is published.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) started: jiff::Timestamp,
    /// Where the server's log of changes stood before.
    pub(super) lsn: String,
    /// The database before.
    pub(super) seen: Observation,
    /// How many tables were counted before.
    pub(super) tables: usize,
    /// The version of pg_dump.
    pub(super) pg_dump: String,
}

/// What stands in `manifest.json`.
#[derive(Debug, Serialize)]
struct Manifest<'a> {
    format: u32,
    database: &'a str,
    rollout: &'a str,
    command: &'a str,
    attempt: u32,
    file: &'a str,
    sha256: Digest,
    bytes: u64,
    tables: usize,
    server_version: u32,
    pg_dump_version: &'a str,
    system_identifier: &'a str,
    lsn: &'a str,
    fingerprint: Digest,
    applied: Vec<&'a str>,
    started_at: String,
    finished_at: String,
}

/// Hashes the archive, writes the manifest, brings all of it to disk and renames it; the archive's path, digest and
/// size.
pub(super) async fn publish(
    place: Place,
    facts: Facts,
    command: &WireCommand,
) -> Result<(String, Digest, u64), PlaceError> {
    let command = command.clone();
    let published = tokio::task::spawn_blocking(move || publish_here(place, &facts, &command)).await;
    published.unwrap_or_else(|_| Err(interrupted("failed to publish the backup")))
}

fn publish_here(
    mut place: Place,
    facts: &Facts,
    command: &WireCommand,
) -> Result<(String, Digest, u64), PlaceError> {
    let archive = place.archive();
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| PlaceError { what, path, source }
    };
    let (sha256, bytes) = settle_archive(&archive).map_err(failed("failed to read back", &archive))?;
    let finished = jiff::Timestamp::now();
    let manifest = Manifest {
        format: FORMAT,
        database: command.database.as_str(),
        rollout: command.rollout.as_str(),
        command: command.id.as_str(),
        attempt: command.attempt,
        file: ARCHIVE,
        sha256,
        bytes,
        tables: facts.tables,
        server_version: facts.seen.server_version,
        pg_dump_version: &facts.pg_dump,
        system_identifier: &facts.seen.system_identifier,
        lsn: &facts.lsn,
        fingerprint: facts.seen.fingerprint,
        applied: facts.seen.records.iter().map(|record| record.version.as_str()).collect(),
        started_at: facts.started.to_string(),
        finished_at: finished.to_string(),
    };
    let path = place.path.join("manifest.json");
    write_manifest(&path, &manifest).map_err(failed("failed to write", &path))?;
    sync_directory(&place.path).map_err(failed("failed to write", &place.path))?;
    let name = format!("{}-{}-{}", finished.strftime("%Y%m%dT%H%M%SZ"), command.rollout, command.id);
    let published = free_name(&place.parent, &name);
    fs::rename(&place.path, &published).map_err(failed("failed to publish the backup as", &published))?;
    place.published = true;
    sync_directory(&place.parent).map_err(failed("failed to write", &place.parent))?;
    Ok((published.join(ARCHIVE).to_string_lossy().into_owned(), sha256, bytes))
}

/// Hashes the archive as it is on disk.
fn settle_archive(archive: &Path) -> io::Result<(Digest, u64)> {
    fs::set_permissions(archive, Permissions::from_mode(0o600))?;
    let file = File::open(archive)?;
    file.sync_all()?;
    let mut reader = BufReader::with_capacity(CHUNK, file);
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = reader.read(&mut chunk)?;
        if read == 0 {
            return Ok((Digest::from_bytes(hash.finalize().into()), bytes));
        }
        hash.update(&chunk[..read]);
        bytes += read as u64;
    }
}

fn write_manifest(path: &Path, manifest: &Manifest<'_>) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(manifest)?;
    text.push(b'\n');
    let mut file = File::create_new(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(&text)?;
    file.sync_all()
}

/// Puts on disk which names a directory holds.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// A name that is not taken. Renaming a directory onto another that has files fails, so nothing is ever replaced.
fn free_name(parent: &Path, name: &str) -> std::path::PathBuf {
    let names = std::iter::once(name.to_owned()).chain((2..NAMES).map(|n| format!("{name}-{n}")));
    let mut paths = names.map(|name| parent.join(name));
    paths.find(|path| !path.exists()).unwrap_or_else(|| parent.join(name))
}
