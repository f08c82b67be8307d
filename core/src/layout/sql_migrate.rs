//! sql-migrate: one file for each migration, with `-- +migrate Up` and perhaps `-- +migrate Down`. A migration is known
//! by the name of its file; the order is that of the numbers in front, then that of the names.

use super::comments::{Section, Sections, directives};
use super::detect::Looks;
use super::entry::{Entry, Part, origin, version};
use super::files::{digits, is_top, text, unpadded};
use super::{LayoutError, Misfit, Reading, SourceFile};
use crate::plan::Direction;

const EXPECTED: &str = "a name without spaces, for example 20240131120000-create_users.sql";
const UP: &str = "-- +migrate Up";
const DOWN: &str = "-- +migrate Down";
const KNOWN: &str = "Up and Down, each with or without notransaction, StatementBegin and StatementEnd";

pub(super) fn looks(looks: &Looks<'_>) -> bool {
    looks.sql_migrate
}

pub(super) fn read(files: &[SourceFile]) -> Reading {
    let mut reading = Reading::default();
    let mut ours: Vec<_> =
        files.iter().filter(|file| is_top(&file.path) && file.path.ends_with(".sql")).collect();
    ours.sort_by_cached_key(|file| place(&file.path));
    for file in ours {
        reading.add(entry(file));
    }
    reading.or_nothing("20240131120000-name.sql")
}

/// Numbers come first, in their order; then the rest, by name.
fn place(path: &str) -> (bool, usize, String, &str) {
    let (number, _) = digits(path);
    let short = unpadded(number);
    (number.is_empty(), short.len(), short, path)
}

fn entry(file: &SourceFile) -> Result<Entry, Vec<LayoutError>> {
    let stem = file.path.strip_suffix(".sql").unwrap_or(&file.path);
    let version = version(stem, &file.path, EXPECTED).map_err(|error| vec![error])?;
    let text = text(file).map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    let sections = sections(file, text, &mut errors);
    let Some(up) = sections.up.filter(|_| errors.is_empty()) else {
        if sections.up.is_none() {
            let what = Misfit::NoSection { marker: UP, why: "sql-migrate runs what stands below it" };
            errors.push(LayoutError::file(&file.path, what));
        }
        return Err(errors);
    };
    let part = |section: Section| Part {
        sql: section.text(text),
        autocommit: section.autocommit,
        file: file.path.clone(),
    };
    let (_, rest) = digits(stem);
    let name = rest.trim_start_matches(['-', '_']).to_owned();
    let origin = origin(&*file.path, &*name, &file.path);
    let (up, down) = (part(up), sections.down.map(part));
    Ok(Entry { version, name, up, down, repeatable: false, origin })
}

fn sections(file: &SourceFile, text: &str, errors: &mut Vec<LayoutError>) -> Sections {
    let mut sections = Sections::default();
    for directive in directives(text, "+migrate") {
        let mut words = directive.words.split_whitespace();
        let begun = match words.next() {
            Some("Up") => sections.begin(Direction::Up, UP, (&directive, text)),
            Some("Down") => sections.begin(Direction::Down, DOWN, (&directive, text)),
            Some("StatementBegin" | "StatementEnd") => Ok(()),
            Some(_) | None => Err(unknown(directive.words)),
        };
        let options = words.map(|word| match word {
            "notransaction" => {
                sections.mark();
                Ok(())
            }
            word => Err(unknown(word)),
        });
        let wrong = std::iter::once(begun).chain(options.collect::<Vec<_>>()).filter_map(Result::err);
        errors.extend(wrong.map(|what| LayoutError::line(&file.path, directive.line.number, what)));
    }
    sections
}

fn unknown(words: &str) -> Misfit {
    Misfit::Unknown { directive: format!("+migrate {}", words.trim()), known: KNOWN }
}
