//! Opening the key of a backup with the private key of one of its owners, which stays on this machine.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use age::armor::ArmoredReader;
use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use age::{DecryptError, Decryptor};
use pgbelay_core::command::{MAX_BACKUP_KEY, MAX_SEALED_KEY};
use pgbelay_proto::wire::BackupKey;

use crate::error::CliError;

/// Longest file of private keys, in bytes.
const MOST: u64 = 64 * 1024;

/// What a file of private keys begins with that a passphrase protects.
const PROTECTED: [&str; 2] = ["age-encryption.org/", "-----BEGIN AGE ENCRYPTED FILE-----"];

/// Why the key of a backup was not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The file is not there, or not a text of a sensible size.
    #[error("the private key in {path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is encrypted itself.
    #[error("{0} is protected by a passphrase")]
    Protected(PathBuf),
    /// There is nothing of age in it that is known here.
    #[error("{0} has no private key of age (AGE-SECRET-KEY-1…)")]
    NoKey(PathBuf),
    /// Its owner is none of the backup's.
    #[error("the private key in {0} is not one that the backup is encrypted to")]
    OtherOwner(PathBuf),
    /// The file, so many bytes at most, would be read in part.
    #[error("{0} has more than {MOST} bytes")]
    TooLong(PathBuf),
    /// What the controller gave is too long to be the key of a backup.
    #[error("the key of the backup has {0} bytes as it is stored, and at most {MAX_SEALED_KEY} are taken")]
    TooMuch(usize),
    /// What the controller gave is no key of a backup.
    #[error("the key of the backup cannot be read")]
    Damaged,
}

impl From<KeyError> for CliError {
    fn from(error: KeyError) -> Self {
        let hint = match &error {
            KeyError::Read { .. } => "name the file that age-keygen has written",
            KeyError::Protected(_) => {
                "decrypt it into a file that only you can read (age --decrypt --output KEYS FILE), and name that one"
            }
            KeyError::NoKey(_) => {
                "name the file that age-keygen has written; keys of plugins and of SSH are not taken"
            }
            KeyError::OtherOwner(_) => {
                "the manifest of the backup names its owners' public keys; age-keygen -y tells yours"
            }
            KeyError::TooLong(_) => "name a file that has only the private keys of this backup's owners",
            KeyError::Damaged | KeyError::TooMuch(_) => {
                "decrypt key.age of the backup with age, and restore it by hand: docs/backups.md"
            }
        };
        let why = std::error::Error::source(&error).map(ToString::to_string);
        let told = Self::usage(format!("nothing was started: {error}")).hint(hint);
        match why {
            Some(why) => told.because(&why),
            None => told,
        }
    }
}

