//! Tables without lines around them, that fit the terminal.
//!
//! When there is too little room, the columns that matter least are left out, and a line says which; what is left
//! is broken inside its cells only where the column is prose.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table, TableStyle,
};

use super::Layout;
use super::text::{Tone, paint, visible, wrap};

/// Between two columns.
const GAP: u16 = 2;
/// The least that a column of prose is broken to.
const LEAST_PROSE: u16 = 24;

/// One column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    kind: Kind,
    /// Left out first: the highest; 0: never.
    rank: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Number,
    Prose,
}

/// The text of a cell, and what it means.
#[derive(Debug, Clone)]
pub(super) struct Word {
    tone: Tone,
    text: String,
}

pub(super) const fn word(title: &'static str) -> Column {
    Column { title, kind: Kind::Word, rank: 0 }
}

pub(super) const fn number(title: &'static str) -> Column {
    Column { title, kind: Kind::Number, rank: 0 }
}

pub(super) const fn prose(title: &'static str) -> Column {
    Column { title, kind: Kind::Prose, rank: 0 }
}

impl Column {
    /// May be left out; the highest rank goes first.
    pub(super) const fn rank(mut self, rank: u8) -> Self {
        self.rank = rank;
        self
    }
}

impl<T: Into<String>> From<T> for Word {
    fn from(text: T) -> Self {
        Self { tone: Tone::Plain, text: text.into() }
    }
}

pub(super) fn toned(tone: Tone, text: impl Into<String>) -> Word {
    Word { tone, text: text.into() }
}

/// The table as lines; every row has one word for each column.
pub(super) fn table(columns: &[Column], rows: &[Vec<Word>], layout: Layout) -> String {
    let widths = widths(columns, rows);
    let (shown, left_out) = fitting(columns, &widths, layout);
    let mut table = Table::new();
    table.force_no_tty().enforce_styling().style_text_only();
    table.load_style(TableStyle::new());
    table.set_header(shown.iter().map(|&at| header(&columns[at])));
    for row in rows {
        table.add_row(shown.iter().map(|&at| cell(&columns[at], &row[at])));
    }
    arrange(&mut table, columns, &widths, &shown, layout);
    let text = table.to_string();
    let mut text: String = text.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    if !left_out.is_empty() {
        let left_out = format!("no room for {}", left_out.join(", "));
        let left_out = wrap(&left_out, 2, layout.prose());
        text.push_str(&format!("{}\n", paint(Tone::Faint, &left_out)));
    }
    text
}

/// The widest text of each column.
fn widths(columns: &[Column], rows: &[Vec<Word>]) -> Vec<u16> {
    let width = |text: &str| text.lines().map(visible).max().unwrap_or(0);
    let of_column = |at: usize| {
        let cells = rows.iter().map(|row| width(&row[at].text)).max().unwrap_or(0);
        u16::try_from(cells.max(columns[at].title.len())).unwrap_or(u16::MAX)
    };
    (0..columns.len()).map(of_column).collect()
}

/// Which columns fit, and the titles of those that do not.
fn fitting(columns: &[Column], widths: &[u16], layout: Layout) -> (Vec<usize>, Vec<&'static str>) {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let Some(limit) = layout.width else { return (shown, Vec::new()) };
    let least = |at: &usize| match columns[*at].kind {
        Kind::Prose => widths[*at].min(LEAST_PROSE),
        Kind::Word | Kind::Number => widths[*at],
    };
    let mut left_out = Vec::new();
    while shown.iter().map(|at| u32::from(least(at) + GAP)).sum::<u32>() > u32::from(limit + GAP) {
        let Some((place, &at)) = shown.iter().enumerate().max_by_key(|(_, at)| columns[**at].rank) else {
            break;
        };
        if columns[at].rank == 0 {
            break;
        }
        shown.remove(place);
        left_out.push(at);
    }
    left_out.sort_unstable();
    (shown, left_out.into_iter().map(|at| columns[at].title).collect())
}

fn arrange(table: &mut Table, columns: &[Column], widths: &[u16], shown: &[usize], layout: Layout) {
    let last = shown.len().saturating_sub(1);
    let total: u32 = shown.iter().map(|at| u32::from(widths[*at] + GAP)).sum();
    let narrow = layout.width.filter(|limit| total > u32::from(limit + GAP));
    match narrow {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    let has_prose = shown.iter().any(|at| columns[*at].kind == Kind::Prose);
    for (place, at) in shown.iter().enumerate() {
        let Some(column) = table.column_mut(place) else { continue };
        column.set_padding((0, if place == last { 0 } else { GAP }));
        if narrow.is_some() && has_prose && columns[*at].kind != Kind::Prose {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

fn header(column: &Column) -> Cell {
    align(Cell::new(column.title).add_attribute(Attribute::Bold), column)
}

fn cell(column: &Column, word: &Word) -> Cell {
    let cell = align(Cell::new(&word.text), column);
    match word.tone {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Warn => cell.fg(Color::DarkYellow),
        Tone::Bad => cell.fg(Color::DarkRed),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
        Tone::Strong => cell.add_attribute(Attribute::Bold),
    }
}

fn align(cell: Cell, column: &Column) -> Cell {
    match column.kind {
        Kind::Number => cell.set_alignment(CellAlignment::Right),
        Kind::Word | Kind::Prose => cell,
    }
}
