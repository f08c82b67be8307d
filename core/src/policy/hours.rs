//! When work may begin in an environment: windows that come again, on days of the week or as cron has it, and blackouts.
//!
//! The edges are readings of the wall clock of a zone, the end of a duration among them: what begins at 22:00 and lasts 6h
//! ends when the clock shows 04:00, also in a night in which it is set. So a day that is shut from 00:00 for 24h has no
//! hole where it has 25 hours. Where clocks are set forward and a reading never appears, the edge
//! is the moment at which they are set. Where they are set back and a reading comes twice, the stricter one counts: a
//! window opens with the second and closes with the first (one that lies whole in the repeated hour is open the second
//! time), a blackout begins with the first and ends with the second.

use jiff::civil::{Date, DateTime, Time, Weekday};
use serde::{Deserialize, Serialize};

use super::zone::Zone;
use crate::time::{Span, Timestamp};

mod cron;
mod parse;

use cron::Cron;
pub use cron::CronError;
pub use parse::HoursError;
use parse::{RawBlackout, RawWindow};

/// Longest duration: longer ones would be written as months are, and no two months are the same.
pub const MAX_DURATION: Span = Span::hours(24 * 31);

/// Most windows, and most blackouts, of an environment: what a person can still read.
pub const MAX_HOURS: usize = 50;

/// How far ahead is looked for a window that opens: a year, with some days for what comes once a year.
const AHEAD: Span = Span::hours(24 * 400);
/// How far ahead is looked first: most windows come every week.
const SOON: Span = Span::hours(24 * 9);

/// Hours that come again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawWindow", into = "RawWindow")]
pub enum Window {
    /// On days of the week.
    Weekly(Weekly),
    /// As an expression of cron says.
    Scheduled(Scheduled),
}

/// The same hours on some days of every week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weekly {
    /// The days on which it begins, Monday first.
    days: Vec<Weekday>,
    /// When it begins.
    from: Time,
    /// When it ends: on the next day where that is not after `from`. `None`: at midnight.
    to: Option<Time>,
    zone: Zone,
}

/// From the times that an expression of cron names, for as long each time. It has ended before it begins again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    cron: Cron,
    /// Whole minutes, as the clock on the wall counts them.
    duration: Span,
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
    /// Again and again.
    Again(Window),
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

impl Zone {
    /// What lies between two readings of the clock; `None`: nothing.
    fn stretch(&self, (from, to): (DateTime, DateTime), kind: Kind) -> Option<Stretch> {
        let (from, to) = (self.read(from)?, self.read(to)?);
        let stretch = match kind {
            Kind::Window if to.first <= from.second => Stretch { from: from.second, to: to.second },
            Kind::Window => Stretch { from: from.second, to: to.first },
            Kind::Blackout => Stretch { from: from.first, to: to.second },
        };
        (stretch.from < stretch.to).then_some(stretch)
    }
}

impl Weekly {
    /// From when to when the clock shows what begins on a day.
    fn on(&self, day: Date) -> Option<(DateTime, DateTime)> {
        if !self.days.contains(&day.weekday()) {
            return None;
        }
        let end = match self.to {
            Some(to) if to > self.from => day.to_datetime(to),
            Some(to) => day.tomorrow().ok()?.to_datetime(to),
            None => day.tomorrow().ok()?.to_datetime(Time::midnight()),
        };
        Some((day.to_datetime(self.from), end))
    }
}

impl Scheduled {
    /// The same.
    fn on(&self, day: Date) -> impl Iterator<Item = (DateTime, DateTime)> {
        let times = if self.cron.has(day) { self.cron.times() } else { &[] };
        times.iter().filter_map(move |time| {
            let begin = day.to_datetime(*time);
            Some((begin, begin.checked_add(jiff::SignedDuration::from_millis(self.duration.0)).ok()?))
        })
    }
}

impl Window {
    /// All stretches that touch the time from a moment to another.
    fn between(&self, from: Timestamp, to: Timestamp, kind: Kind) -> Vec<Stretch> {
        const DAY: i64 = Span::hours(24).0;
        let (zone, lasts) = match self {
            Self::Weekly(weekly) => (&weekly.zone, 1),
            Self::Scheduled(scheduled) => (&scheduled.zone, scheduled.duration.0.div_euclid(DAY) + 1),
        };
        let Some(first) = zone.local(from) else { return Vec::new() };
        // One that began some days before may still be going on; a day more, for zones that skip one.
        let back = lasts + 1;
        let start =
            first.date().checked_sub(jiff::SignedDuration::from_hours(24 * back)).unwrap_or(first.date());
        // At most so many days: a zone's clock is never more than two days ahead.
        let within = usize::try_from((to - from).0 / DAY + back + 3).unwrap_or(0);
        let days = start.series(jiff::Span::new().days(1)).take(within);
        let shown = days.flat_map(|day| match self {
            Self::Weekly(weekly) => weekly.on(day).into_iter().collect::<Vec<_>>(),
            Self::Scheduled(scheduled) => scheduled.on(day).collect(),
        });
        let stretches = shown.filter_map(|edges| zone.stretch(edges, kind));
        stretches.filter(|stretch| stretch.to > from && stretch.from < to).collect()
    }
}

impl Blackout {
    fn between(&self, from: Timestamp, to: Timestamp) -> Vec<Stretch> {
        match &self.when {
            When::Again(window) => window.between(from, to, Kind::Blackout),
            When::Once { from: begin, to: end, zone } => {
                let stretch = zone.stretch((*begin, *end), Kind::Blackout);
                stretch.into_iter().filter(|stretch| stretch.to > from && stretch.from < to).collect()
            }
        }
    }

    /// Why, for whoever waits; empty: nobody said.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// The hours of an environment. Without windows it is always open but for the blackouts.
#[derive(Debug, Clone, Copy)]
pub struct Hours<'a> {
    /// When work may begin.
    pub windows: &'a [Window],
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
        let has = |window: &Window| window.between(at, instant, Kind::Window).iter().any(|s| s.has(at));
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
        let windows = self.windows.iter().flat_map(|window| window.between(at, end, Kind::Window));
        let blackouts = self.blackouts.iter().flat_map(|blackout| blackout.between(at, end));
        // Each edge, with how many more windows are open after it, and how many more blackouts go on.
        let windows = windows.flat_map(|s| [(s.from, (1, 0)), (s.to, (-1, 0))]);
        let blackouts = blackouts.flat_map(|s| [(s.from, (0, 1)), (s.to, (0, -1))]);
        let mut edges: Vec<(Timestamp, (i32, i32))> = windows.chain(blackouts).collect();
        edges.sort();
        let (mut inside, mut black) = (0, 0);
        for edges in edges.chunk_by(|one, next| one.0 == next.0) {
            for (_, (windows, blackouts)) in edges {
                (inside, black) = (inside + windows, black + blackouts);
            }
            let is_open = (self.windows.is_empty() || inside > 0) && black == 0;
            match edges {
                [(edge, _), ..] if *edge > at && *edge < end && is_open == open => return Some(*edge),
                [..] => {}
            }
        }
        None
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