/// The private keys in a file.
///
/// # Errors
/// It cannot be read, is protected, or has none.
pub(crate) fn identities(path: &Path) -> Result<Vec<Identity>, KeyError> {
    let read = |source| KeyError::Read { path: path.to_owned(), source };
    let mut text = Vec::new();
    std::fs::File::open(path).map_err(read)?.take(MOST + 1).read_to_end(&mut text).map_err(read)?;
    if text.len() as u64 > MOST {
        return Err(KeyError::TooLong(path.to_owned()));
    }
    if PROTECTED.iter().any(|beginning| text.starts_with(beginning.as_bytes())) {
        return Err(KeyError::Protected(path.to_owned()));
    }
    let text = String::from_utf8(text).map_err(|_| KeyError::NoKey(path.to_owned()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let keys = lines.map(str::parse).collect::<Result<Vec<Identity>, _>>();
    keys.ok().filter(|keys| !keys.is_empty()).ok_or_else(|| KeyError::NoKey(path.to_owned()))
}

/// The private key of a backup, opened with the keys in a file.
///
/// # Errors
/// The file is of no use, or not that of an owner.
pub(crate) fn open(sealed: &str, path: &Path) -> Result<BackupKey, KeyError> {
    if sealed.len() > MAX_SEALED_KEY {
        return Err(KeyError::TooMuch(sealed.len()));
    }
    let keys = identities(path)?;
    let opened = Decryptor::new_buffered(ArmoredReader::new(sealed.as_bytes()))
        .and_then(|sealed| sealed.decrypt(keys.iter().map(|key| key as &dyn age::Identity)));
    let opened = opened.map_err(|error| {
        let is_other = matches!(error, DecryptError::NoMatchingKeys);
        if is_other { KeyError::OtherOwner(path.to_owned()) } else { KeyError::Damaged }
    })?;
    let mut text = String::new();
    opened.take(MAX_BACKUP_KEY as u64).read_to_string(&mut text).map_err(|_| KeyError::Damaged)?;
    let key: Identity = text.trim().parse().map_err(|_| KeyError::Damaged)?;
    Ok(BackupKey { text: key.to_string().expose_secret().to_owned() })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use age::armor::{ArmoredWriter, Format};

    use super::*;

    fn sealed(text: &str, to: &Identity) -> String {
        let owner = to.to_public();
        let all = std::iter::once(&owner as &dyn age::Recipient);
        let armored = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).unwrap();
        let mut sealed = age::Encryptor::with_recipients(all).unwrap().wrap_output(armored).unwrap();
        sealed.write_all(text.as_bytes()).unwrap();
        String::from_utf8(sealed.finish().unwrap().finish().unwrap()).unwrap()
    }

    #[test]
    fn only_an_owner_opens_the_key_of_a_backup() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("key.txt");
        let (owner, other, own) = (Identity::generate(), Identity::generate(), Identity::generate());
        let text = |key: &Identity| key.to_string().expose_secret().to_owned();
        let stored = sealed(&format!("{}\n", text(&own)), &owner);

        fs::write(&file, format!("# created: now\n{}\n\n{}\n", text(&other), text(&owner)))?;
        assert_eq!(open(&stored, &file)?.text, text(&own));
        fs::write(&file, text(&other))?;
        assert!(matches!(open(&stored, &file), Err(KeyError::OtherOwner(_))));
        let mut changed = stored.into_bytes();
        let middle = changed.len() - 60;
        changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
        fs::write(&file, text(&owner))?;
        assert!(matches!(open(std::str::from_utf8(&changed)?, &file), Err(KeyError::Damaged)));
        assert!(matches!(open(&sealed("rows", &owner), &file), Err(KeyError::Damaged)));
        Ok(())
    }

    #[test]
    fn a_key_that_is_cut_off_anywhere_or_too_long_is_none() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("key.txt");
        let (owner, own) = (Identity::generate(), Identity::generate());
        fs::write(&file, owner.to_string().expose_secret())?;
        let stored = sealed(&format!("{}\n", own.to_string().expose_secret()), &owner);
        let end = stored.trim_end().len();
        for length in 0..end {
            let opened = open(&stored[..length], &file);
            assert!(matches!(opened, Err(KeyError::Damaged)), "{length} of {end}: {opened:?}");
        }
        let long = format!("{stored}{}", "\n".repeat(MAX_SEALED_KEY + 1 - stored.len()));
        let told = open(&long, &file).unwrap_err().to_string();
        assert!(told.contains("16385 bytes") && told.contains("at most 16384"), "{told}");
        fs::write(&file, format!("{}\n{}", owner.to_string().expose_secret(), "#".repeat(64 * 1024)))?;
        assert!(matches!(open(&stored, &file), Err(KeyError::TooLong(_))));
        Ok(())
    }

    #[test]
    fn what_is_no_file_of_keys_is_told() -> anyhow::Result<()> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("key.txt");
        let fault = |text: &[u8]| {
            fs::write(&file, text).unwrap();
            identities(&file).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(fault(b"age-encryption.org/v1\n-> scrypt").contains("protected by a passphrase"));
        assert!(fault(b"-----BEGIN AGE ENCRYPTED FILE-----\n").contains("protected by a passphrase"));
        assert!(fault(b"").contains("no private key of age"));
        assert!(fault(b"# only words\n").contains("no private key of age"));
        assert!(fault(b"AGE-PLUGIN-YUBIKEY-1QQ").contains("no private key of age"));
        assert!(fault(&[0xff, 0xfe]).contains("no private key of age"));
        let secret = "AGE-SECRET-KEY-1WRONG";
        assert!(!fault(secret.as_bytes()).contains(secret));
        assert!(identities(&dir.path().join("none")).err().unwrap().to_string().contains("cannot be read"));
        Ok(())
    }
}
