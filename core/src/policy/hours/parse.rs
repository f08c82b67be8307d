//! How hours are written: `days: mon-fri`, `from: "22:00"`, `to: "04:00"`, `zone: Europe/Berlin`; or
//! `schedule: "0 22 * * 1-5"`, `duration: 6h`.

use jiff::civil::{Date, DateTime, Time, Weekday};
use serde::{Deserialize, Serialize};

use super::{Blackout, Cron, CronError, MAX_DURATION, Scheduled, Weekly, When, Window};
use crate::policy::zone::Zone;
use crate::time::Span;

/// What is wrong with some hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// Not days of the week.
    #[error(
        "{0:?} is not days: daily, or some of mon tue wed thu fri sat sun, for example mon-thu or mon,wed,sat-sun"
    )]
    Days(String),
    /// Not a time of day.
    #[error("{0:?} is not a time of day: write it in quotes, from \"00:00\" to \"24:00\"")]
    Time(String),
    /// Neither a day nor a moment.
    #[error(
        "{0:?} is neither a day nor a moment: write it in quotes as \"2026-12-20\" or \"2026-12-20 18:00\""
    )]
    Moment(String),
    /// Nothing lies between.
    #[error("from and to are both {0:?}: a whole day is from \"00:00\" to \"24:00\"")]
    Empty(String),
    /// The wrong way round.
    #[error("it ends at {to:?}, which is not after {from:?}")]
    Backwards {
        /// The beginning.
        from: String,
        /// The end.
        to: String,
    },
    /// A date has its day already.
    #[error("it has days and dates: with from and to as dates, leave days out")]
    DaysAndDates,
    /// A time of day with a date.
    #[error("from and to must both be times of day, or both dates")]
    Mixed,
    /// Not an expression of cron.
    #[error("schedule: {0}")]
    Schedule(#[from] CronError),
    /// Nothing, too much, or parts of a minute.
    #[error("duration is {0}, and must be whole minutes, from 1m to 31d")]
    Duration(Span),
    /// It begins while it goes on.
    #[error(
        "schedule: {schedule:?} begins again after {least}, before its duration of {duration} is over: make that at most \
         {least}, or let it begin less often"
    )]
    Overlaps {
        /// The expression.
        schedule: String,
        /// The least time from one beginning to the next.
        least: Span,
        /// How long it goes on.
        duration: Span,
    },
    /// Both ways to write it.
    #[error(
        "it has {0} beside a schedule: either schedule and duration, or from and to; for both, write two entries"
    )]
    TwoForms(&'static str),
    /// Half of a way to write it.
    #[error("it has no {0}: either from and to, or schedule and duration, must be given")]
    Half(&'static str),
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWindow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<Span>,
    #[serde(default)]
    zone: Zone,
}

/// As [`RawWindow`], with dates and a reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBlackout {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    duration: Option<Span>,
    #[serde(default)]
    zone: Zone,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
}

fn daily() -> String {
    "daily".to_owned()
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

fn place(name: &str) -> Option<usize> {
    DAYS.iter().position(|(known, _)| *known == name)
}

/// The places in the week that a word names: a day, or from one to another, round the end of the week if need be.
fn places(word: &str) -> Option<Vec<usize>> {
    match word.split_once('-') {
        None => Some(vec![place(word)?]),
        Some((first, last)) => {
            let (first, last) = (place(first)?, place(last)?);
            let length = (last + DAYS.len() - first) % DAYS.len();
            Some((0..=length).map(|n| (first + n) % DAYS.len()).collect())
        }
    }
}

fn days(text: &str) -> Result<Vec<Weekday>, HoursError> {
    let lower = text.to_ascii_lowercase();
    if lower == "daily" {
        return Ok(DAYS.iter().map(|(_, day)| *day).collect());
    }
    let words = lower.split([',', ' ']).filter(|word| !word.is_empty());
    let found: Option<Vec<_>> = words.map(places).collect();
    let found = found.filter(|found| !found.is_empty()).ok_or_else(|| HoursError::Days(text.to_owned()))?;
    let named = |at: &usize| found.iter().any(|places| places.contains(at));
    Ok(DAYS.iter().enumerate().filter(|(at, _)| named(at)).map(|(_, (_, day))| *day).collect())
}

/// The shortest way to write days that reads back as the same.
fn days_in_words(days: &[Weekday]) -> String {
    if days.len() == DAYS.len() {
        return daily();
    }
    let at: Vec<_> = (0..DAYS.len()).filter(|at| days.contains(&DAYS[*at].1)).collect();
    let runs = at.chunk_by(|a, b| a + 1 == *b);
    let words = runs.filter_map(|run| match run {
        [] => None,
        [one] => Some(DAYS[*one].0.to_owned()),
        [first, .., last] => Some(format!("{}-{}", DAYS[*first].0, DAYS[*last].0)),
    });
    words.collect::<Vec<_>>().join(",")
}

/// A time of day; `None`: the end of the day.
fn time(text: &str) -> Result<Option<Time>, HoursError> {
    let wrong = || HoursError::Time(text.to_owned());
    if text == "24:00" {
        return Ok(None);
    }
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse::<i8>().ok()).flatten().ok_or_else(wrong)
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).map(Some).map_err(|_| wrong())
}

