//! When migrations may be started: windows of a week, by the clock on the wall of a time zone.
//!
//! A window is open by what the clock shows: where an hour is skipped or comes twice, the clock decides. Time is an
//! argument.

use std::fmt;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};
use pgbelay_core::time::Timestamp;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// How many days ahead an opening is looked for: a window of one day in a week may fall into a skipped hour.
const AHEAD: i32 = 15;

/// Windows of a week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    text: String,
    windows: Vec<Window>,
    zone: TimeZone,
}

/// On some days, from one minute of the day to another; until the next day, if that is not later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    days: [bool; 7],
    from: u16,
    to: u16,
}

impl Hours {
    /// Reads windows as in `Mon-Fri 22:00-06:00, Sat-Sun`: days, hours, or both.
    #[must_use]
    pub fn read(text: &str, zone: TimeZone) -> Option<Self> {
        let windows: Option<Vec<_>> = text.split(',').map(window).collect();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(Self { text, windows: windows?, zone })
    }

    /// Whether a run may start.
    #[must_use]
    pub fn are_open(&self, now: Timestamp) -> bool {
        self.local(now).is_some_and(|now| self.covers(&now))
    }

    /// When they open next, as the clock of the time zone shows it.
    #[must_use]
    pub fn next_opening(&self, now: Timestamp) -> Option<String> {
        let now = self.local(now)?;
        let opening = |day: i32, window: &Window| {
            let date = now.date().checked_add(day.days()).ok()?;
            let start = DateTime::from_parts(date, clock(window.from)?).to_zoned(self.zone.clone()).ok()?;
            (window.days[weekday(&start)] && start > now && self.covers(&start)).then_some(start)
        };
        let all =
            (0..AHEAD).flat_map(|day| self.windows.iter().filter_map(move |window| opening(day, window)));
        let first = all.min()?;
        Some(format!("{} {}", first.strftime("%a %Y-%m-%d %H:%M"), self.zone_name()))
    }

    fn local(&self, now: Timestamp) -> Option<Zoned> {
        Some(jiff::Timestamp::from_millisecond(now.0).ok()?.to_zoned(self.zone.clone()))
    }

    fn covers(&self, moment: &Zoned) -> bool {
        let minute = minute(moment.time());
        let (today, yesterday) = (weekday(moment), (weekday(moment) + 6) % 7);
        self.windows.iter().any(|window| {
            let overnight = window.to <= window.from;
            let since = window.days[today] && window.from <= minute && (overnight || minute < window.to);
            since || (overnight && window.days[yesterday] && minute < window.to)
        })
    }

    fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.text, self.zone_name())
    }
}

fn weekday(moment: &Zoned) -> usize {
    usize::try_from(moment.weekday().to_monday_zero_offset()).unwrap_or_default()
}

fn minute(time: Time) -> u16 {
    u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs())
}

fn clock(minute: u16) -> Option<Time> {
    Time::new(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0).ok()
}

fn window(text: &str) -> Option<Window> {
    let words: Vec<_> = text.split_whitespace().collect();
    let (days, times) = match words.as_slice() {
        [one] if one.contains(':') => (None, Some(*one)),
        [one] => (Some(*one), None),
        [first, second] => (Some(*first), Some(*second)),
        _ => return None,
    };
    let days = days.map_or(Some([true; 7]), week)?;
    let (from, to) = times.map_or(Some((0, DAY)), range)?;
    Some(Window { days, from, to })
}

/// `Sat`, `Mon-Fri`, and over the end of the week `Fri-Mon`.
fn week(text: &str) -> Option<[bool; 7]> {
    let day = |name: &str| DAYS.iter().position(|day| name.eq_ignore_ascii_case(day));
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (day(first)?, day(last)?),
        None => (day(text)?, day(text)?),
    };
    let mut days = [false; 7];
    let length = (last + 7 - first) % 7;
    (first..=first + length).for_each(|day| days[day % 7] = true);
    Some(days)
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (time(from)?, time(to)?);
    (from < DAY && from != to && to > 0)
        .then_some((from, to))
        .or((to == 0 && from > 0).then_some((from, DAY)))
}

