//! The migrations of a directory: read from disk (`listing`), put together by the reader of their layout, parsed before
//! anything is sent.
//!
//! Every mistake is told at once. What SQL means is decided by the controller; this spares a round trip.

use std::io;
use std::path::{Path, PathBuf};

use pgbelay_core::layout::{LayoutError, Reading, SourceFile, detect};
use pgbelay_core::migration::{MigrationSource, UnusableMigration};
use pgbelay_core::origin::Layout;
use pgbelay_core::release::MAX_MIGRATIONS;
use pgbelay_core::{Position, ScriptError, on_parser_stack};

use crate::error::CliError;
use crate::render;

mod listing;

#[cfg(test)]
mod tests;

/// Most files of SQL of a directory: every migration with its way back.
const MAX_FILES: usize = 2 * MAX_MIGRATIONS;

/// Why a directory has no migrations to offer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MigrationsError {
    #[error("there is no directory {path}", path = path.display())]
    NoDirectory { path: PathBuf },
    #[error("failed to read {path}", path = path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} has more than {MAX_FILES} files of SQL, or far more of anything else", path = path.display())]
    TooMany { path: PathBuf },
    #[error("{count} {noun} in {path}", count = mistakes.len(), noun = if mistakes.len() == 1 { "mistake" } else { "mistakes" }, path = path.display())]
    Mistakes { path: PathBuf, mistakes: Vec<Mistake> },
}

/// Something in a file that has to be corrected.
#[derive(Debug)]
pub(crate) enum Mistake {
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

/// What the files of a directory are.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) layout: Layout,
    pub(crate) files: Vec<SourceFile>,
    pub(crate) reading: Reading,
}

/// The migrations of a directory, in the order of its layout.
#[derive(Debug)]
pub(crate) struct Migrations {
    pub(crate) layout: Layout,
    pub(crate) sources: Vec<MigrationSource>,
}

/// Looks at a directory, whatever is wrong with some of its files. Without a layout, the files say which it is.
pub(crate) fn look(directory: &Path, layout: Option<Layout>) -> Result<Found, MigrationsError> {
    if !directory.is_dir() {
        return Err(MigrationsError::NoDirectory { path: directory.to_owned() });
    }
    let files = listing::files(directory)?;
    let layout = match layout {
        Some(layout) => layout,
        None => detect(&files).map_err(|error| MigrationsError::Mistakes {
            path: directory.to_owned(),
            mistakes: vec![Mistake::Layout(error)],
        })?,
    };
    let reading = pgbelay_core::layout::read(layout, &files);
    Ok(Found { layout, files, reading })
}

/// Reads the migrations below a directory.
pub(crate) fn read(directory: &Path, layout: Option<Layout>) -> Result<Migrations, CliError> {
    read_checked(directory, layout).map_err(|error| {
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

fn read_checked(directory: &Path, layout: Option<Layout>) -> Result<Migrations, MigrationsError> {
    let Found { layout, reading, .. } = look(directory, layout)?;
    let broken = |mistakes| MigrationsError::Mistakes { path: directory.to_owned(), mistakes };
    let sources = reading.whole();
    let sources = sources.map_err(|errors| broken(errors.into_iter().map(Mistake::Layout).collect()))?;
    let mistakes: Vec<_> = unusable(&sources)
        .into_iter()
        .map(|(migration, error)| Mistake::Sql(sql_mistake(directory, migration, &error)))
        .collect();
    if mistakes.is_empty() { Ok(Migrations { layout, sources }) } else { Err(broken(mistakes)) }
}

/// Those that cannot be used, with the first mistake of each.
fn unusable(sources: &[MigrationSource]) -> Vec<(&MigrationSource, UnusableMigration)> {
    let all = || -> Vec<_> {
        let of = |one: &'_ MigrationSource| one.analyse().err();
        sources.iter().filter_map(|one| Some((one, of(one)?))).collect()
    };
    // Where there is no thread for all of them, each asks for one, and tells why there is none.
    on_parser_stack(all).unwrap_or_else(|_| all())
}

/// What runs has its lines where the file has them.
fn sql_mistake(directory: &Path, migration: &MigrationSource, error: &UnusableMigration) -> SqlMistake {
    let back = migration.down_file.as_deref().zip(migration.down.as_deref());
    let up = (migration.up_file.as_str(), migration.up.as_str());
    let (file, text) = back.filter(|_| error.direction == "down").unwrap_or(up);
    let place = error.cause.position().map(|position| {
        let line = usize::try_from(position.line).unwrap_or(usize::MAX).saturating_sub(1);
        (position, text.lines().nth(line).unwrap_or_default().to_owned())
    });
    SqlMistake { path: directory.join(file), message: without_place(&error.cause), place }
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