fn time_in_words(time: Option<Time>) -> String {
    time.map_or_else(|| "24:00".to_owned(), |time| format!("{:02}:{:02}", time.hour(), time.minute()))
}

/// A day, from its beginning, or a moment.
fn moment(text: &str) -> Result<DateTime, HoursError> {
    let wrong = || HoursError::Moment(text.to_owned());
    let (date, clock) = match text.split_once([' ', 'T']) {
        Some((date, clock)) => (date, time(clock).ok().flatten().ok_or_else(wrong)?),
        None => (text, Time::midnight()),
    };
    Ok(date.parse::<Date>().map_err(|_| wrong())?.to_datetime(clock))
}

fn moment_in_words(moment: DateTime) -> String {
    let (date, time) = (moment.date(), moment.time());
    if time == Time::midnight() { date.to_string() } else { format!("{date} {}", time_in_words(Some(time))) }
}

impl Weekly {
    fn read((days_of, from_of, to_of): (&str, &str, &str), zone: Zone) -> Result<Self, HoursError> {
        let from = time(from_of)?.ok_or_else(|| HoursError::Time(from_of.to_owned()))?;
        let (days, to) = (days(days_of)?, time(to_of)?);
        if to == Some(from) {
            return Err(HoursError::Empty(from_of.to_owned()));
        }
        Ok(Self { days, from, to, zone })
    }
}

impl Scheduled {
    fn read(schedule: &str, duration: Span, zone: Zone) -> Result<Self, HoursError> {
        const MINUTE: i64 = 60_000;
        let cron: Cron = schedule.parse()?;
        if duration.0 < MINUTE || duration > MAX_DURATION || duration.0 % MINUTE != 0 {
            return Err(HoursError::Duration(duration));
        }
        match cron.begins_within(duration) {
            Some(least) => Err(HoursError::Overlaps { schedule: cron.as_str().to_owned(), least, duration }),
            None => Ok(Self { cron, duration, zone }),
        }
    }
}

impl TryFrom<RawWindow> for Window {
    type Error = HoursError;
    fn try_from(raw: RawWindow) -> Result<Self, HoursError> {
        let RawWindow { days, from, to, schedule, duration, zone } = raw;
        if schedule.is_none() && duration.is_none() {
            let from = from.ok_or(HoursError::Half("from"))?;
            let to = to.ok_or(HoursError::Half("to"))?;
            let days = days.unwrap_or_else(daily);
            return Ok(Self::Weekly(Weekly::read((&days, &from, &to), zone)?));
        }
        for (key, value) in [("days", days), ("from", from), ("to", to)] {
            if value.is_some() {
                return Err(HoursError::TwoForms(key));
            }
        }
        let schedule = schedule.ok_or(HoursError::Half("schedule"))?;
        let duration = duration.ok_or(HoursError::Half("duration"))?;
        Ok(Self::Scheduled(Scheduled::read(&schedule, duration, zone)?))
    }
}

impl From<Window> for RawWindow {
    fn from(window: Window) -> Self {
        match window {
            Window::Weekly(Weekly { days, from, to, zone }) => {
                let (from, to) = (Some(time_in_words(Some(from))), Some(time_in_words(to)));
                Self { days: Some(days_in_words(&days)), from, to, zone, ..Self::default() }
            }
            Window::Scheduled(Scheduled { cron, duration, zone }) => {
                let schedule = Some(cron.as_str().to_owned());
                Self { schedule, duration: Some(duration), zone, ..Self::default() }
            }
        }
    }
}

impl TryFrom<RawBlackout> for Blackout {
    type Error = HoursError;
    fn try_from(raw: RawBlackout) -> Result<Self, HoursError> {
        let RawBlackout { days, from, to, schedule, duration, zone, reason } = raw;
        let is_date = |text: &&String| text.contains('-');
        let when = match (from.as_ref().filter(is_date), to.as_ref().filter(is_date)) {
            (Some(_), Some(_)) if schedule.is_some() || duration.is_some() => {
                return Err(HoursError::TwoForms("from"));
            }
            (Some(_), Some(_)) if days.is_some() => return Err(HoursError::DaysAndDates),
            (Some(begin), Some(end)) => match (moment(begin)?, moment(end)?) {
                (from, to) if to <= from => {
                    return Err(HoursError::Backwards { from: begin.clone(), to: end.clone() });
                }
                (from, to) => When::Once { from, to, zone },
            },
            (Some(_), None) if to.is_some() => return Err(HoursError::Mixed),
            (None, Some(_)) if from.is_some() => return Err(HoursError::Mixed),
            (_, _) => When::Again(RawWindow { days, from, to, schedule, duration, zone }.try_into()?),
        };
        Ok(Self { when, reason })
    }
}

impl From<Blackout> for RawBlackout {
    fn from(Blackout { when, reason }: Blackout) -> Self {
        let window = match when {
            When::Again(window) => window.into(),
            When::Once { from, to, zone } => {
                let (from, to) = (Some(moment_in_words(from)), Some(moment_in_words(to)));
                RawWindow { from, to, zone, ..RawWindow::default() }
            }
        };
        let RawWindow { days, from, to, schedule, duration, zone } = window;
        Self { days, from, to, schedule, duration, zone, reason }
    }
}
