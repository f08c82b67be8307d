//! Files with several sections, which comments begin: dbmate, goose and sql-migrate.

use super::Misfit;
use super::files::{Line, lines, placed};
use crate::plan::Direction;

/// A comment that tells the tool something.
pub(super) struct Directive<'a> {
    pub(super) line: Line<'a>,
    /// What stands behind the prefix.
    pub(super) words: &'a str,
}

/// The comments that begin with a prefix.
pub(super) fn directives<'a>(text: &'a str, prefix: &'static str) -> impl Iterator<Item = Directive<'a>> {
    lines(text).filter_map(move |line| {
        let words = line.text.trim_start().strip_prefix("--")?.trim_start().strip_prefix(prefix)?;
        Some(Directive { line, words })
    })
}

/// The SQL below a comment, up to the next.
#[derive(Clone, Copy)]
pub(super) struct Section {
    first: u32,
    start: usize,
    end: usize,
    pub(super) autocommit: bool,
}

impl Section {
    pub(super) fn text(self, file: &str) -> String {
        placed(file, self.start, self.end)
    }
}

/// The sections of a file.
#[derive(Default)]
pub(super) struct Sections {
    pub(super) up: Option<Section>,
    pub(super) down: Option<Section>,
    open: Option<Direction>,
}

impl Sections {
    /// A comment begins a section, which ends the one before it.
    pub(super) fn begin(
        &mut self,
        direction: Direction,
        marker: &'static str,
        (directive, whole): (&Directive<'_>, &str),
    ) -> Result<(), Misfit> {
        if let Some(open) = self.open
            && let Some(section) = self.slot(open).as_mut()
        {
            section.end = directive.line.start;
        }
        let section = Section {
            first: directive.line.number,
            start: directive.line.end,
            end: whole.len(),
            autocommit: false,
        };
        self.open = Some(direction);
        match self.slot(direction) {
            Some(known) => Err(Misfit::SecondSection { marker, first: known.first }),
            slot => {
                *slot = Some(section);
                Ok(())
            }
        }
    }

    fn slot(&mut self, direction: Direction) -> &mut Option<Section> {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    /// The section that the last comment began runs outside of a transaction.
    pub(super) fn mark(&mut self) {
        if let Some(direction) = self.open
            && let Some(section) = self.slot(direction).as_mut()
        {
            section.autocommit = true;
        }
    }
}
