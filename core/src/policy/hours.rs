//! When work may begin in an environment: windows that come again every week, and blackouts.
//!
//! The edges are readings of the wall clock of a zone. Where clocks are set forward and a reading never appears, the edge
//! is the moment at which they are set. Where they are set back and a reading comes twice, the stricter one counts: a
//! window opens with the second and closes with the first (one that lies whole in the repeated hour is open the second
//! time), a blackout begins with the first and ends with the second.

use std::fmt;

use jiff::civil::{Date, DateTime, Time, Weekday};
use serde::{Deserialize, Serialize};

use super::zone::Zone;
use crate::time::{Span, Timestamp};

mod parse;

pub use parse::HoursError;
use parse::{RawBlackout, RawWeekly};

/// Most windows, and most blackouts, of an environment: what a person can still read.
pub const MAX_HOURS: usize = 50;

/// How far ahead is looked for a window that opens: a year, with some days for what comes once a year.
const AHEAD: Span = Span::hours(24 * 400);
/// How far ahead is looked first: most windows come every week.
const SOON: Span = Span::hours(24 * 9);

/// The same hours on some days of every week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawWeekly", into = "RawWeekly")]
pub struct Weekly {
    /// The days on which it begins, Monday first.
    days: Vec<Weekday>,
    /// When it begins.
    from: Time,
    /// When it ends: on the next day where that is not after `from`. `None`: at midnight.
    to: Option<Time>,
    zone: Zone,
}

/// When nothing may begin, whatever the windows say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawBlackout", into = "RawBlackout")]
pub struct Blackout {
    when: When,
    /// Why, for whoever waits.
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum When {
    /// Every week.
    Weekly(Weekly),
    /// Once, from a day or moment to another; the end is not in it any more.
    Once { from: DateTime, to: DateTime, zone: Zone },
}

/// From a moment to another, which is not in it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    from: Timestamp,
    to: Timestamp,
}

impl Stretch {
    fn has(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// Who gains by a reading that comes twice.
#[derive(Clone, Copy)]
enum Kind {
    Window,
    Blackout,
}

impl Weekly {
    /// The stretch that begins on a day, if one does.
    fn on(&self, day: Date, kind: Kind) -> Option<Stretch> {
        if !self.days.contains(&day.weekday()) {
            return None;
        }
        let tomorrow = || day.tomorrow().ok();
        let end = match self.to {
            Some(to) if to > self.from => day.to_datetime(to),
            Some(to) => tomorrow()?.to_datetime(to),
            None => tomorrow()?.to_datetime(Time::midnight()),
        };
        let (from, to) = (self.zone.read(day.to_datetime(self.from))?, self.zone.read(end)?);
        let stretch = match kind {
            Kind::Window if to.first <= from.second => Stretch { from: from.second, to: to.second },
            Kind::Window => Stretch { from: from.second, to: to.first },
            Kind::Blackout => Stretch { from: from.first, to: to.second },
        };
        (stretch.from < stretch.to).then_some(stretch)
    }

    /// All stretches that touch the time from a moment to another.
    fn between(&self, from: Timestamp, to: Timestamp, kind: Kind) -> Vec<Stretch> {
        let Some(first) = self.zone.local(from) else { return Vec::new() };
        // One that began the day before may still be going on; a day more, for zones that skip one.
        let start = first.date().yesterday().and_then(Date::yesterday).unwrap_or(first.date());
        let days = start.series(jiff::Span::new().days(1));
        // At most so many days: a zone's clock is never more than two days ahead.
        let within = usize::try_from((to - from).0 / Span::hours(24).0).unwrap_or(0) + 5;
        let stretches = days.take(within).filter_map(|day| self.on(day, kind));
        stretches.filter(|stretch| stretch.to > from && stretch.from < to).collect()
    }
}

impl Blackout {
    fn between(&self, from: Timestamp, to: Timestamp) -> Vec<Stretch> {
        match &self.when {
            When::Weekly(weekly) => weekly.between(from, to, Kind::Blackout),
            When::Once { from: begin, to: end, zone } => {
                let stretch =
                    || Some(Stretch { from: zone.read(*begin)?.first, to: zone.read(*end)?.second });
                stretch().into_iter().filter(|stretch| stretch.to > from && stretch.from < to).collect()
            }
        }
    }

    /// Why, for whoever waits; empty: nobody said.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Weekly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raw = RawWeekly::from(self.clone());
        write!(f, "{} {}-{} {}", raw.days, raw.from, raw.to, self.zone)
    }
}

/// The hours of an environment. Without windows it is always open but for the blackouts.
#[derive(Debug, Clone, Copy)]
pub struct Hours<'a> {
    /// When work may begin.
    pub windows: &'a [Weekly],
    /// When it may not, all the same.
    pub blackouts: &'a [Blackout],
}

/// Whether work may begin at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It may, until then; `None`: it does not close within a year.
    Open {
        /// When it closes.
        until: Option<Timestamp>,
    },
    /// It may not.
    Shut {
        /// The blackout that is the reason, by its place; `None`: no window is open.
        blackout: Option<usize>,
        /// When it opens; `None`: not within a year.
        opens: Option<Timestamp>,
    },
}

impl Hours<'_> {
    /// Whether work may begin. Cheap.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.blackout_at(at).is_none() && self.window_at(at)
    }

    fn window_at(&self, at: Timestamp) -> bool {
        let instant = Timestamp(at.0 + 1);
        let has = |window: &Weekly| window.between(at, instant, Kind::Window).iter().any(|s| s.has(at));
        self.windows.is_empty() || self.windows.iter().any(has)
    }

    fn blackout_at(&self, at: Timestamp) -> Option<usize> {
        let instant = Timestamp(at.0 + 1);
        self.blackouts.iter().position(|b| b.between(at, instant).iter().any(|s| s.has(at)))
    }

    /// Whether work may begin, and when that changes.
    #[must_use]
    pub fn at(&self, at: Timestamp) -> Opening {
        if self.is_open(at) {
            Opening::Open { until: self.change(at, false) }
        } else {
            Opening::Shut { blackout: self.blackout_at(at), opens: self.change(at, true) }
        }
    }

    /// The next moment after this one at which it is open, or shut.
    fn change(&self, at: Timestamp, open: bool) -> Option<Timestamp> {
        if self.windows.is_empty() && self.blackouts.is_empty() {
            return None;
        }
        self.change_within(at, open, SOON).or_else(|| self.change_within(at, open, AHEAD))
    }

    fn change_within(&self, at: Timestamp, open: bool, ahead: Span) -> Option<Timestamp> {
        let end = at + ahead;
        let windows: Vec<_> =
            self.windows.iter().flat_map(|window| window.between(at, end, Kind::Window)).collect();
        let blackouts: Vec<_> =
            self.blackouts.iter().flat_map(|blackout| blackout.between(at, end)).collect();
        // It opens where a window begins or a blackout ends, and shuts the other way round.
        let (begins, ends) = if open { (&windows, &blackouts) } else { (&blackouts, &windows) };
        let edges = begins.iter().map(|s| s.from).chain(ends.iter().map(|s| s.to));
        let mut edges: Vec<_> = edges.filter(|edge| *edge > at && *edge <= end).collect();
        edges.sort();
        edges.into_iter().find(|edge| self.is_open(*edge) == open)
    }

    /// Whether there is a moment within a year at which work may begin.
    #[must_use]
    pub fn ever_open(&self, now: Timestamp) -> bool {
        match self.at(now) {
            Opening::Open { .. } => true,
            Opening::Shut { opens, .. } => opens.is_some(),
        }
    }
}

#[cfg(test)]
mod tests;