fn time(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, digits: bool| {
        (digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u16>().ok())?
    };
    let (hour, minute) = (number(hour, matches!(hour.len(), 1 | 2))?, number(minute, minute.len() == 2)?);
    let whole = hour * 60 + minute;
    (minute < 60 && whole <= DAY).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(text: &str) -> Hours {
        Hours::read(text, TimeZone::get("Europe/Berlin").unwrap()).unwrap()
    }

    fn at(utc: &str) -> Timestamp {
        Timestamp(utc.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn windows_are_open_by_the_clock_on_the_wall() {
        let nights = "Mon-Fri 22:00-06:00, Sat-Sun";
        // Winter: one hour ahead of UTC. 2026-11-27 is a Friday.
        for (text, utc, open) in [
            (nights, "2026-11-27T20:59:59Z", false),
            (nights, "2026-11-27T21:00:00Z", true),
            (nights, "2026-11-28T12:00:00Z", true),
            (nights, "2026-11-29T22:59:59Z", true),
            // Monday before six belongs to the night of Sunday, which has none.
            (nights, "2026-11-29T23:00:00Z", false),
            (nights, "2026-12-01T04:59:59Z", true),
            (nights, "2026-12-01T05:00:00Z", false),
            // Summer: two hours ahead.
            (nights, "2026-07-02T19:59:59Z", false),
            (nights, "2026-07-02T20:00:00Z", true),
            ("09:00-17:00", "2026-11-27T08:00:00Z", true),
            ("09:00-17:00", "2026-11-27T16:00:00Z", false),
            ("Fri-Mon", "2026-11-29T12:00:00Z", true),
            ("Fri-Mon", "2026-12-01T12:00:00Z", false),
            ("sat 12:00-24:00", "2026-11-28T22:59:00Z", true),
            ("sat 12:00-00:00", "2026-11-28T23:00:00Z", false),
        ] {
            assert_eq!(hours(text).are_open(at(utc)), open, "{text} at {utc}");
        }
    }

    #[test]
    fn an_hour_that_comes_twice_or_never_is_what_the_clock_shows() {
        // 2026-03-29: 02:00 becomes 03:00. 2026-10-25: 03:00 becomes 02:00. Both are Sundays.
        for (text, utc, open) in [
            ("02:15-02:45", "2026-03-29T00:59:00Z", false),
            ("02:15-02:45", "2026-03-29T01:30:00Z", false),
            ("02:15-02:45", "2026-10-25T00:30:00Z", true),
            ("02:15-02:45", "2026-10-25T01:30:00Z", true),
            ("Sat 22:00-06:00", "2026-03-29T03:59:00Z", true),
            ("Sat 22:00-06:00", "2026-03-29T04:00:00Z", false),
            ("Sat 22:00-06:00", "2026-10-25T04:59:00Z", true),
            ("Sat 22:00-06:00", "2026-10-25T05:00:00Z", false),
        ] {
            assert_eq!(hours(text).are_open(at(utc)), open, "{text} at {utc}");
        }
    }

    #[test]
    fn the_next_opening_is_told() {
        for (text, utc, next) in [
            ("Mon-Fri 22:00-06:00", "2026-11-27T12:00:00Z", "Fri 2026-11-27 22:00 Europe/Berlin"),
            ("Mon-Fri 22:00-06:00", "2026-11-28T12:00:00Z", "Mon 2026-11-30 22:00 Europe/Berlin"),
            ("Sat-Sun, Wed 10:00-11:00", "2026-11-30T12:00:00Z", "Wed 2026-12-02 10:00 Europe/Berlin"),
            ("Fri 10:00-11:00", "2026-11-27T12:00:00Z", "Fri 2026-12-04 10:00 Europe/Berlin"),
            // Skipped on the 29th.
            ("Sun 02:15-02:45", "2026-03-28T12:00:00Z", "Sun 2026-04-05 02:15 Europe/Berlin"),
        ] {
            assert_eq!(hours(text).next_opening(at(utc)).as_deref(), Some(next), "{text} at {utc}");
        }
        assert_eq!(hours("Mon-Fri  22:00-06:00").to_string(), "Mon-Fri 22:00-06:00, Europe/Berlin");
    }

    #[test]
    fn what_is_no_window_is_not_taken() {
        for text in [
            "",
            ",",
            "Mon,",
            "Mo",
            "Mon-",
            "Mon Tue",
            "Mon 22:00",
            "22:00",
            "22-06",
            "25:00-26:00",
            "10:60-11:00",
            "10:00-10:00",
            "24:00-06:00",
            "Mon 1:5-2:00",
            "Mon +1:00-2:00",
            "Mon 10:00-11:00 x",
        ] {
            assert_eq!(Hours::read(text, TimeZone::UTC), None, "{text}");
        }
    }
}
