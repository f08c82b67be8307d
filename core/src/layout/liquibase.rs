//! Liquibase's formatted SQL: changesets, in the order in which they stand; of files, in the order in which a changelog
//! includes them, else in that of their paths.

use super::checksum;
use super::detect::Looks;
use super::entry::{Entry, Part, by_text, version};
use super::files::text;
use super::{LayoutError, Misfit, Reading, SourceFile};
use crate::migration::Version;
use crate::origin::Origin;

mod attributes;
mod changelog;
mod changeset;

use attributes::Attributes;
use changeset::Changeset;

const EXPECTED: &str = "author:id, of which neither is empty";

pub(super) fn looks(looks: &Looks<'_>) -> bool {
    looks.liquibase
}

/// A changeset, the file that it is in, and what is known of it.
struct Found<'a> {
    file: &'a SourceFile,
    changeset: Changeset<'a>,
    attributes: Attributes<'a>,
}

impl Found<'_> {
    fn short(&self) -> String {
        unspaced(&format!("{}:{}", self.changeset.author, self.changeset.id))
    }
}

/// A version has no spaces; the name of an author may.
fn unspaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join("_")
}

pub(super) fn read(files: &[SourceFile]) -> Reading {
    let mut reading = Reading::default();
    let mut found = Vec::new();
    for file in changelog::in_order(files, &mut reading.errors) {
        let changesets = match text(file) {
            Ok(text) => changeset::all(&file.path, text),
            Err(error) => Err(vec![error]),
        };
        match changesets {
            Ok(changesets) => {
                for changeset in changesets {
                    match attributes::read(&file.path, &changeset) {
                        Ok(attributes) if !attributes.runs() => {}
                        Ok(attributes) => found.push(Found { file, changeset, attributes }),
                        Err(errors) => reading.errors.extend(errors),
                    }
                }
            }
            Err(errors) => reading.errors.extend(errors),
        }
    }
    for one in &found {
        // With the file, as Liquibase identifies it: another file with the same pair may come later.
        let name = format!("{}@{}", one.short(), unspaced(filename(one)));
        match version(&name, &one.file.path, EXPECTED) {
            Ok(version) => reading.add(Ok(entry(one, version))),
            Err(error) => reading.errors.push(LayoutError { line: one.changeset.line, ..error }),
        }
    }
    reading.refuse_twins("id", by_text);
    reading.or_nothing("a file that begins with --liquibase formatted sql")
}

/// The name of the file as Liquibase keeps it.
fn filename<'a>(found: &'a Found<'_>) -> &'a str {
    found.attributes.logical_path.unwrap_or(&found.file.path)
}

fn entry(found: &Found<'_>, version: Version) -> Entry {
    let Found { file, changeset, attributes } = found;
    let part = |sql: String| Part { sql, autocommit: attributes.autocommit, file: file.path.clone() };
    let more = [("author", changeset.author), ("filename", filename(found))];
    let origin = Origin {
        id: changeset.id.to_owned(),
        description: "sql".to_owned(),
        script: file.path.clone(),
        checksum: Some(checksum::liquibase(&changeset.hashed())),
        more: more.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
    };
    Entry {
        version,
        name: changeset.id.to_owned(),
        up: part(changeset.up(attributes.delimiter)),
        down: changeset.down(attributes.rollback_delimiter).map(part),
        repeatable: attributes.repeatable,
        origin,
    }
}

/// Something of Liquibase that pgbelay does not have.
fn refused(path: &str, line: u32, what: impl Into<String>, instead: &'static str) -> LayoutError {
    LayoutError::line(path, line, Misfit::Refused { what: what.into(), instead })
}
