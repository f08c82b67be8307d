//! From what a reader has found to a migration, and what all layouts have in common.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use super::files::{is_top, lines, text, unpadded};
use super::scan::is_blank;
use super::{LayoutError, Misfit, Reading, SourceFile};
use crate::migration::{MigrationSource, Version};
use crate::origin::Origin;

/// The SQL of one direction.
pub(super) struct Part {
    pub(super) sql: String,
    /// Whether it runs outside of a transaction.
    pub(super) autocommit: bool,
    /// The file that it is in.
    pub(super) file: String,
}

/// A migration as a reader has found it.
pub(super) struct Entry {
    pub(super) version: Version,
    pub(super) name: String,
    pub(super) up: Part,
    pub(super) down: Option<Part>,
    pub(super) repeatable: bool,
    pub(super) origin: Origin,
}

/// What is run for a file without a statement: its record has to be written all the same.
const NOTHING: &str = "\nSELECT 1; -- the file has no statement\n";

impl From<Entry> for MigrationSource {
    fn from(entry: Entry) -> Self {
        let Entry { version, name, mut up, down, repeatable, origin } = entry;
        if is_blank(&up.sql) {
            up.sql.push_str(NOTHING);
        }
        // A way back that does nothing is none.
        let down = down.filter(|down| !is_blank(&down.sql));
        let name = if name.is_empty() { version.to_string() } else { name };
        let (down_file, down_autocommit) =
            down.as_ref().map_or((None, false), |down| (Some(down.file.clone()), down.autocommit));
        Self {
            version,
            name,
            up: up.sql,
            down: down.map(|down| down.sql),
            up_file: up.file,
            down_file,
            up_autocommit: up.autocommit,
            down_autocommit,
            repeatable,
            origin: Some(origin),
        }
    }
}

/// An origin without a checksum.
pub(super) fn origin(id: impl Into<String>, description: impl Into<String>, script: &str) -> Origin {
    let (id, description, script) = (id.into(), description.into(), script.to_owned());
    Origin { id, description, script, checksum: None, more: BTreeMap::new() }
}

/// A version in a file's name; `expected` says how the name should be.
pub(super) fn version(text: &str, path: &str, expected: &'static str) -> Result<Version, LayoutError> {
    text.parse().map_err(|_| LayoutError::file(path, Misfit::BadName { expected }))
}

/// Whether the first line says that pgbelay runs it outside of a transaction.
pub(super) fn own_mark(sql: &str) -> bool {
    let first = lines(sql).next().map_or("", |line| line.text);
    first.strip_prefix("--").is_some_and(|words| words.trim() == "pgbelay:no-transaction")
}

/// The whole of a file, with pgbelay's own mark.
pub(super) fn whole(file: &SourceFile) -> Result<Part, LayoutError> {
    let sql = text(file)?;
    Ok(Part { sql: sql.to_owned(), autocommit: own_mark(sql), file: file.path.clone() })
}

impl Reading {
    /// Takes over a migration, or what is wrong with it.
    pub(super) fn add(&mut self, found: Result<Entry, Vec<LayoutError>>) {
        match found {
            Ok(entry) => self.migrations.push(entry.into()),
            Err(errors) => self.errors.extend(errors),
        }
    }

    /// Refuses versions that are there twice, `key` being what makes them one.
    pub(super) fn refuse_twins(&mut self, number: &'static str, key: impl Fn(&Version) -> String) {
        let mut first: BTreeMap<String, &MigrationSource> = BTreeMap::new();
        let mut errors = Vec::new();
        for migration in &self.migrations {
            match first.entry(key(&migration.version)) {
                Slot::Vacant(free) => drop(free.insert(migration)),
                Slot::Occupied(known) => {
                    let what = Misfit::SameVersion { other: known.get().up_file.clone(), number };
                    errors.push(LayoutError::file(&migration.up_file, what));
                }
            }
        }
        self.errors.extend(errors);
    }

