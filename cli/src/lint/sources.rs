//! The files to judge, in the order in which they run. Whatever is wrong with one stands with it, and the others go on.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use pgbelay_analysis::{MAX_SCRIPT_BYTES, Position};
use pgbelay_core::layout::{LayoutError, Misfit, SourceFile};
use pgbelay_core::migration::{MigrationSource, Version};
use pgbelay_core::origin::Layout;

use super::report::Fault;
use crate::migrations::{self, Found, MigrationsError, Mistake};

#[cfg(test)]
mod tests;

/// What stands for standard input on the command line.
pub(crate) const STDIN: &str = "-";
/// Its name in reports.
pub(crate) const STDIN_NAME: &str = "<stdin>";

/// A file, or what was taken for one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Source {
    /// As the command line would name it.
    pub(crate) path: PathBuf,
    /// What it holds, if that could be read.
    pub(crate) text: Option<String>,
    /// What is wrong before anything is read as SQL.
    pub(crate) faults: Vec<Fault>,
    /// It was named and is not there, or not what it was taken for.
    pub(crate) wrong_name: bool,
    /// What its tool calls it, where it is a migration of a directory.
    pub(crate) version: Option<Version>,
    /// It is a migration of a directory, where a file that takes it back may stand beside it.
    pub(crate) released: bool,
    /// The file that takes it back.
    pub(crate) back: Option<Box<Self>>,
}

impl Source {
    fn wrong(path: &Path, message: impl Into<String>) -> Self {
        let faults = vec![Fault::whole_file(message)];
        Self { path: path.to_owned(), faults, wrong_name: true, ..Self::default() }
    }

    fn of_bytes(path: &Path, bytes: Vec<u8>) -> Self {
        let mut source = Self { path: path.to_owned(), ..Self::default() };
        match String::from_utf8(bytes) {
            Ok(text) => source.text = Some(text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let (sound, _) = error.as_bytes().split_at(at);
                source.faults.push(Fault::not_utf8(&String::from_utf8_lossy(sound)));
            }
        }
        source
    }

    /// Reads a file; one that cannot be opened was named wrongly.
    fn of_file(path: &Path) -> Self {
        match contents(path) {
            Ok(bytes) => Self::of_bytes(path, bytes),
            Err(error) => Self::wrong(path, format!("failed to read it: {error}")),
        }
    }
}

/// What the paths of the command line stand for.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) sources: Vec<Source>,
    /// The directories, and the layouts that they were read in.
    pub(crate) layouts: Vec<(PathBuf, Layout)>,
}

/// Reads what the paths of the command line stand for; directories in this layout, or in that which they look like.
/// `stdin` reads standard input.
pub(crate) fn gather(
    paths: &[PathBuf],
    layout: Option<Layout>,
    mut stdin: impl FnMut() -> io::Result<Vec<u8>>,
) -> Gathered {
    let Gathered { mut sources, mut layouts } = Gathered::default();
    for path in paths {
        if path.as_os_str() == STDIN {
            let name = Path::new(STDIN_NAME);
            sources.push(match stdin() {
                Ok(bytes) => Source::of_bytes(name, bytes),
                Err(error) => Source::wrong(name, format!("failed to read it: {error}")),
            });
        } else if path.is_dir() {
            match migrations::look(path, layout) {
                Ok(found) => {
                    layouts.push((path.clone(), found.layout));
                    sources.extend(directory(path, found));
                }
                Err(error) => sources.push(Source::wrong(path, words(&error))),
            }
        } else {
            sources.push(Source::of_file(path));
        }
    }
    Gathered { sources, layouts }
}

/// Why a directory cannot be read, in words.
fn words(error: &MigrationsError) -> String {
    match error {
        MigrationsError::Mistakes { mistakes, .. } => {
            let first = mistakes.first().map(|mistake| match mistake {
                Mistake::Layout(error) => error.to_string(),
                Mistake::Sql(mistake) => mistake.message.clone(),
            });
            first.unwrap_or_else(|| error.to_string())
        }
        MigrationsError::Read { path, source } => format!("failed to read {}: {source}", path.display()),
        MigrationsError::NoDirectory { .. } | MigrationsError::TooMany { .. } => {
            format!("{error}; is this the right directory?")
        }
    }
}

/// The migrations of a directory, in the order of their layout; then what does not fit.
fn directory(path: &Path, found: Found) -> Vec<Source> {
    let Found { files, reading, .. } = found;
    let nothing = |error: &&LayoutError| error.path.is_empty();
    if let Some(error) = reading.errors.iter().find(nothing).filter(|_| reading.migrations.is_empty()) {
        return vec![Source::wrong(path, error.to_string())];
    }
    let mut sources: Vec<_> = reading.migrations.into_iter().map(|one| migration(path, one)).collect();
    for error in reading.errors {
        let place = if error.path.is_empty() { path.to_owned() } else { path.join(&error.path) };
        let fault = fault(&error, &files);
        let known = sources.iter_mut().flat_map(|source| {
            let Source { path, faults, back, .. } = source;
            let back = back.as_mut().map(|back| (&back.path, &mut back.faults));
            [Some((&*path, faults)), back].into_iter().flatten()
        });
        let mut known: Vec<_> = known.filter(|(path, _)| **path == place).collect();
        match known.pop() {
            Some((_, faults)) => faults.push(fault),
            None => sources.push(Source { path: place, faults: vec![fault], ..Source::default() }),
        }
    }
    sources
}

fn migration(directory: &Path, migration: MigrationSource) -> Source {
    let back = migration.down_file.zip(migration.down).map(|(file, text)| {
        Box::new(Source { path: directory.join(file), text: Some(text), ..Source::default() })
    });
    Source {
        path: directory.join(migration.up_file),
        text: Some(migration.up),
        version: Some(migration.version),
        released: true,
        back,
        ..Source::default()
    }
}

fn fault(error: &LayoutError, files: &[SourceFile]) -> Fault {
    let file = files.iter().find(|file| file.path == error.path);
    if let (Misfit::NotUtf8 { at }, Some(file)) = (&error.what, file) {
        return Fault::not_utf8(&String::from_utf8_lossy(file.bytes.get(..*at).unwrap_or_default()));
    }
    let place = (error.line > 0).then_some(Position { line: error.line, column: 1 });
    Fault { place, message: error.what.to_string() }
}

/// A file's bytes; of one that is too large, only as many as show that it is.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_SCRIPT_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
