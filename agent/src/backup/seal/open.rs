//! Reading an encrypted backup with its own key.

use std::fs::{self, File};
use std::io::{self, BufReader, Read as _, Write as _};
use std::path::Path;

use age::x25519::Identity;
use age::{DecryptError, Decryptor};
use pgbelay_core::digest::Digest;
use pgbelay_proto::tls::Secret;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::super::manifest::DUMP_DIR;
use super::super::parts::{CHUNK, Part};
use super::super::place::{private_directory, private_file};
use super::ENDING;

/// Why a backup was not opened.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum NotOpened {
    /// What was given is no private key of age.
    #[error("what was given as the key of the backup is not one")]
    NoKey,
    /// It is the key of something else.
    #[error("the key that was given does not open {0}: it is that of another backup")]
    OtherKey(String),
    /// The part has its digest, and holds something else than what was dumped.
    #[error("{0} holds something else than what was encrypted")]
    Changed(String),
    /// It cannot be read or written.
    #[error("{name} cannot be decrypted")]
    Io {
        /// The part.
        name: String,
        /// What the system, or age, said.
        #[source]
        source: io::Error,
    },
    /// Somebody ended it.
    #[error("it was cancelled")]
    Cancelled,
}

/// Decrypts what pg_dump has written from the directory of a backup into another one, which is made. With `consume` each
/// encrypted file is removed when it is read.
///
/// # Errors
/// The key is another one, or a part is not what was made; what was written by then stays.
pub(in super::super) fn open(
    parts: &[Part],
    (from, to): (&Path, &Path),
    key: &Secret,
    (consume, stop): (bool, &CancellationToken),
) -> Result<(), NotOpened> {
    let key: Identity = key.expose().trim().parse().map_err(|_| NotOpened::NoKey)?;
    let failed = |name: &str| {
        let name = name.to_owned();
        move |source| NotOpened::Io { name, source }
    };
    private_directory(&to.join(DUMP_DIR)).map_err(failed(DUMP_DIR))?;
    let below = format!("{DUMP_DIR}/");
    for part in parts.iter().filter(|part| part.name.starts_with(&below)) {
        decrypt(part, (from, to), &key, stop)?;
        if consume {
            fs::remove_file(from.join(&part.name)).map_err(failed(&part.name))?;
        }
    }
    Ok(())
}

fn decrypt(
    part: &Part,
    (from, to): (&Path, &Path),
    key: &Identity,
    stop: &CancellationToken,
) -> Result<(), NotOpened> {
    let name = &part.name;
    let failed = |source| NotOpened::Io { name: name.clone(), source };
    let file = File::open(from.join(name)).map_err(failed)?;
    let opened = Decryptor::new(BufReader::with_capacity(CHUNK, file))
        .and_then(|sealed| sealed.decrypt(std::iter::once(key as &dyn age::Identity)));
    let mut plain = opened.map_err(|error| refused(name, error))?;
    let mut out = private_file(&to.join(name.strip_suffix(ENDING).unwrap_or(name))).map_err(failed)?;
    let (mut chunk, mut hash, mut bytes) = (vec![0; CHUNK], Sha256::new(), 0);
    loop {
        if stop.is_cancelled() {
            return Err(NotOpened::Cancelled);
        }
        let read = plain.read(&mut chunk).map_err(failed)?;
        if read == 0 {
            break;
        }
        hash.update(&chunk[..read]);
        bytes += read as u64;
        out.write_all(&chunk[..read]).map_err(failed)?;
    }
    let sha256 = Digest::from_bytes(hash.finalize().into());
    match &part.plain {
        Some(expected) if expected.sha256 == sha256 && expected.bytes == bytes => Ok(()),
        Some(_) | None => Err(NotOpened::Changed(name.clone())),
    }
}

fn refused(name: &str, error: DecryptError) -> NotOpened {
    let name = name.to_owned();
    if matches!(error, DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed) {
        return NotOpened::OtherKey(name);
    }
    if let DecryptError::Io(source) = error {
        return NotOpened::Io { name, source };
    }
    NotOpened::Io { name, source: io::Error::other(error.to_string()) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use age::secrecy::ExposeSecret as _;

    use super::super::Seal;
    use super::*;

    #[test]
    fn what_is_decrypted_is_only_for_its_owner_and_whole() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let (from, to) = (dir.path().join("from"), dir.path().join("a/to"));
        fs::create_dir_all(from.join(DUMP_DIR))?;
        let owner = Identity::generate();
        let key = Secret::new(owner.to_string().expose_secret());
        let seal = Seal::to(&[owner.to_public()]).expect("an owner");
        let name = format!("{DUMP_DIR}/1.dat");
        fs::write(from.join(&name), vec![7; 3 * 64 * 1024])?;
        let part = seal.file(&from, &name)?;
        let opened = |to: &Path| {
            let files = (from.as_path(), to);
            open(std::slice::from_ref(&part), files, &key, (false, &CancellationToken::new()))
        };
        opened(&to)?;
        assert_eq!(fs::read(to.join(&name))?, vec![7; 3 * 64 * 1024]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let modes = [&dir.path().join("a"), &to, &to.join(DUMP_DIR), &to.join(&name)].map(|path| mode(path));
        assert_eq!(modes, [0o700, 0o700, 0o700, 0o600], "{modes:?}");
        assert_eq!(mode(&from.join(&part.name)), 0o600);

        let stored = fs::read(from.join(&part.name))?;
        for less in [1, 16, 64 * 1024 + 16, 2 * (64 * 1024 + 16)] {
            fs::write(from.join(&part.name), &stored[..stored.len() - less])?;
            let cut = opened(&dir.path().join(less.to_string()));
            assert!(matches!(cut, Err(NotOpened::Io { .. })), "{less}: {cut:?}");
        }
        Ok(())
    }
}
