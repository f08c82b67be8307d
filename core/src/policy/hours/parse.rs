//! How hours are written: `days: mon-fri`, `from: "22:00"`, `to: "04:00"`, `zone: Europe/Berlin`.

use jiff::civil::{Date, DateTime, Time, Weekday};
use serde::{Deserialize, Serialize};

use super::{Blackout, Weekly, When};
use crate::policy::zone::Zone;

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
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWeekly {
    #[serde(default = "daily")]
    pub(super) days: String,
    pub(super) from: String,
    pub(super) to: String,
    #[serde(default)]
    zone: Zone,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBlackout {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<String>,
    from: String,
    to: String,
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

impl TryFrom<RawWeekly> for Weekly {
    type Error = HoursError;
    fn try_from(raw: RawWeekly) -> Result<Self, HoursError> {
        let from = time(&raw.from)?.ok_or_else(|| HoursError::Time(raw.from.clone()))?;
        let (days, to) = (days(&raw.days)?, time(&raw.to)?);
        if to == Some(from) {
            return Err(HoursError::Empty(raw.from));
        }
        Ok(Self { days, from, to, zone: raw.zone })
    }
}

impl From<Weekly> for RawWeekly {
    fn from(Weekly { days, from, to, zone }: Weekly) -> Self {
        Self { days: days_in_words(&days), from: time_in_words(Some(from)), to: time_in_words(to), zone }
    }
}

impl TryFrom<RawBlackout> for Blackout {
    type Error = HoursError;
    fn try_from(raw: RawBlackout) -> Result<Self, HoursError> {
        let RawBlackout { days, from, to, zone, reason } = raw;
        let is_date = |text: &str| text.contains('-');
        let when = match (is_date(&from), is_date(&to), days) {
            (false, false, days) => {
                let days = days.unwrap_or_else(daily);
                When::Weekly(Weekly::try_from(RawWeekly { days, from, to, zone })?)
            }
            (true, true, Some(_)) => return Err(HoursError::DaysAndDates),
            (true, true, None) => match (moment(&from)?, moment(&to)?) {
                (begin, end) if end <= begin => return Err(HoursError::Backwards { from, to }),
                (from, to) => When::Once { from, to, zone },
            },
            (true, false, _) | (false, true, _) => return Err(HoursError::Mixed),
        };
        Ok(Self { when, reason })
    }
}

impl From<Blackout> for RawBlackout {
    fn from(Blackout { when, reason }: Blackout) -> Self {
        match when {
            When::Weekly(weekly) => {
                let RawWeekly { days, from, to, zone } = weekly.into();
                Self { days: Some(days), from, to, zone, reason }
            }
            When::Once { from, to, zone } => {
                Self { days: None, from: moment_in_words(from), to: moment_in_words(to), zone, reason }
            }
        }
    }
}
