//! A picture that is drawn over itself at the bottom of a terminal; what is written above it stays.
//!
//! No alternate screen: what was said before, and a program that is killed, leave the terminal as it should be.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::harmless;
use super::text::{Tone, paint};

/// How much room a picture has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Columns.
    pub(crate) width: usize,
    /// Lines.
    pub(crate) height: usize,
}

/// A line and what it means. What it says is cut to the room.
pub(crate) type Line = (Tone, String);

/// What stands there now.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// The lines, as they were cut.
    drawn: Vec<String>,
}

impl Live {
    /// What to write to have these lines in the place of the ones before. The last line of the room stays free: the
    /// cursor stands there.
    pub(crate) fn draw(&mut self, lines: &[Line], room: Room, colour: bool) -> String {
        let mut text = self.clear(room);
        for (tone, line) in lines.iter().take(room.height.saturating_sub(1)) {
            let line = cut(line, room.width);
            text.push_str(&if colour { paint(*tone, &line) } else { line.clone() });
            text.push('\n');
            self.drawn.push(line);
        }
        text
    }

    /// What to write to have nothing there. A terminal that has become narrower since has broken its lines.
    pub(crate) fn clear(&mut self, room: Room) -> String {
        let rows = self.drawn.drain(..).map(|line| rows(&line, room.width)).sum::<usize>();
        let rows = rows.min(room.height.saturating_sub(1));
        if rows == 0 { String::new() } else { format!("\r\u{1b}[{rows}A\u{1b}[J") }
    }
}

/// How many rows a line has on a terminal that breaks it: a character of two columns is not broken.
fn rows(line: &str, width: usize) -> usize {
    let (mut rows, mut used) = (1, 0);
    for columns in line.chars().filter_map(UnicodeWidthChar::width) {
        if used + columns > width.max(1) && used > 0 {
            (rows, used) = (rows + 1, 0);
        }
        used += columns;
    }
    rows
}

/// The first line of a text as far as it fits into so many columns, without what could steer a terminal.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let line = harmless(text.lines().next().unwrap_or_default(), false);
    if line.width() <= width {
        return line.into_owned();
    }
    let Some(room) = width.checked_sub(1) else { return String::new() };
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or_default();
        used <= room
    };
    line.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room { width: 10, height: 4 };

    fn lines(texts: &[&str]) -> Vec<Line> {
        texts.iter().map(|text| (Tone::Plain, (*text).to_owned())).collect()
    }

    #[test]
    fn a_picture_takes_the_place_of_the_one_before() {
        let mut live = Live::default();
        assert_eq!(live.draw(&lines(&["one", "two"]), ROOM, false), "one\ntwo\n");
        assert_eq!(live.draw(&lines(&["three"]), ROOM, false), "\r\u{1b}[2A\u{1b}[Jthree\n");
        assert_eq!(live.clear(ROOM), "\r\u{1b}[1A\u{1b}[J");
        assert_eq!(live.clear(ROOM), "");
    }

    #[test]
    fn it_never_leaves_its_room() {
        let mut live = Live::default();
        let text = live.draw(&lines(&["a line that is too long", "2", "3", "4", "5"]), ROOM, false);
        assert_eq!(text, "a line th…\n2\n3\n");
        // Half as wide, the first line has two rows.
        assert_eq!(live.clear(Room { width: 5, height: 24 }), "\r\u{1b}[4A\u{1b}[J");
    }

    #[test]
    fn a_character_may_take_two_columns() {
        for (text, width, expected) in [
            ("数据库 orders", 20, "数据库 orders"),
            ("数据库 orders", 6, "数据…"),
            ("数据库", 6, "数据库"),
            ("🚀🚀🚀", 4, "🚀…"),
            ("e\u{301}tat", 4, "e\u{301}tat"),
            ("数", 1, "…"),
        ] {
            assert_eq!(cut(text, width), expected, "{width}");
        }
        let mut live = Live::default();
        assert_eq!(live.draw(&lines(&["数据库数据库"]), ROOM, false), "数据库数…\n");
        // Of five columns, two characters of two take four: 数据, 库数, ….
        assert_eq!(live.clear(Room { width: 5, height: 24 }), "\r\u{1b}[2A\u{1b}[J");
        live.draw(&lines(&["数据库数据"]), ROOM, false);
        assert_eq!(live.clear(Room { width: 5, height: 24 }), "\r\u{1b}[3A\u{1b}[J");
    }

    #[test]
    fn a_line_cannot_steer_the_terminal() {
        assert_eq!(cut("a\u{1b}[2Jb\nc", 80), "a\\u{1b}[2Jb");
        assert_eq!(cut("abc", 0), "");
    }
}
