//! What stands behind the name of a changeset.

use super::changeset::Changeset;
use super::refused;
use crate::layout::{LayoutError, Misfit};

const KNOWN: &str = "splitStatements, endDelimiter, rollbackSplitStatements, rollbackEndDelimiter, stripComments, \
                     runInTransaction, runOnChange, dbms, failOnError, ignore, logicalFilePath and created";

/// What counts of them.
#[derive(Debug, Default)]
pub(super) struct Attributes<'a> {
    pub(super) autocommit: bool,
    pub(super) repeatable: bool,
    /// What ends a statement, if it is not `;`.
    pub(super) delimiter: Option<&'a str>,
    pub(super) rollback_delimiter: Option<&'a str>,
    pub(super) logical_path: Option<&'a str>,
    skipped: bool,
}

impl Attributes<'_> {
    /// Whether Liquibase would run the changeset on PostgreSQL.
    pub(super) const fn runs(&self) -> bool {
        !self.skipped
    }
}

pub(super) fn read<'a>(path: &str, changeset: &Changeset<'a>) -> Result<Attributes<'a>, Vec<LayoutError>> {
    let (mut attributes, mut errors) = (Attributes::default(), Vec::new());
    for (key, value) in &changeset.attributes {
        errors.extend(
            attributes.take(key, value).err().map(|what| LayoutError::line(path, changeset.line, what)),
        );
    }
    // What never runs here may be what it likes.
    if attributes.skipped {
        return Ok(attributes);
    }
    errors.extend(changeset.not_run(path));
    if errors.is_empty() { Ok(attributes) } else { Err(errors) }
}

impl<'a> Attributes<'a> {
    fn take(&mut self, key: &str, value: &'a str) -> Result<(), Misfit> {
        let is = |word: &str| value.eq_ignore_ascii_case(word);
        let refused =
            |instead| Err(Misfit::Refused { what: format!("a changeset with {key}:{value}"), instead });
        match key.to_ascii_lowercase().as_str() {
            "runintransaction" => self.autocommit = is("false"),
            "runonchange" => self.repeatable = is("true"),
            "enddelimiter" => self.delimiter = delimiter(value),
            "rollbackenddelimiter" => self.rollback_delimiter = delimiter(value),
            "logicalfilepath" => self.logical_path = Some(value),
            "ignore" => self.skipped |= is("true"),
            "dbms" => self.skipped |= !for_postgres(value),
            "splitstatements" | "rollbacksplitstatements" | "stripcomments" | "created" => {}
            "runalways" if !is("true") => {}
            "runalways" => return refused("say runOnChange:true, so that it runs when it changes"),
            "failonerror" if is("true") => {}
            "failonerror" => {
                return refused("a migration that fails stops the run; write SQL that does not fail");
            }
            "context" | "contexts" | "contextfilter" | "labels" => {
                return refused(
                    "there are no contexts; put it into a directory of its own, or remove the attribute",
                );
            }
            _ => return Err(Misfit::Unknown { directive: format!("{key}:{value}"), known: KNOWN }),
        }
        Ok(())
    }
}

fn delimiter(value: &str) -> Option<&str> {
    let short = value.trim_start_matches("\\n").trim();
    (!short.is_empty() && short != ";").then_some(short)
}

fn for_postgres(dbms: &str) -> bool {
    let mut words = dbms.split(',').map(str::trim).filter(|word| !word.is_empty()).peekable();
    let only_not = words.clone().all(|word| word.starts_with('!'));
    let named = |word: &str| word.eq_ignore_ascii_case("postgresql") || word.eq_ignore_ascii_case("all");
    match (words.peek().is_none(), only_not) {
        (true, _) => true,
        (false, true) => words.all(|word| !named(word.trim_start_matches('!').trim())),
        (false, false) => words.any(named),
    }
}

impl Changeset<'_> {
    /// What of its lines cannot be run.
    fn not_run(&self, path: &str) -> Vec<LayoutError> {
        let mut errors: Vec<_> = self
            .refused
            .iter()
            .map(|(line, what, instead)| refused(path, *line, what.clone(), instead))
            .collect();
        errors.extend(self.parameters().map(|(line, name)| {
            refused(path, line, format!("the parameter {name}"), "write its value into the file")
        }));
        errors
    }
}
