//! Giving a backup its manifest and its proper name.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pgbelay_core::database::Observation;
use pgbelay_core::digest::Digest;
use pgbelay_core::policy::BackupMethod;
use pgbelay_proto::convert::WireCommand;
use pgbelay_proto::signing;
use pgbelay_proto::tls::Credentials;

use super::contents::Contents;
use super::manifest::{CERTIFICATE, DUMP_DIR, FORMAT, KEY, MANIFEST, Manifest, SIGNATURE, SUMS};
use super::outside::Made;
use super::parts::Part;
use super::place::{Place, PlaceError, interrupted, private_file};
use super::restore_point::RestorePoint;
use super::seal::Seal;

/// What is known of a backup before it is published.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) started: jiff::Timestamp,
    /// The database in the snapshot.
    pub(super) contents: Contents,
    pub(super) seen: Observation,
    /// Of the schema's objects.
    pub(super) outline: Digest,
    /// What kind of backup it is, and what that kind knows of itself.
    pub(super) kind: Kind,
    /// Why it is of that kind, where that was left open or is not what was asked for.
    pub(super) reason: Option<String>,
}

/// What a kind of backup knows of itself.
#[derive(Debug)]
pub(super) enum Kind {
    /// What pg_dump has written.
    Dump(Dumped),
    /// Nothing was written.
    RestorePoint(RestorePoint),
    /// What another program has made.
    Command(Made),
}

/// What pg_dump has written.
#[derive(Debug)]
pub(super) struct Dumped {
    pub(super) parts: Vec<Part>,
    /// How the rows are compressed.
    pub(super) compression: &'static str,
    pub(super) jobs: usize,
    /// The version of pg_dump.
    pub(super) pg_dump: String,
    /// Most bytes per second that it might write.
    pub(super) rate_limit: Option<u64>,
    /// Why the roles are not written down.
    pub(super) no_globals: Option<String>,
    /// The tables that have their rows in it; `None`: all of them.
    pub(super) with_rows: Option<Vec<String>>,
    /// What has encrypted the parts; `None`: nothing.
    pub(super) seal: Option<Arc<Seal>>,
}

impl Kind {
    const fn method(&self) -> BackupMethod {
        match self {
            Self::Dump(dumped) if dumped.with_rows.is_some() => BackupMethod::Touched,
            Self::Dump(_) => BackupMethod::Full,
            Self::RestorePoint(_) => BackupMethod::RestorePoint,
            Self::Command(_) => BackupMethod::Command,
        }
    }
}

/// What was published.
#[derive(Debug)]
pub(super) struct Published {
    /// The directory.
    pub(super) path: PathBuf,
    /// The digest of the manifest, which has those of all parts.
    pub(super) sha256: Digest,
    /// The bytes of all parts, or of what another program has made.
    pub(super) bytes: u64,
    /// What kind of backup it is.
    pub(super) method: BackupMethod,
    /// Why it is of that kind.
    pub(super) reason: Option<String>,
    /// Where what it stands for is.
    pub(super) outside: Option<String>,
    /// Its own key, for its owners; `None`: it is not encrypted.
    pub(super) sealed_key: Option<String>,
}

/// Writes the manifest, signs it, brings everything to disk and renames the directory.
pub(super) async fn publish(
    place: Place,
    facts: Facts,
    command: &WireCommand,
    signer: &Credentials,
) -> Result<Published, PlaceError> {
    let (command, signer) = (command.clone(), signer.clone());
    let published = tokio::task::spawn_blocking(move || publish_here(place, facts, &command, &signer)).await;
    published.unwrap_or_else(|_| Err(interrupted("failed to publish the backup")))
}

