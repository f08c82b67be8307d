//! refinery: `V1__name.sql` and `U1__name.sql` (which may come out of order), in any folder, in the order of the numbers.
//! There is no way back.

use std::collections::BTreeMap;

use super::checksum;
use super::detect::Looks;
use super::entry::{Entry, by_number, origin, version, whole};
use super::files::{name, text, unpadded};
use super::{LayoutError, Misfit, Reading, SourceFile};
use crate::origin::Origin;

const EXPECTED: &str = "V or U, a number, two underscores and a name, for example V1__create_users.sql";

/// Files with versions are also Flyway's.
pub(super) fn looks(looks: &Looks<'_>) -> bool {
    let ours = looks.sql().any(|file| parts(name(&file.path), ".sql").is_some());
    ours && (is_ours(looks) || !super::flyway::is_ours(looks))
}

/// Whether something speaks for refinery and not for Flyway.
pub(super) fn is_ours(looks: &Looks<'_>) -> bool {
    let names = || looks.sql().filter_map(|file| parts(name(&file.path), ".sql"));
    let versioned = |number: &str| names().any(|(kind, other, _)| kind == "V" && other == number);
    let unversioned = names().any(|(kind, number, _)| kind == "U" && !versioned(number));
    let rust = looks.files.iter().any(|file| parts(name(&file.path), ".rs").is_some());
    unversioned || rust || looks.has("refinery.toml")
}

/// The letter, the number and the title.
fn parts<'a>(name: &'a str, ending: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (head, title) = name.strip_suffix(ending)?.split_once("__")?;
    let (kind, number) = (head.get(..1)?, head.get(1..)?);
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let digits = !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit());
    let fits = matches!(kind, "V" | "U") && digits && !title.is_empty() && title.chars().all(word);
    fits.then_some((kind, number, title))
}

pub(super) fn read(files: &[SourceFile]) -> Reading {
    let mut reading = Reading::default();
    for file in files {
        let file_name = name(&file.path);
        if parts(file_name, ".rs").is_some() {
            let what = Misfit::Refused { what: "a migration in Rust".to_owned(), instead: "write it as SQL" };
            reading.errors.push(LayoutError::file(&file.path, what));
        } else if let Some((_, number, title)) = parts(file_name, ".sql") {
            reading.add(entry(file, number, title).map_err(|error| vec![error]));
        } else if file_name.ends_with(".sql") {
            reading.errors.push(LayoutError::file(&file.path, Misfit::BadName { expected: EXPECTED }));
        }
    }
    reading.migrations.sort_by(|a, b| a.version.cmp(&b.version));
    reading.refuse_twins("number", by_number);
    reading.or_nothing("V1__name.sql")
}

fn entry(file: &SourceFile, number: &str, title: &str) -> Result<Entry, LayoutError> {
    let bad_name = |_| LayoutError::file(&file.path, Misfit::BadName { expected: EXPECTED });
    let value: i64 = number.parse().map_err(bad_name)?;
    let version = version(number, &file.path, EXPECTED)?;
    let (checksum, wide) =
        (checksum::refinery(title, value, text(file)?), checksum::refinery_wide(title, value, text(file)?));
    let more = if wide == checksum { BTreeMap::new() } else { [("checksum_wide".to_owned(), wide)].into() };
    let origin = Origin { checksum: Some(checksum), more, ..origin(unpadded(number), title, &file.path) };
    Ok(Entry { version, name: title.to_owned(), up: whole(file)?, down: None, repeatable: false, origin })
}
