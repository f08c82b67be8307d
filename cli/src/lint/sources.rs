//! The files to judge, in the order in which they run. Whatever is wrong with one stands with it, and the others go on.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use pgbelay_analysis::MAX_SCRIPT_BYTES;
use pgbelay_core::layout::{LayoutError, ROLLBACK_DIR, parse_name};
use pgbelay_core::migration::Version;
use pgbelay_core::release::MAX_MIGRATIONS;

use super::report::Fault;

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

/// What the paths of the command line stand for. `stdin` reads standard input.
pub(crate) fn gather(paths: &[PathBuf], mut stdin: impl FnMut() -> io::Result<Vec<u8>>) -> Vec<Source> {
    let mut sources = Vec::new();
    for path in paths {
        if path.as_os_str() == STDIN {
            let name = Path::new(STDIN_NAME);
            sources.push(match stdin() {
                Ok(bytes) => Source::of_bytes(name, bytes),
                Err(error) => Source::wrong(name, format!("failed to read it: {error}")),
            });
        } else if path.is_dir() {
            sources.extend(directory(path));
        } else {
            sources.push(Source::of_file(path));
        }
    }
    sources
}

/// The migrations of a directory in the plain layout, in the order of their versions.
fn directory(path: &Path) -> Vec<Source> {
    let rollbacks = path.join(ROLLBACK_DIR);
    let files = match (names(path), if rollbacks.is_dir() { names(&rollbacks) } else { Ok(Vec::new()) }) {
        (Ok(up), Ok(down)) => (up, down),
        (Err(message), _) => return vec![Source::wrong(path, message)],
        (_, Err(message)) => return vec![Source::wrong(&rollbacks, message)],
    };
    let (up, mut misfits) = versions(path, &files.0);
    let (down, misnamed) = versions(&rollbacks, &files.1);
    misfits.extend(misnamed);
    if up.is_empty() && misfits.is_empty() {
        return vec![Source::wrong(path, LayoutError::Nothing.to_string())];
    }
    let mut sources: Vec<_> =
        up.iter().map(|(_, path)| Source { released: true, ..Source::of_file(path) }).collect();
    flag_twins(&up, &mut sources);
    for (version, file) in down {
        let mut back = Source::of_file(&file);
        match up.iter().position(|(number, _)| number.same_number(&version)) {
            Some(at) if sources[at].back.is_none() => sources[at].back = Some(Box::new(back)),
            Some(_) => {
                back.faults.push(Fault::whole_file("another rollback file has this version"));
                misfits.push(Source { text: None, ..back });
            }
            None => {
                let message = format!("there is no migration with version {version}");
                back.faults.push(Fault::whole_file(message));
                misfits.push(Source { text: None, ..back });
            }
        }
    }
    sources.extend(misfits);
    sources
}

/// The `.sql` files of a folder, by name.
fn names(folder: &Path) -> Result<Vec<String>, String> {
    let failed = |error: io::Error| format!("failed to read the directory: {error}");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_none_or(|extension| extension != "sql") || path.is_dir() {
            continue;
        }
        if names.len() == MAX_MIGRATIONS {
            return Err(format!("more than {MAX_MIGRATIONS} files of SQL; is this the right directory?"));
        }
        names.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

type Versioned = (Version, PathBuf);

/// The files by version, and those whose name has none.
fn versions(folder: &Path, names: &[String]) -> (Vec<Versioned>, Vec<Source>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for name in names {
        let path = folder.join(name);
        match parse_name(name) {
            Ok((version, _)) => good.push((version, path)),
            Err(_) => {
                let fault = Fault::whole_file(
                    "the name must be a version, an underscore and a name, for example 001_create_users.sql",
                );
                bad.push(Source { path, faults: vec![fault], ..Source::default() });
            }
        }
    }
    good.sort();
    (good, bad)
}

/// Two migrations of one version: the order is anybody's guess.
fn flag_twins(up: &[Versioned], sources: &mut [Source]) {
    for (at, [before, this]) in up.array_windows().enumerate() {
        if before.0.same_number(&this.0) {
            let other = before.1.file_name().unwrap_or_default().display();
            let message = format!("{other} has the same version: give one of them another number");
            sources[at + 1].faults.push(Fault::whole_file(message));
        }
    }
}

/// A file's bytes; of one that is too large, only as many as show that it is.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_SCRIPT_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
