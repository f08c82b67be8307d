//! Small texts: colours, counts, sizes, times, broken lines.

use std::fmt::Write as _;
use std::time::Duration;

use unicode_width::UnicodeWidthStr as _;

/// What a text means, which is what gives it its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing special.
    Plain,
    /// As it should be.
    Good,
    /// To be looked at.
    Warn,
    /// Wrong, or dangerous.
    Bad,
    /// Less important.
    Faint,
    /// A heading.
    Strong,
}

/// The text in the colour of its tone.
pub(crate) fn paint(tone: Tone, text: &str) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Good => "32",
        Tone::Warn => "33",
        Tone::Bad => "31",
        Tone::Faint => "2",
        Tone::Strong => "1",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// The tone of a risk.
pub(crate) fn risk(level: &str) -> Tone {
    match level {
        "low" => Tone::Good,
        "medium" => Tone::Warn,
        "high" => Tone::Bad,
        _ => Tone::Plain,
    }
}

/// `1 database`, `3 databases`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Says that a list is not all there is, and how to see the rest; nothing where it is.
pub(crate) fn left_off(more: u32, how: &str) -> String {
    if more == 0 { String::new() } else { format!("\n{more} more are not shown: {how}.\n") }
}

/// The first twelve digits of a digest: enough to tell releases apart by eye.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// `12ms`, `1.2s`, `3m 20s`, `2h 5m`.
pub(crate) fn took(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..60 => format!("{:.1}s", time.as_secs_f64()),
        60..3600 if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// The same of a number of milliseconds.
pub(crate) fn took_ms(milliseconds: i64) -> String {
    took(Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)))
}

/// A moment of the wire, to the minute; one that cannot be read stays as it is.
pub(crate) fn moment(rfc3339: &str) -> String {
    match rfc3339.parse::<jiff::Timestamp>() {
        Ok(moment) => moment.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => rfc3339.to_owned(),
    }
}

/// Breaks a text into lines of at most `width` columns; the second and later ones are indented under the first.
pub(crate) fn wrap(text: &str, indent: usize, width: usize) -> String {
    let room = width.saturating_sub(indent).max(20);
    let mut wrapped = String::new();
    for paragraph in text.lines() {
        let mut used = 0;
        for word in paragraph.split_whitespace() {
            let length = visible(word);
            if used > 0 && used + 1 + length > room {
                let _ = write!(wrapped, "\n{:indent$}", "");
                used = 0;
            }
            if used > 0 {
                wrapped.push(' ');
                used += 1;
            }
            wrapped.push_str(word);
            used += length;
        }
        let _ = write!(wrapped, "\n{:indent$}", "");
    }
    wrapped.trim_end().to_owned()
}

/// How many columns are taken: colour takes no room, and some characters take two.
pub(super) fn visible(text: &str) -> usize {
    super::harmless(text, false).width()
}

/// `label    text`, the text broken and indented under itself.
pub(crate) fn entry(label: &str, text: &str, width: usize) -> String {
    const LABEL: usize = 11;
    format!("{} {}\n", paint(Tone::Strong, &format!("{label:<LABEL$}")), wrap(text, LABEL + 1, width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(
            [0, 999, 1_200, 60_000, 200_000, 7_500_000, -1].map(took_ms),
            ["0ms", "999ms", "1.2s", "1m", "3m 20s", "2h 5m", "0ms"]
        );
        assert_eq!(moment("2026-07-29T10:00:59.123Z"), "2026-07-29 10:00 UTC");
        assert_eq!(moment("soon"), "soon");
        assert_eq!(moment(""), "");
    }

    #[test]
    fn prose_is_broken_between_words() {
        assert_eq!(wrap("one two three four five six", 2, 22), "one two three four\n  five six");
        assert_eq!(wrap("a\nb", 2, 40), "a\n  b");
        assert_eq!(wrap("averyveryverylongwordthatdoesnotfit", 0, 10), "averyveryverylongwordthatdoesnotfit");
        assert_eq!(wrap("", 2, 40), "");
    }
}
