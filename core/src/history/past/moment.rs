//! The text of a moment, as refinery keeps it: RFC 3339.

use crate::time::Timestamp;

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin with March: the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// A number of exactly so many digits, and what follows it.
fn number(text: &str, digits: usize) -> Option<(i64, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    if !number.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    Some((number.parse().ok()?, rest))
}

/// Minutes east of Greenwich.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, rest) = number(text.strip_prefix(['+', '-'])?, 2)?;
    let (minutes, rest) = number(rest.strip_prefix(':')?, 2)?;
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// The moment that a text names; `None`: it names none.
pub(super) fn rfc3339(text: &str) -> Option<Timestamp> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (hour, rest) = number(rest.strip_prefix(['T', 't', ' '])?, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = number(rest.strip_prefix(':')?, 2)?;
    let fraction = rest.strip_prefix('.').unwrap_or_default();
    let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    let zone = if rest.starts_with('.') { zone } else { rest };
    let digits: String =
        fraction.chars().take_while(char::is_ascii_digit).chain("000".chars()).take(3).collect();
    let milliseconds: i64 = digits.parse().ok()?;
    let fits = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    let minutes = (days(year, month, day) * 24 + hour) * 60 + minute - offset(zone)?;
    fits.then_some(Timestamp((minutes * 60 + second) * 1_000 + milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_to_the_millisecond() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2024-02-29T12:30:15.123456789Z", Some(1_709_209_815_123)),
            ("2024-02-29T12:30:15.5+02:00", Some(1_709_202_615_500)),
            ("2026-11-27T02:00:00-01:30", Some(1_795_750_200_000)),
            ("1999-12-31T23:59:59Z", Some(946_684_799_000)),
            ("2024-13-01T00:00:00Z", None),
            ("2024-01-01T00:00:00", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(rfc3339(text).map(|moment| moment.0), expected, "{text}");
        }
    }
}