fn publish_here(
    mut place: Place,
    facts: Facts,
    command: &WireCommand,
    signer: &Credentials,
) -> Result<Published, PlaceError> {
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| PlaceError { what, path, source }
    };
    let mut facts = facts;
    let (mut parts, mut sealed_key) = (Vec::new(), None);
    if let Kind::Dump(dumped) = &mut facts.kind {
        parts = std::mem::take(&mut dumped.parts);
        if let Some(seal) = &dumped.seal {
            let (part, text) =
                seal.key(&place.path).map_err(failed("failed to write", &place.path.join(KEY)))?;
            parts.push(part);
            sealed_key = Some(text);
        }
    }
    for one in &parts {
        let path = place.path.join(&one.name);
        fs::set_permissions(&path, Permissions::from_mode(0o600))
            .map_err(failed("failed to write", &path))?;
    }
    let finished = jiff::Timestamp::now();
    let id = place.id.clone();
    let published = place.parent.join(&id);
    let (method, reason) = (facts.kind.method(), facts.reason.clone());
    let manifest = manifest(facts, (id, method), parts, (command, finished));
    let write = |name: &str, text: &[u8]| {
        let path = place.path.join(name);
        write(&path, text).map_err(failed("failed to write", &path))
    };
    let text = manifest.text().map_err(failed("failed to write", &place.path))?;
    let signature = signing::sign(signer, &text).map_err(io::Error::other);
    write(MANIFEST, &text)?;
    write(SIGNATURE, &signature.map_err(failed("failed to sign", &place.path.join(MANIFEST)))?)?;
    write(CERTIFICATE, signer.certificate_pem.as_bytes())?;
    write(SUMS, manifest.sums().as_bytes())?;
    let dump = place.path.join(DUMP_DIR);
    for directory in [&dump, &place.path].into_iter().filter(|path| method.has_rows() || **path != dump) {
        sync_directory(directory).map_err(failed("failed to write", directory))?;
    }
    fs::rename(&place.path, &published).map_err(failed("failed to publish the backup as", &published))?;
    place.published = true;
    sync_directory(&place.parent).map_err(failed("failed to write", &place.parent))?;
    let outside = manifest.outside.as_ref();
    Ok(Published {
        path: published,
        sha256: Digest::of(&text),
        bytes: outside.map_or_else(|| manifest.bytes(), |made| made.bytes),
        method,
        reason,
        outside: outside.map(|made| made.location.clone()),
        sealed_key,
    })
}

/// What stands in the manifest of a backup with these parts.
fn manifest(
    facts: Facts,
    (id, method): (String, BackupMethod),
    parts: Vec<Part>,
    (command, finished): (&WireCommand, jiff::Timestamp),
) -> Manifest {
    let (dumped, point, outside) = match facts.kind {
        Kind::Dump(dumped) => (Some(dumped), None, None),
        Kind::RestorePoint(point) => (None, Some(point), None),
        Kind::Command(made) => (None, None, Some(made)),
    };
    let Contents { snapshot, lsn, timeline, needs, .. } = &facts.contents;
    let given = point.as_ref().map(|point| &point.lsn);
    let lsn = given.or(outside.as_ref().and_then(|made| made.lsn.as_ref())).unwrap_or(lsn);
    let (compression, pg_dump_version, snapshot) = match &dumped {
        Some(dumped) => (dumped.compression.to_owned(), dumped.pg_dump.clone(), snapshot.clone()),
        None => Default::default(),
    };
    Manifest {
        format: FORMAT,
        id,
        database: command.database.to_string(),
        rollout: command.rollout.to_string(),
        command: command.id.to_string(),
        attempt: command.attempt,
        method: method.as_str().to_owned(),
        method_reason: facts.reason,
        compression,
        encryption: dumped.as_ref().and_then(|dumped| Some(dumped.seal.as_ref()?.encryption())),
        jobs: dumped.as_ref().map_or(0, |dumped| dumped.jobs),
        parts,
        tables: if method.has_rows() { facts.contents.tables.len() } else { 0 },
        database_bytes: facts.contents.bytes(),
        server_version: facts.seen.server_version,
        pg_dump_version,
        system_identifier: facts.seen.system_identifier,
        timeline: *timeline,
        lsn: lsn.clone(),
        snapshot,
        rate_limit: dumped.as_ref().and_then(|dumped| dumped.rate_limit),
        restore_point: point,
        outside: outside.clone(),
        with_rows: dumped.as_ref().and_then(|dumped| dumped.with_rows.clone()),
        fingerprint: facts.seen.fingerprint,
        outline: facts.outline,
        applied: facts.seen.records.iter().map(|record| record.version.to_string()).collect(),
        needs: needs.clone(),
        no_globals: dumped.and_then(|dumped| dumped.no_globals),
        started_at: facts.started.to_string(),
        finished_at: finished.to_string(),
        took_ms: finished.as_millisecond() - facts.started.as_millisecond(),
    }
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = private_file(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// Puts on disk which names a directory holds.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
