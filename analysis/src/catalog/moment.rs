//! Dates and moments as texts: what they mean, in one form. Only the form in which a server prints them, and what is close
//! to it.

/// A moment in one form: a day alone for its first moment, and that of UTC where a zone is written.
pub(super) fn plain(text: &str) -> Option<String> {
    let (at, offset) = moment(text)?;
    let at = at - offset.unwrap_or(0);
    let (days, rest) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    let (year, month, day) = date(days);
    let date = format!("{year:04}-{month:02}-{day:02}");
    if rest == 0 {
        return Some(date);
    }
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    let fraction = fraction.trim_end_matches('0');
    Some(format!("{date} {:02}:{:02}:{:02}{fraction}", seconds / 3_600, seconds / 60 % 60, seconds % 60))
}

/// Microseconds.
const DAY: i64 = 86_400_000_000;

/// `2024-01-31`, with a time of day and the offset of a zone if it has them, in microseconds.
pub(crate) fn moment(text: &str) -> Option<(i64, Option<i64>)> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.splitn(3, '-');
    let (year, month, day) = (digits(parts.next()?)?, digits(parts.next()?)?, digits(parts.next()?)?);
    let days = days(year, month, day)?;
    let midnight = days * 86_400;
    if rest.is_empty() {
        return Some((midnight * 1_000_000, None));
    }
    let rest = rest.strip_prefix([' ', 'T'])?;
    let zone = rest.find(['+', '-', 'Z', ' ']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(zone)?;
    Some((midnight * 1_000_000 + time_of_day(time)?, offset(zone.trim())?))
}

fn time_of_day(text: &str) -> Option<i64> {
    let (time, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut seconds = 0;
    for (at, part) in time.split(':').enumerate() {
        seconds += digits(part)? * [3_600, 60, 1].get(at)?;
    }
    let micros = format!("{fraction:0<6}");
    Some(seconds * 1_000_000 + digits(micros.get(..6)?)?)
}

/// The offset of a zone, `None` inside for none written.
fn offset(text: &str) -> Option<Option<i64>> {
    if text.is_empty() {
        return Some(None);
    }
    if ["Z", "UTC", "GMT"].contains(&text) {
        return Some(Some(0));
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let seconds = time_of_day(text.strip_prefix(['+', '-'])?)?;
    Some(Some(sign * seconds))
}

fn digits(text: &str) -> Option<i64> {
    let digits = matches!(text.len(), 1..=6) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// Days since the first of March of the year 0.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(
        365 * year + year.div_euclid(4) - year.div_euclid(100)
            + year.div_euclid(400)
            + (153 * month + 2) / 5
            + day,
    )
}

/// The day that [`days`] counts so.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days - 1;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let year = year + era * 400;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn one_form_for_each_moment() {
        let same = [
            ("2024-01-31", "2024-01-31"),
            ("2024-02-29 00:00:00", "2024-02-29"),
            ("2000-03-01T00:00:00Z", "2000-03-01"),
            ("2023-12-31 23:30:05.25", "2023-12-31 23:30:05.25"),
            ("2024-01-01 00:00+01", "2023-12-31 23:00:00"),
            ("2023-12-31 20:30-03:30", "2024-01-01"),
            ("1969-12-31 24:00 UTC", "1970-01-01"),
        ];
        for (written, form) in same {
            assert_eq!(plain(written).as_deref(), Some(form), "{written}");
        }
        for other in [
            "2024-13-01",
            "2024-01-01 noon",
            "2024-01-01x",
            "20240101",
            "2024-01-01 10:00 Europe/Berlin",
            "2024-01-01 9999999999999999999",
        ] {
            assert_eq!(plain(other), None, "{other}");
        }
    }
}
