//! The five fields of cron: minute, hour, day of the month, month, day of the week.
//!
//! The two day fields are as cron has them: where neither begins with `*`, a day counts that either names; else one that
//! both name. Beside what cron has there are `L` and `#`, as most schedulers write them. Only the calendar is known here;
//! what a zone's clock makes of it is the business of [`Scheduled`](super::Scheduled).

use jiff::civil::{Date, Time, Weekday};

use crate::time::Span;

/// Most times of a day: what begins more often is rather meant to last longer.
pub(super) const MAX_A_DAY: usize = 48;

/// A year in which every kind of year begins to come by: with each day of the week on each date, 29 February among them.
const CALENDAR: Date = jiff::civil::date(2000, 1, 1);

/// 28 years until all have come, and one more for what lies between the last and the first.
const DAYS: usize = 29 * 366;

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five fields.
    #[error(
        "{text:?} has {count} fields, and a schedule has five: minute, hour, day of the month, month, day of the week, \
         for example \"0 22 * * 1-5\""
    )]
    Fields {
        /// What is written.
        text: String,
        /// How many it has.
        count: usize,
    },
    /// A field, or an entry of its list, that says nothing.
    #[error(
        "{part:?} is no {field} in {text:?}: it takes {takes}; also *, ranges such as 1-5, lists such as 1,3, and steps \
         such as */2 or 1-5/2"
    )]
    Field {
        /// What is written.
        text: String,
        /// The entry.
        part: String,
        /// Which field, in words.
        field: &'static str,
        /// What is taken there, in words.
        takes: &'static str,
    },
    /// There is no such day.
    #[error("{0:?} never comes: no year has such a day")]
    Never(String),
    /// It begins too often.
    #[error("{0:?} begins more than 48 times a day: let it begin less often and last longer")]
    TooOften(String),
}

/// One of the five.
struct Field {
    name: &'static str,
    least: u8,
    most: u8,
    /// Names of its numbers, from the least on.
    names: &'static [&'static str],
    takes: &'static str,
}

const MINUTE: Field = Field { name: "minute", least: 0, most: 59, names: &[], takes: "0 to 59" };
const HOUR: Field = Field { name: "hour", least: 0, most: 23, names: &[], takes: "0 to 23" };
const DAY: Field = Field {
    name: "day of the month",
    least: 1,
    most: 31,
    names: &[],
    takes: "1 to 31, and L for the last one",
};
const MONTH: Field = Field {
    name: "month",
    least: 1,
    most: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    takes: "1 to 12, or JAN to DEC",
};
const WEEKDAY: Field = Field {
    name: "day of the week",
    least: 0,
    most: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    takes: "0 to 7 (0 and 7 are Sunday), or SUN to SAT; SUN#2 is the second of the month, SUNL the last",
};

/// Numbers, one bit each.
type Set = u64;

const fn bit(number: u8) -> Set {
    1 << number
}

fn has(set: Set, number: u8) -> bool {
    set & bit(number) != 0
}

impl Field {
    fn number(&self, text: &str) -> Option<u8> {
        let named = self.names.iter().position(|name| *name == text);
        let number = match named {
            Some(at) => u8::try_from(at).ok()? + self.least,
            None => digits(text)?,
        };
        (self.least..=self.most).contains(&number).then_some(number)
    }

    /// One number, a range, or a range in steps.
    fn set(&self, text: &str) -> Option<Set> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(digits(step).filter(|n| (1..=self.most).contains(n))?)),
            None => (text, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            None if range == "*" => (self.least, self.most),
            None if step.is_none() => (self.number(range)?, self.number(range)?),
            // Some read it as from there on, others as this one alone.
            None => return None,
        };
        // A week may end with its Sunday.
        let last = if self.most == WEEKDAY.most && last == 0 && first > 0 { 7 } else { last };
        let set = (first..=last).step_by(step.unwrap_or(1).into()).fold(0, |set, number| set | bit(number));
        (first <= last).then_some(set)
    }

    fn wrong(&self, text: &str, part: &str) -> CronError {
        let (text, part) = (text.to_owned(), part.to_owned());
        CronError::Field { text, part, field: self.name, takes: self.takes }
    }
}

fn digits(text: &str) -> Option<u8> {
    let plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The times that an expression names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    /// In capitals, with one blank between the fields.
    text: String,
    times: Vec<Time>,
    months: Set,
    days: Set,
    last_day: bool,
    /// From 0, which is Sunday.
    weekdays: Set,
    /// The same for the first, second, to fifth of a month, and for the last.
    nth: [Set; 6],
    /// Whether a day must be named by both fields.
    both: bool,
}

/// The place of the last in [`Cron::nth`].
const LAST: usize = 5;

