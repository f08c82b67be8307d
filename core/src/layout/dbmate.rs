//! dbmate: one file for each migration, with `-- migrate:up` and `-- migrate:down`, in the order of the file names.

use super::comments::{Sections, directives};
use super::detect::Looks;
use super::entry::{Entry, Part, by_text, origin, version};
use super::files::{digits, is_top, text};
use super::scan::is_blank;
use super::{LayoutError, Misfit, Reading, SourceFile};
use crate::plan::Direction;

const EXPECTED: &str = "digits and a name, for example 20240131120000_create_users.sql";
const UP: &str = "-- migrate:up";
const DOWN: &str = "-- migrate:down";

pub(super) fn looks(looks: &Looks<'_>) -> bool {
    looks.dbmate
}

pub(super) fn read(files: &[SourceFile]) -> Reading {
    let mut reading = Reading::default();
    let mut ours: Vec<_> =
        files.iter().filter(|file| is_top(&file.path) && file.path.ends_with(".sql")).collect();
    ours.sort_by(|a, b| a.path.cmp(&b.path));
    for file in ours {
        reading.add(entry(file));
    }
    reading.refuse_twins("number", by_text);
    reading.or_nothing("20240131120000_name.sql")
}

fn entry(file: &SourceFile) -> Result<Entry, Vec<LayoutError>> {
    let stem = file.path.strip_suffix(".sql").unwrap_or(&file.path);
    let (number, rest) = digits(stem);
    let version = version(number, &file.path, EXPECTED).map_err(|error| vec![error])?;
    let text = text(file).map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    let sections = sections(file, text, &mut errors);
    match (sections.up, sections.down) {
        (Some(up), Some(down)) if errors.is_empty() => {
            let part = |section: super::comments::Section| Part {
                sql: section.text(text),
                autocommit: section.autocommit,
                file: file.path.clone(),
            };
            let name = rest.strip_prefix('_').unwrap_or(rest);
            let (up, down) = (part(up), Some(part(down)));
            let origin = origin(number, name, &file.path);
            Ok(Entry { version, name: name.to_owned(), up, down, repeatable: false, origin })
        }
        (up, down) => {
            let missing = |marker, why| LayoutError::file(&file.path, Misfit::NoSection { marker, why });
            if up.is_none() {
                errors.push(missing(UP, "dbmate runs what stands below it"));
            }
            if down.is_none() {
                errors.push(missing(DOWN, "dbmate asks for it; leave it blank if nothing can be taken back"));
            }
            Err(errors)
        }
    }
}

fn sections(file: &SourceFile, text: &str, errors: &mut Vec<LayoutError>) -> Sections {
    let mut sections = Sections::default();
    let mut before = true;
    for directive in directives(text, "migrate:") {
        let mut words = directive.words.split_whitespace();
        let direction = match words.next() {
            Some("up") => Some((Direction::Up, UP)),
            Some("down") => Some((Direction::Down, DOWN)),
            Some(_) | None => None,
        };
        let mut say = |what| errors.push(LayoutError::line(&file.path, directive.line.number, what));
        let unknown = |word: String| Misfit::Unknown {
            directive: word,
            known: "migrate:up and migrate:down, each with or without transaction:false",
        };
        let Some((direction, marker)) = direction else {
            say(unknown(format!("migrate:{}", directive.words.trim())));
            continue;
        };
        if before && !is_blank(text.get(..directive.line.start).unwrap_or_default()) {
            let what = format!("what stands before the first {marker:?}");
            say(Misfit::Refused { what, instead: "dbmate does not take it either; move it below" });
        }
        before = false;
        if let Err(second) = sections.begin(direction, marker, (&directive, text)) {
            say(second);
        }
        for word in words {
            match word {
                "transaction:false" => sections.mark(),
                "transaction:true" => {}
                word => say(unknown(word.to_owned())),
            }
        }
    }
    sections
}
