//! goose: one file for each migration, with `-- +goose Up` and perhaps `-- +goose Down`, in the order of the numbers.

use super::comments::{Section, Sections, directives};
use super::detect::Looks;
use super::entry::{Entry, Part, by_number, origin, version};
use super::files::{is_top, numbered, text, unpadded};
use super::{LayoutError, Misfit, Reading, SourceFile};
use crate::plan::Direction;

const EXPECTED: &str = "a number, an underscore and a name, for example 20240131120000_create_users.sql";
const UP: &str = "-- +goose Up";
const DOWN: &str = "-- +goose Down";
const KNOWN: &str = "Up, Down, StatementBegin, StatementEnd, NO TRANSACTION and ENVSUB OFF";

pub(super) fn looks(looks: &Looks<'_>) -> bool {
    looks.goose
}

pub(super) fn read(files: &[SourceFile]) -> Reading {
    let mut reading = Reading::default();
    for file in files.iter().filter(|file| is_top(&file.path)) {
        if let Some(stem) = file.path.strip_suffix(".go") {
            if numbered(stem).is_some() && !stem.ends_with("_test") {
                let what = Misfit::Refused {
                    what: "a migration in Go".to_owned(),
                    instead: "write it as SQL, or run it with goose before its turn",
                };
                reading.errors.push(LayoutError::file(&file.path, what));
            }
        } else if let Some(stem) = file.path.strip_suffix(".sql") {
            reading.add(entry(file, stem));
        }
    }
    reading.migrations.sort_by(|a, b| a.version.cmp(&b.version));
    reading.refuse_twins("number", by_number);
    reading.or_nothing("20240131120000_name.sql")
}

fn entry(file: &SourceFile, stem: &str) -> Result<Entry, Vec<LayoutError>> {
    let bad_name = || vec![LayoutError::file(&file.path, Misfit::BadName { expected: EXPECTED })];
    let (number, title) =
        numbered(stem).filter(|(number, _)| number.parse::<i64>().is_ok()).ok_or_else(bad_name)?;
    let version = version(number, &file.path, EXPECTED).map_err(|error| vec![error])?;
    let text = text(file).map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    let (sections, autocommit) = sections(file, text, &mut errors);
    let Some(up) = sections.up.filter(|_| errors.is_empty()) else {
        if sections.up.is_none() {
            let what = Misfit::NoSection { marker: UP, why: "goose runs what stands below it" };
            errors.push(LayoutError::file(&file.path, what));
        }
        return Err(errors);
    };
    let part = |section: Section| Part { sql: section.text(text), autocommit, file: file.path.clone() };
    let origin = origin(unpadded(number), title, &file.path);
    let (up, down) = (part(up), sections.down.map(part));
    Ok(Entry { version, name: title.to_owned(), up, down, repeatable: false, origin })
}

fn sections(file: &SourceFile, text: &str, errors: &mut Vec<LayoutError>) -> (Sections, bool) {
    let mut sections = Sections::default();
    let mut autocommit = false;
    for directive in directives(text, "+goose") {
        let words = directive.words.split_whitespace().collect::<Vec<_>>().join(" ");
        let begun = match words.to_ascii_lowercase().as_str() {
            "up" => sections.begin(Direction::Up, UP, (&directive, text)),
            "down" => sections.begin(Direction::Down, DOWN, (&directive, text)),
            "no transaction" => {
                autocommit = true;
                Ok(())
            }
            "statementbegin" | "statementend" | "envsub off" => Ok(()),
            "envsub on" => Err(Misfit::Refused {
                what: "SQL with variables of the environment (ENVSUB ON)".to_owned(),
                instead: "what runs must not depend on who runs it; write the values into the file",
            }),
            _ => Err(Misfit::Unknown { directive: format!("+goose {words}"), known: KNOWN }),
        };
        errors.extend(begun.err().map(|what| LayoutError::line(&file.path, directive.line.number, what)));
    }
    (sections, autocommit)
}