    /// Says that there is nothing, unless something else was said.
    pub(super) fn or_nothing(mut self, example: &'static str) -> Self {
        if self.migrations.is_empty() && self.errors.is_empty() {
            self.errors.push(LayoutError::directory(Misfit::Nothing { example }));
        }
        self
    }
}

/// The key of versions that are numbers.
pub(super) fn by_number(version: &Version) -> String {
    unpadded(version.as_str())
}

/// The key of versions that are text.
pub(super) fn by_text(version: &Version) -> String {
    version.to_string()
}

/// Two files of a migration, by its number.
pub(super) struct Pair<'a> {
    pub(super) number: &'a str,
    pub(super) title: &'a str,
    pub(super) up: &'a SourceFile,
    pub(super) down: Option<&'a SourceFile>,
}

/// One file of a migration.
pub(super) struct Half<'a> {
    pub(super) number: &'a str,
    pub(super) title: &'a str,
    pub(super) file: &'a SourceFile,
    pub(super) back: bool,
}

/// The files of a flat directory of pairs. `name` says a file's number, title and whether it is the way back.
pub(super) fn flat<'a>(
    files: &'a [SourceFile],
    name: fn(&'a str) -> Option<(&'a str, &'a str, bool)>,
    expected: &'static str,
    errors: &mut Vec<LayoutError>,
) -> Vec<Pair<'a>> {
    let mut halves = Vec::new();
    for file in files.iter().filter(|file| is_top(&file.path) && file.path.ends_with(".sql")) {
        match name(&file.path) {
            Some((number, title, back)) => halves.push(Half { number, title, file, back }),
            None => errors.push(LayoutError::file(&file.path, Misfit::BadName { expected })),
        }
    }
    paired(halves, errors)
}

/// Puts the files of each migration together, in the order of their numbers. Errors are of ways back alone, and of
/// numbers that stand twice.
pub(super) fn paired<'a>(halves: Vec<Half<'a>>, errors: &mut Vec<LayoutError>) -> Vec<Pair<'a>> {
    let (back, up): (Vec<_>, Vec<_>) = halves.into_iter().partition(|half| half.back);
    let key = |number: &str| (unpadded(number).len(), unpadded(number));
    let mut pairs: BTreeMap<(usize, String), Pair<'a>> = BTreeMap::new();
    let mut twice = |file: &SourceFile, other: &SourceFile| {
        let what = Misfit::SameVersion { other: other.path.clone(), number: "number" };
        errors.push(LayoutError::file(&file.path, what));
    };
    for Half { number, title, file, .. } in up {
        match pairs.entry(key(number)) {
            Slot::Vacant(free) => drop(free.insert(Pair { number, title, up: file, down: None })),
            Slot::Occupied(known) => twice(file, known.get().up),
        }
    }
    let mut orphans = Vec::new();
    for Half { number, file, .. } in back {
        match pairs.get_mut(&key(number)) {
            None => orphans.push((number, file)),
            Some(pair) => match pair.down {
                Some(other) => twice(file, other),
                None => pair.down = Some(file),
            },
        }
    }
    errors.extend(orphans.into_iter().map(|(number, file)| {
        let orphan = |version| Misfit::Orphan { version };
        let expected = "a number, an underscore and a name";
        match version(number, &file.path, expected) {
            Ok(version) => LayoutError::file(&file.path, orphan(version)),
            Err(error) => error,
        }
    }));
    pairs.into_values().collect()
}

/// Both directions of a pair, or what is wrong with either.
pub(super) fn parts(
    pair: &Pair<'_>,
    part: impl Fn(&SourceFile) -> Result<Part, LayoutError>,
) -> Result<(Part, Option<Part>), Vec<LayoutError>> {
    match (part(pair.up), pair.down.map(part).transpose()) {
        (Ok(up), Ok(down)) => Ok((up, down)),
        (up, down) => Err([up.err(), down.err()].into_iter().flatten().collect()),
    }
}
