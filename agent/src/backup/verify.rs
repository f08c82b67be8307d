//! Reading a backup again, all of it: is it still what was made?

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use pgbelay_core::digest::Digest;
use pgbelay_proto::signing;
use tokio_util::sync::CancellationToken;

use super::manifest::{CERTIFICATE, DUMP_DIR, GLOBALS, KEY, MANIFEST, Manifest, SIGNATURE, SUMS};
use super::parts::{Part, part};
use super::seal::ENDING;

/// Most problems that are told: a directory that is gone has one for each of its files.
const MOST: usize = 20;

/// What is wrong with the backup in a directory, whose manifest had this digest, in words. Nothing: it is whole. `ca_pem`:
/// who stands behind the agents' certificates.
///
/// Everything is read, so it takes as long as the disk does. Dropping it ends the reading.
pub async fn verify(directory: &Path, sha256: Digest, ca_pem: &str) -> Vec<String> {
    whole(directory, sha256, ca_pem).await.err().unwrap_or_default()
}

/// The manifest of a backup that is whole; or what is wrong with it, as [`verify`] says it.
pub(super) async fn whole(directory: &Path, sha256: Digest, ca_pem: &str) -> Result<Manifest, Vec<String>> {
    let (directory, ca_pem) = (directory.to_owned(), ca_pem.to_owned());
    let stop = CancellationToken::new();
    let _ended = stop.clone().drop_guard();
    let found = tokio::task::spawn_blocking(move || read(&directory, (sha256, &ca_pem), &stop)).await;
    found.unwrap_or_else(|_| Err(vec!["it could not be read: the reading was interrupted".to_owned()]))
}

fn read(
    directory: &Path,
    (sha256, ca_pem): (Digest, &str),
    stop: &CancellationToken,
) -> Result<Manifest, Vec<String>> {
    // What a wrong one says of the parts is not to be believed.
    let manifest = manifest(directory, sha256, ca_pem).map_err(|problem| vec![problem])?;
    let problems = manifest.parts.iter().filter_map(|expected| problem(directory, expected, stop)).collect();
    let problems = with_the_rest(directory, &manifest, problems);
    if problems.is_empty() { Ok(manifest) } else { Err(problems) }
}

/// The problems of the parts, and what else is wrong: what the manifest does not know, and the list of digests.
pub(super) fn with_the_rest(directory: &Path, manifest: &Manifest, mut problems: Vec<String>) -> Vec<String> {
    let known: BTreeSet<_> = manifest.parts.iter().map(|part| part.name.as_str()).collect();
    match names(directory) {
        Ok(names) => {
            let foreign = names.iter().filter(|name| !known.contains(name.as_str()));
            problems
                .extend(foreign.map(|name| format!("{name} is there, and the manifest does not know it")));
        }
        Err(error) => problems.push(format!("its directory cannot be read: {error}")),
    }
    if fs::read(directory.join(SUMS)).ok() != Some(manifest.sums().into_bytes()) {
        problems.push(format!("{SUMS} is not what the manifest says"));
    }
    let more = problems.len().saturating_sub(MOST);
    problems.truncate(MOST);
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    problems
}

pub(super) fn manifest(directory: &Path, sha256: Digest, ca_pem: &str) -> Result<Manifest, String> {
    let read = |name: &str| fs::read(directory.join(name)).map_err(|error| unread(name, &error));
    let texts =
        Texts { manifest: read(MANIFEST)?, signature: read(SIGNATURE)?, certificate: read(CERTIFICATE)? };
    let id = directory.file_name().unwrap_or_default().to_string_lossy();
    believed(&texts, &id, sha256, ca_pem)
}

/// A manifest, and what makes it believable.
pub(super) struct Texts {
    pub(super) manifest: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) certificate: Vec<u8>,
}

/// The manifest of the backup of this name, if it is the one that was made and an agent of this fleet has signed it.
pub(super) fn believed(texts: &Texts, id: &str, sha256: Digest, ca_pem: &str) -> Result<Manifest, String> {
    let Texts { manifest: text, signature, certificate } = texts;
    if Digest::of(text) != sha256 {
        return Err(format!("{MANIFEST} is not the one that was made"));
    }
    let signed = signing::verify(ca_pem, &String::from_utf8_lossy(certificate), text, signature);
    let signer = signed.map_err(|error| format!("{MANIFEST}: {error}"))?;
    // What was checked, and not what may be there by now.
    let manifest = Manifest::parse(text).map_err(|error| format!("{MANIFEST} cannot be read: {error}"))?;
    if signer.to_string() != format!("pgbelay://agent/{}", manifest.database) {
        return Err(format!("{MANIFEST} is of {}, and {signer} has signed it", manifest.database));
    }
    if manifest.id != id {
        return Err(format!("{MANIFEST} is that of {}, and not of {id}", manifest.id));
    }
    Ok(manifest)
}

/// What is wrong with a part.
fn problem(directory: &Path, expected: &Part, stop: &CancellationToken) -> Option<String> {
    let name = &expected.name;
    match part(directory, name, stop) {
        Ok(found) if (found.sha256, found.bytes) == (expected.sha256, expected.bytes) => None,
        Ok(found) if found.bytes != expected.bytes => {
            Some(format!("{name} has {} bytes in place of {}", found.bytes, expected.bytes))
        }
        Ok(_) => Some(format!("{name} was changed: its digest is another one")),
        Err(error) => Some(unread(name, &error)),
    }
}

pub(super) fn unread(name: &str, error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        return format!("{name} is missing");
    }
    format!("{name} cannot be read: {error}")
}

/// The files that are, or may be, parts.
fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    match directory.join(DUMP_DIR).read_dir() {
        Ok(entries) => {
            for entry in entries {
                names.push(format!("{DUMP_DIR}/{}", entry?.file_name().to_string_lossy()));
            }
        }
        // A restore point has none. The parts of another backup are missed one by one.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let others = [GLOBALS.to_owned(), format!("{GLOBALS}{ENDING}"), KEY.to_owned()];
    names.extend(others.into_iter().filter(|name| directory.join(name).exists()));
    names.sort();
    Ok(names)
}
