//! The migrations of a directory: read from disk, put together by the plain layout, parsed before anything is sent.
//!
//! Every mistake is told at once. What SQL means is decided by the controller; this spares a round trip.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use pgbelay_core::layout::{LayoutError, MAX_FILE_BYTES, ROLLBACK_DIR, SourceFile, read_plain};
use pgbelay_core::migration::{MigrationSource, UnusableMigration, Version};
use pgbelay_core::release::MAX_MIGRATIONS;
use pgbelay_core::{Position, ScriptError};

use crate::error::CliError;
use crate::render;

#[cfg(test)]
mod tests;

/// Most files of a directory: every migration with its way back.
const MAX_FILES: usize = 2 * MAX_MIGRATIONS;

/// Why a directory has no migrations to offer.
#[derive(Debug, thiserror::Error)]
enum MigrationsError {
    #[error("there is no directory {path}", path = path.display())]
    NoDirectory { path: PathBuf },
    #[error("failed to read {path}", path = path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} has more than {MAX_FILES} files of SQL", path = path.display())]
    TooMany { path: PathBuf },
    #[error("{count} {noun} in {path}", count = mistakes.len(), noun = if mistakes.len() == 1 { "mistake" } else { "mistakes" }, path = path.display())]
    Mistakes { path: PathBuf, mistakes: Vec<Mistake> },
}

/// Something in a file that has to be corrected.
#[derive(Debug)]
enum Mistake {
    /// Its name, or what it holds, does not fit the layout.
    Layout(LayoutError),
    /// Its SQL cannot be run.
    Sql(SqlMistake),
}

/// A place in a file of SQL, and what is wrong there.
#[derive(Debug)]
pub(crate) struct SqlMistake {
    /// The file, as a person would open it.
    pub(crate) path: PathBuf,
    /// What is wrong.
    pub(crate) message: String,
    /// Where, when it is at one place, and that line of the file.
    pub(crate) place: Option<(Position, String)>,
}

/// Reads the migrations below a directory.
pub(crate) fn read(directory: &Path) -> Result<Vec<MigrationSource>, CliError> {
    read_checked(directory).map_err(|error| {
        let cause = crate::error::causes(&error);
        let summary = CliError::usage(error.to_string()).because(cause);
        match error {
            MigrationsError::Mistakes { mistakes, .. } => {
                let details = mistakes.iter().map(|mistake| match mistake {
                    Mistake::Layout(error) => error.to_string(),
                    Mistake::Sql(mistake) => render::mistakes::snippet(mistake),
                });
                summary
                    .with_details(details.collect())
                    .hint("correct the files and run the command again; nothing was sent")
            }
            MigrationsError::NoDirectory { .. } => summary.hint("name it with --migrations DIR"),
            MigrationsError::Read { .. } => summary.hint("check its permissions"),
            MigrationsError::TooMany { .. } => {
                summary.hint("is this the right directory? name another one with --migrations DIR")
            }
        }
    })
}

fn read_checked(directory: &Path) -> Result<Vec<MigrationSource>, MigrationsError> {
    if !directory.is_dir() {
        return Err(MigrationsError::NoDirectory { path: directory.to_owned() });
    }
    let mut files = files_of(directory, "")?;
    if directory.join(ROLLBACK_DIR).is_dir() {
        files.extend(files_of(directory, ROLLBACK_DIR)?);
    }
    let broken = |mistakes| MigrationsError::Mistakes { path: directory.to_owned(), mistakes };
    let migrations =
        read_plain(&files).map_err(|errors| broken(errors.into_iter().map(Mistake::Layout).collect()))?;
    let mistakes: Vec<_> = migrations
        .iter()
        .filter_map(|migration| migration.analyse().err().map(|error| (migration, error)))
        .map(|(migration, error)| Mistake::Sql(sql_mistake(directory, &files, migration, error)))
        .collect();
    if mistakes.is_empty() { Ok(migrations) } else { Err(broken(mistakes)) }
}

/// The `.sql` files of one folder, in the order of their names.
fn files_of(directory: &Path, folder: &str) -> Result<Vec<SourceFile>, MigrationsError> {
    let place = directory.join(folder);
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| MigrationsError::Read { path, source }
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(&place).map_err(failed(&place))? {
        let path = entry.map_err(failed(&place))?.path();
        if path.extension().is_none_or(|extension| extension != "sql") || !path.is_file() {
            continue;
        }
        if files.len() == MAX_FILES {
            return Err(MigrationsError::TooMany { path: place });
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let below = if folder.is_empty() { name.into_owned() } else { format!("{folder}/{name}") };
        files.push(SourceFile { path: below, bytes: contents(&path).map_err(failed(&path))? });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// A file's bytes; of one that is too large, only as many as show that it is.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn sql_mistake(
    directory: &Path,
    files: &[SourceFile],
    migration: &MigrationSource,
    error: UnusableMigration,
) -> SqlMistake {
    let back = error.direction == "down";
    let file = files.iter().find(|file| file.path.contains('/') == back && is_of(file, &migration.version));
    let text = if back { migration.down.as_deref().unwrap_or_default() } else { &migration.up };
    let place = error.cause.position().map(|position| {
        let line = usize::try_from(position.line).unwrap_or(usize::MAX).saturating_sub(1);
        (position, text.lines().nth(line).unwrap_or_default().to_owned())
    });
    SqlMistake {
        path: directory.join(file.map_or("", |file| &file.path)),
        message: without_place(&error.cause),
        place,
    }
}

fn is_of(file: &SourceFile, version: &Version) -> bool {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    let number = name.split('_').next().and_then(|digits| digits.parse::<Version>().ok());
    number.is_some_and(|number| number.same_number(version))
}

/// The error's words without its place, which stands before them already.
pub(crate) fn without_place(error: &ScriptError) -> String {
    if let ScriptError::Syntax { message, .. } = error {
        return message.clone();
    }
    let text = error.to_string();
    let prefix = error.position().map(|position| format!("{position}: ")).unwrap_or_default();
    text.strip_prefix(&prefix).unwrap_or(&text).to_owned()
}
