//! A quick look at a backup: is all of it there? Nothing but the manifest is read.

use std::fs;
use std::path::Path;

use pgbelay_core::digest::Digest;

use super::parts::Part;
use super::verify::{manifest, unread, with_the_rest};

/// What is wrong with the backup in a directory, as far as can be seen without reading its parts, in words. Nothing: its
/// manifest is the one that had this digest, signed by an agent of `ca_pem`, and every part is there with its size.
pub async fn look(directory: &Path, sha256: Digest, ca_pem: &str) -> Vec<String> {
    let (directory, ca_pem) = (directory.to_owned(), ca_pem.to_owned());
    let found = tokio::task::spawn_blocking(move || look_here(&directory, sha256, &ca_pem)).await;
    found.unwrap_or_else(|_| vec!["it could not be looked at: the look was interrupted".to_owned()])
}

fn look_here(directory: &Path, sha256: Digest, ca_pem: &str) -> Vec<String> {
    match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return vec![format!("its directory is missing: {}", directory.display())];
        }
        Ok(_) | Err(_) => {}
    }
    let manifest = match manifest(directory, sha256, ca_pem) {
        Ok(manifest) => manifest,
        Err(problem) => return vec![problem],
    };
    let problems = manifest.parts.iter().filter_map(|part| problem(directory, part)).collect();
    with_the_rest(directory, &manifest, problems)
}

fn problem(directory: &Path, expected: &Part) -> Option<String> {
    let Part { name, bytes, .. } = expected;
    match fs::symlink_metadata(directory.join(name)) {
        Ok(found) if !found.is_file() => Some(format!("{name} is no file")),
        Ok(found) if found.len() != *bytes => {
            Some(format!("{name} has {} bytes in place of {bytes}", found.len()))
        }
        Ok(_) => None,
        Err(error) => Some(unread(name, &error)),
    }
}
