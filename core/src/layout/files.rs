//! The text of files, whole or a section of it, and the parts of their names.

use super::{LayoutError, MAX_FILE_BYTES, Misfit, SourceFile};

/// The last part of a path.
pub(super) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// The path of the folder that a file is in; empty: the directory itself.
pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a file is in the directory itself.
pub(super) fn is_top(path: &str) -> bool {
    !path.contains('/')
}

/// A file's text.
pub(super) fn text(file: &SourceFile) -> Result<&str, LayoutError> {
    if file.bytes.len() > MAX_FILE_BYTES {
        return Err(LayoutError::file(&file.path, Misfit::TooLarge { bytes: file.bytes.len() }));
    }
    std::str::from_utf8(&file.bytes)
        .map_err(|error| LayoutError::file(&file.path, Misfit::NotUtf8 { at: error.valid_up_to() }))
}

/// The digits that a name begins with, and what follows them.
pub(super) fn digits(name: &str) -> (&str, &str) {
    let end = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
    name.split_at(end)
}

/// The digits before the first `_` of a name, and what follows it.
pub(super) fn numbered(stem: &str) -> Option<(&str, &str)> {
    let (number, rest) = digits(stem);
    let rest = rest.strip_prefix('_')?;
    (!number.is_empty()).then_some((number, rest))
}

/// A number without leading zeros.
pub(super) fn unpadded(number: &str) -> String {
    match number.trim_start_matches('0') {
        "" => "0".to_owned(),
        short => short.to_owned(),
    }
}

/// A line of a text: its number from 1, where it starts and where the next one does, and what stands in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) number: u32,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) text: &'a str,
}

/// The lines of a text.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0;
    text.split_inclusive('\n').zip(1..).map(move |(line, number)| {
        let begin = start;
        start += line.len();
        Line { number, start: begin, end: start, text: line.trim_end_matches(['\n', '\r']) }
    })
}

/// A part of a text with empty lines for what stands before it: a line of it is the line of the file.
pub(super) fn placed(text: &str, start: usize, end: usize) -> String {
    let before = text.get(..start).unwrap_or_default().bytes().filter(|byte| *byte == b'\n').count();
    let mut part = "\n".repeat(before);
    part.push_str(text.get(start..end).unwrap_or_default());
    part
}
