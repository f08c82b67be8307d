//! Hasura: a folder for each migration, `1612345678901_name`, with `up.sql` and `down.sql`; above them perhaps the folder
//! of the database. The order is that of the numbers.

use std::collections::BTreeSet;

use super::detect::Looks;
use super::diesel::has_folders;
use super::entry::{Entry, Half, Pair, origin, paired, parts, version, whole};
use super::files::{folder, is_top, name, numbered, unpadded};
use super::{LayoutError, Misfit, Reading, SourceFile};

const EXPECTED: &str = "a number, an underscore and a name, for example 1612345678901_create_users";

/// Milliseconds: thirteen digits.
const DIGITS: usize = 13;

pub(super) fn looks(looks: &Looks<'_>) -> bool {
    let below = looks.sql().any(|file| name(&file.path) == "up.sql" && is_top(folder(folder(&file.path))));
    let deep = below && !has_folders(looks) && !super::diesel::is_ours(looks);
    deep || (has_folders(looks) && (is_ours(looks) || !super::diesel::is_ours(looks)))
}

/// Whether something speaks for Hasura and not for diesel.
pub(super) fn is_ours(looks: &Looks<'_>) -> bool {
    looks.sql().filter_map(|file| numbered(folder(&file.path))).any(|(number, _)| number.len() == DIGITS)
}

pub(super) fn read(files: &[SourceFile]) -> Reading {
    let mut reading = Reading::default();
    let is_half =
        |file: &&SourceFile| matches!(name(&file.path), "up.sql" | "down.sql") && !is_top(&file.path);
    let mut halves = Vec::new();
    let mut databases = BTreeSet::new();
    for file in files.iter().filter(is_half) {
        let place = folder(&file.path);
        databases.insert(folder(place));
        match numbered(name(place)).filter(|(number, _)| number.parse::<u64>().is_ok()) {
            Some((number, title)) => {
                halves.push(Half { number, title, file, back: name(&file.path) == "down.sql" });
            }
            None => {
                reading.errors.push(LayoutError::file(&file.path, Misfit::BadName { expected: EXPECTED }));
            }
        }
    }
    if databases.len() > 1 {
        let names: Vec<_> =
            databases.into_iter().map(|name| if name.is_empty() { "." } else { name }).collect();
        let what = Misfit::Refused {
            what: format!("the migrations of several databases ({})", names.join(", ")),
            instead: "name the folder of one of them",
        };
        reading.errors.push(LayoutError::directory(what));
        return reading;
    }
    for pair in paired(halves, &mut reading.errors) {
        reading.add(entry(&pair));
    }
    reading.or_nothing("1612345678901_name/up.sql")
}

fn entry(pair: &Pair<'_>) -> Result<Entry, Vec<LayoutError>> {
    let (up, down) = parts(pair, whole)?;
    let version = version(pair.number, &pair.up.path, EXPECTED).map_err(|error| vec![error])?;
    let origin = origin(unpadded(pair.number), pair.title, &pair.up.path);
    Ok(Entry { version, name: pair.title.to_owned(), up, down, repeatable: false, origin })
}
