//! The files below a directory that a layout may be made of.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use pgbelay_core::layout::{MAX_FILE_BYTES, SourceFile};

use super::{MAX_FILES, MigrationsError};

/// How deep folders are looked into: the deepest layout has two, above which a changelog may have a few.
const MAX_DEPTH: usize = 8;

/// Most entries that are looked at: far more is another directory than was meant.
const MAX_ENTRIES: usize = 100_000;

/// Most bytes of all files.
const MAX_BYTES: usize = 256 << 20;

/// What is read, by what its name ends in.
const READ: [&str; 8] = ["sql", "toml", "conf", "plan", "xml", "yaml", "yml", "json"];

/// What is only named: programs, which are refused.
const NAMED: [&str; 6] = ["go", "rs", "java", "kt", "py", "rb"];

/// The files below a directory, in the order of their paths. Hidden ones are left alone.
pub(super) fn files(directory: &Path) -> Result<Vec<SourceFile>, MigrationsError> {
    let mut listing = Listing { directory, files: Vec::new(), entries: 0, sql: 0, bytes: 0 };
    listing.folder(directory, "", 0)?;
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listing.files)
}

struct Listing<'a> {
    directory: &'a Path,
    files: Vec<SourceFile>,
    entries: usize,
    sql: usize,
    bytes: usize,
}

impl Listing<'_> {
    fn folder(&mut self, place: &Path, below: &str, depth: usize) -> Result<(), MigrationsError> {
        for entry in fs::read_dir(place).map_err(failed(place))? {
            let path = entry.map_err(failed(place))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(self.too_many());
            }
            if name.starts_with('.') {
                continue;
            }
            let below = if below.is_empty() { name } else { format!("{below}/{name}") };
            if path.is_dir() {
                if depth < MAX_DEPTH {
                    self.folder(&path, &below, depth + 1)?;
                }
            } else {
                self.file(&path, below)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, below: String) -> Result<(), MigrationsError> {
        let ending = path.extension().unwrap_or_default();
        let is_one_of = |endings: &[&str]| endings.iter().any(|one| ending == *one);
        if !path.is_file() || !(is_one_of(&READ) || is_one_of(&NAMED)) {
            return Ok(());
        }
        self.sql += usize::from(ending == "sql");
        let bytes = if is_one_of(&READ) { contents(path).map_err(failed(path))? } else { Vec::new() };
        self.bytes += bytes.len();
        if self.sql > MAX_FILES || self.bytes > MAX_BYTES {
            return Err(self.too_many());
        }
        self.files.push(SourceFile { path: below, bytes });
        Ok(())
    }

    fn too_many(&self) -> MigrationsError {
        MigrationsError::TooMany { path: self.directory.to_owned() }
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> MigrationsError {
    let path: PathBuf = path.to_owned();
    move |source| MigrationsError::Read { path: path.clone(), source }
}

/// A file's bytes; of one that is too large, only as many as show that it is.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
