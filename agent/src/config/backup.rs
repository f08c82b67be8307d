//! The section `backup`: who can read backups, and the program that makes them where policy says `method: command`.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use age::x25519::Recipient;

use super::fields::Fields;
use super::positive;

/// Keys that take a list.
pub(super) const LISTS: [&str; 3] = ["backup.command", "backup.encrypt_to", "backup.stores"];

/// How long the program may take, unless the file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// A program that makes backups. The controller neither names nor changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupProgram {
    /// Where it is.
    pub path: PathBuf,
    /// What it is given.
    pub arguments: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// Most keys that backups are encrypted to: each is in every part.
const MOST_KEYS: usize = 20;

/// The public keys that backups are encrypted to; none: they are not encrypted.
pub(super) fn encrypt_to(fields: &mut Fields) -> Vec<Recipient> {
    let is_wrong = Cell::new(false);
    // A variable has several in one text.
    let read = |text: &str| {
        let keys = text.split_whitespace().map(recipient).collect::<Result<Vec<_>, _>>();
        is_wrong.set(is_wrong.get() || keys.is_err());
        keys
    };
    let given = fields.list("backup.encrypt_to", read);
    let is_given = given.is_some();
    let all: Vec<_> = given.unwrap_or_default().into_iter().flatten().collect();
    let different: std::collections::BTreeSet<_> = all.iter().map(ToString::to_string).collect();
    if different.len() < all.len() {
        fields.mistake("backup.encrypt_to", "names one key twice");
    }
    if all.len() > MOST_KEYS {
        fields.mistake("backup.encrypt_to", &format!("takes at most {MOST_KEYS} keys"));
    }
    // Who writes the key and forgets the value does not mean backups that everybody can read.
    if is_given && all.is_empty() && !is_wrong.get() {
        fields.mistake("backup.encrypt_to", "names no key: leave it out if backups are not to be encrypted");
    }
    all
}

fn recipient(text: &str) -> Result<Recipient, String> {
    if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
        return Err("has a private key: take it out of here, keep it away from this machine, and give the public one \
                    (age1…) that age-keygen -y tells"
            .to_owned());
    }
    text.parse().map_err(|_| {
        "must be public keys of age, as age-keygen tells them: age1 and 58 characters".to_owned()
    })
}

pub(super) fn backup(fields: &mut Fields) -> Option<BackupProgram> {
    let word = |text: &str| {
        let fine = !text.contains('\0');
        fine.then(|| text.to_owned()).ok_or_else(|| "must be a text".to_owned())
    };
    let command = fields.list("backup.command", word);
    let timeout = fields.optional(
        "backup.command_timeout",
        "must be a duration of more than zero: a whole number and a unit, for example 30m",
        positive,
    );
    let timeout = timeout.and_then(|span| u64::try_from(span.0).ok()).map_or(TIMEOUT, Duration::from_millis);
    let mut words = command?.into_iter();
    let path = words.next().map(PathBuf::from);
    match path {
        Some(path) if path.is_absolute() => Some(BackupProgram { path, arguments: words.collect(), timeout }),
        Some(_) | None => {
            fields.wrong("backup.command", "must start with the whole path of a program");
            None
        }
    }
}