impl std::str::FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let fields: Vec<_> = text.split_ascii_whitespace().map(str::to_ascii_uppercase).collect();
        let [minute, hour, day, month, weekday] = &fields[..] else {
            return Err(CronError::Fields { text: text.to_owned(), count: fields.len() });
        };
        let text = fields.join(" ");
        let plain = |field: &Field, written: &str| {
            each(written, |part| field.set(part).ok_or_else(|| field.wrong(&text, part)))
                .map(|sets| sets.into_iter().fold(0, |all, set| all | set))
        };
        let (minutes, hours, months) = (plain(&MINUTE, minute)?, plain(&HOUR, hour)?, plain(&MONTH, month)?);
        let all: Vec<_> = (0..24).filter(|hour| has(hours, *hour)).collect();
        let of_hour = |hour: u8| (0..60).filter(|m| has(minutes, *m)).map(move |minute| (hour, minute));
        let times = all.into_iter().flat_map(of_hour);
        let times: Vec<_> = times
            .map(|(hour, minute)| jiff::civil::time(hour.cast_signed(), minute.cast_signed(), 0, 0))
            .collect();
        if times.len() > MAX_A_DAY {
            return Err(CronError::TooOften(text));
        }
        let both = day.starts_with('*') || weekday.starts_with('*');
        let mut cron = Self { text, times, months, days: 0, last_day: false, weekdays: 0, nth: [0; 6], both };
        each(day, |part| cron.name_day(part))?;
        each(weekday, |part| cron.name_weekday(part))?;
        if cron.calendar().next().is_none() {
            return Err(CronError::Never(cron.text));
        }
        Ok(cron)
    }
}

/// Every entry of a list.
fn each<T>(list: &str, read: impl FnMut(&str) -> Result<T, CronError>) -> Result<Vec<T>, CronError> {
    list.split(',').map(read).collect()
}

impl Cron {
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// When it begins on each of its days.
    pub(super) fn times(&self) -> &[Time] {
        &self.times
    }

    fn name_day(&mut self, part: &str) -> Result<(), CronError> {
        match part {
            "L" => self.last_day = true,
            part => self.days |= DAY.set(part).ok_or_else(|| DAY.wrong(&self.text, part))?,
        }
        Ok(())
    }

    fn name_weekday(&mut self, part: &str) -> Result<(), CronError> {
        let of_month = match part.split_once('#') {
            Some((day, nth)) => {
                let nth = digits(nth).filter(|nth| (1..=5).contains(nth));
                Some((WEEKDAY.number(day), nth.map(|nth| usize::from(nth) - 1)))
            }
            None => part.strip_suffix('L').map(|day| (WEEKDAY.number(day), Some(LAST))),
        };
        let (set, into) = match of_month {
            Some((Some(day), Some(nth))) => (Some(bit(day)), &mut self.nth[nth]),
            Some((_, _)) => (None, &mut self.weekdays),
            None => (WEEKDAY.set(part), &mut self.weekdays),
        };
        let set = set.ok_or_else(|| WEEKDAY.wrong(&self.text, part))?;
        // 7 is Sunday as well.
        *into |= (set & !bit(7)) | (set >> 7);
        Ok(())
    }

    /// Whether it begins on a day.
    pub(super) fn has(&self, day: Date) -> bool {
        let (of_month, of_week) = (day.day().cast_unsigned(), sunday_first(day.weekday()));
        if !has(self.months, day.month().cast_unsigned()) {
            return false;
        }
        let is_last = day.day() == day.days_in_month();
        let by_day = has(self.days, of_month) || (self.last_day && is_last);
        let nth = usize::from((of_month - 1) / 7);
        let is_last_of_week = day.day() + 7 > day.days_in_month();
        let by_weekday = has(self.weekdays, of_week)
            || self.nth.get(nth).is_some_and(|nth| has(*nth, of_week))
            || (is_last_of_week && has(self.nth[LAST], of_week));
        if self.both { by_day && by_weekday } else { by_day || by_weekday }
    }

    /// Its days in as many years as there are kinds of.
    fn calendar(&self) -> impl Iterator<Item = Date> {
        CALENDAR.series(jiff::Span::new().days(1)).take(DAYS).filter(|day| self.has(*day))
    }

    /// The least time from one beginning to the next, if it is less than this.
    pub(super) fn begins_within(&self, duration: Span) -> Option<Span> {
        let (first, last) = (self.times.first()?, self.times.last()?);
        let apart = |from: Time, to: Time| Span((to.duration_since(from).as_secs()) * 1_000);
        let in_a_day = self.times.iter().zip(self.times.iter().skip(1)).map(|(one, next)| apart(*one, *next));
        let over = |days: i64| Span(Span::hours(24 * days).0 - apart(*first, *last).0);
        // Days that follow each other are the least that there can be: the calendar need not be asked.
        let over_night = if over(1) < duration {
            let mut before: Option<Date> = None;
            let days = self.calendar().filter_map(|day| Some(day - before.replace(day)?));
            days.map(|days| over(days.get_days().into())).min()
        } else {
            None
        };
        in_a_day.chain(over_night).min().filter(|least| *least < duration)
    }
}

fn sunday_first(day: Weekday) -> u8 {
    day.to_sunday_zero_offset().cast_unsigned()
}

#[cfg(test)]
mod tests;
