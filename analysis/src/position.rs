//! Where something is in a file, as an editor shows it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in a file. Both numbers start at 1; columns count characters, not bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The character in the line, from 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl Position {
    /// The place of the character at byte `offset` of `text`.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        Cursor::new(text).advance_to(offset)
    }
}

/// The line of `text` that holds byte `offset`, cut to what fits a message.
pub(crate) fn line_at(text: &str, offset: usize) -> String {
    const SHOWN: usize = 160;
    let offset = text.floor_char_boundary(offset.min(text.len()));
    let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next().unwrap_or_default().trim();
    line.chars().take(SHOWN).collect()
}

/// Turns ascending byte offsets into positions in one pass over the text.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    offset: usize,
    position: Position,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, offset: 0, position: Position { line: 1, column: 1 } }
    }

    /// Offsets must not go back; one that does gives the last position again.
    pub(crate) fn advance_to(&mut self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset.min(self.text.len()));
        for character in self.text.get(self.offset..offset).unwrap_or_default().chars() {
            if character == '\n' {
                self.position.line = self.position.line.saturating_add(1);
                self.position.column = 1;
            } else {
                self.position.column = self.position.column.saturating_add(1);
            }
        }
        self.offset = self.offset.max(offset);
        self.position
    }
}

#[cfg(test)]
mod tests {
    use super::{Position, line_at};

    #[test]
    fn columns_count_characters() {
        let text = "é = 1;\r\nñandú x";
        let at = |needle: &str| Position::of(text, text.find(needle).unwrap_or_default());
        assert_eq!(at("=").to_string(), "line 1, column 3");
        assert_eq!(at("x").to_string(), "line 2, column 7");
        assert_eq!(Position::of(text, 10_000).to_string(), "line 2, column 8");
        assert_eq!(line_at(text, 0), "é = 1;");
        assert_eq!(line_at(text, text.len()), "ñandú x");
    }
}
