//! Lines of a file with what is meant underlined.

use std::ops::Range;

use annotate_snippets::renderer::{AnsiColor, Effects, Style};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use pgbelay_analysis::Position;

use super::super::text::Tone;

/// What stands before the source: the indent, the line's number, the frame of several lines.
const GUTTER: usize = 12;
const INDENT: usize = 2;
/// The least that is underlined of a line that does not fit.
const LEAST_MARKED: usize = 8;
/// Most lines of a statement that are shown.
const MAX_LINES: usize = 6;
/// Most bytes of the file that are looked at, and the most before the place in its line.
const MAX_BYTES: usize = 4096;
const MAX_BEFORE: usize = 512;

const FAINT: Style = Style::new().effects(Effects::DIMMED);
const BAD: Style = AnsiColor::Red.on_default();
const WARN: Style = AnsiColor::Yellow.on_default();
const OTHER: Style = AnsiColor::Cyan.on_default();

/// The lines of a statement, the first ones of a long one; the first alone where several do not fit, because only a
/// single line is cut to the width.
pub(super) fn statement(text: &str, span: Range<usize>, at: Position, tone: Tone, width: usize) -> String {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.floor_char_boundary(span.end.clamp(start, text.len()));
    let wanted = &text[start..end];
    let room = width.saturating_sub(GUTTER);
    let fits = wanted.lines().take(MAX_LINES).all(|line| line.chars().count() <= room);
    let lines = if fits { MAX_LINES } else { 1 };
    let shown = wanted.match_indices('\n').nth(lines - 1).map_or(wanted.len(), |(at, _)| at);
    let shown = wanted.floor_char_boundary(shown.min(MAX_BYTES));
    draw(text, start..start + wanted[..shown].trim_end().len(), at.line, tone, width)
}

/// One place in a line.
pub(super) fn fault(text: &str, at: Position, width: usize) -> String {
    let (line, column) = (at.line as usize, at.column as usize);
    let Some(found) = text.split('\n').nth(line.saturating_sub(1)) else { return String::new() };
    let before: usize = text.split('\n').take(line.saturating_sub(1)).map(|line| line.len() + 1).sum();
    let within = found.char_indices().nth(column.saturating_sub(1)).map_or(found.len(), |(at, _)| at);
    let place = before + within;
    let word = text[place..].chars().take_while(|c| c.is_alphanumeric() || *c == '_');
    let length: usize = word.map(char::len_utf8).sum();
    draw(text, place..place + length.clamp(0, MAX_BYTES), at.line, Tone::Bad, width)
}

/// Only the part around the place is handed on: the work does not grow with the file.
fn draw(text: &str, span: Range<usize>, line: u32, tone: Tone, width: usize) -> String {
    let line_start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let from = text.ceil_char_boundary(line_start.max(span.start.saturating_sub(MAX_BEFORE)));
    let until = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at);
    let until = text.floor_char_boundary(until.min(span.end + MAX_BEFORE));
    let source = &text[from..until];
    if source.trim().is_empty() {
        return String::new();
    }
    let span = span.start..fitting(text, line_start, &span, width);
    let annotation = AnnotationKind::Primary.span(span.start - from..span.end - from);
    let snippet = Snippet::source(source).line_start(line as usize).annotation(annotation);
    let group = Group::with_level(Level::ERROR).element(snippet);
    let drawn = renderer(tone).term_width(width.saturating_sub(INDENT)).render(&[group]);
    drawn.lines().map(|line| format!("  {line}\n")).collect()
}

/// The end of what is underlined in a line that does not fit: lines are cut only beside what is underlined.
fn fitting(text: &str, line_start: usize, span: &Range<usize>, width: usize) -> usize {
    let marked = &text[span.clone()];
    let before = text[line_start..span.start].chars().count();
    let room = width.saturating_sub(GUTTER).saturating_sub(before).max(LEAST_MARKED);
    if marked.contains('\n') {
        return span.end;
    }
    marked.char_indices().nth(room).map_or(span.end, |(at, _)| span.start + at)
}

fn renderer(tone: Tone) -> Renderer {
    let marks = match tone {
        Tone::Bad => BAD,
        Tone::Warn => WARN,
        Tone::Faint => FAINT,
        Tone::Plain | Tone::Good | Tone::Strong => OTHER,
    };
    Renderer::styled().error(marks).line_num(FAINT).context(FAINT).emphasis(Style::new())
}
