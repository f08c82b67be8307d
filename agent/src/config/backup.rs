//! The section `backup`: the program that makes backups where policy says `method: command`.

use std::path::PathBuf;
use std::time::Duration;

use super::fields::Fields;
use super::positive;

/// Keys that take a list.
pub(super) const LISTS: [&str; 2] = ["backup.command", "backup.stores"];

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
