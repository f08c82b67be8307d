//! A mistake in a file, with the line it is in.

use std::path::Path;

use crate::migrations::SqlMistake;

/// Longest part of a line that is shown; a longer one is shown around its mistake.
const SHOWN: usize = 100;

/// `file:line:column: what is wrong`, the line, and a caret under the place.
pub(crate) fn snippet(mistake: &SqlMistake) -> String {
    let Some((position, line)) = &mistake.place else {
        return format!("{}: {}", mistake.path.display(), mistake.message);
    };
    at_place(&mistake.path, (position.line.into(), position.column.into(), line), &mistake.message)
}

/// The same of any file; the place is a line, a column, both from 1, and the text of the line.
pub(super) fn at_place(path: &Path, (number, position, line): (u64, u64, &str), message: &str) -> String {
    let path = path.display();
    let number = number.to_string();
    let column = usize::try_from(position).unwrap_or(usize::MAX).saturating_sub(1);
    let skipped = column.saturating_sub(SHOWN / 2).min(line.chars().count().saturating_sub(SHOWN));
    let shown: String = line.chars().skip(skipped).take(SHOWN).map(blank_for_tab).collect();
    let caret = column.saturating_sub(skipped).min(shown.chars().count());
    let margin = " ".repeat(number.len());
    format!("{path}:{number}:{position}: {message}\n{number} | {shown}\n{margin} | {:caret$}^", "")
}

/// A tab has no width of its own: one blank keeps the caret under its character.
const fn blank_for_tab(character: char) -> char {
    if character == '\t' { ' ' } else { character }
}

#[cfg(test)]
mod tests {
    use pgbelay_core::Position;

    use super::*;

    fn check(line: &str, column: u32, expected: &str) {
        let place = Some((Position { line: 12, column }, line.to_owned()));
        let mistake = SqlMistake { path: "m/001_a.sql".into(), message: "wrong".into(), place };
        let expected = format!("m/001_a.sql:12:{column}: wrong\n{expected}");
        assert_eq!(snippet(&mistake), expected);
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        check("\tñ TABEL", 4, "12 |  ñ TABEL\n   |    ^");
        check("abc", 9, "12 | abc\n   |    ^");
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let line = format!("{}X{}", "a".repeat(300), "b".repeat(300));
        let (before, after) = ("a".repeat(50), "b".repeat(49));
        check(&line, 301, &format!("12 | {before}X{after}\n   | {:50}^", ""));
    }
}
