//! Time as a value that is passed in: `core` has no clock.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A length of time in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(pub i64);

/// Why a text is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a duration is a whole number and a unit: ms, s, m, h or d, for example 500ms, 30s, 24h")]
pub struct SpanError;

const UNITS: [(&str, i64); 5] = [("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];

impl Span {
    /// A length of so many seconds.
    #[must_use]
    pub const fn seconds(n: i64) -> Self {
        Self(n * 1_000)
    }

    /// A length of so many hours.
    #[must_use]
    pub const fn hours(n: i64) -> Self {
        Self(n * 3_600_000)
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;
    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

impl std::str::FromStr for Span {
    type Err = SpanError;
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let (digits, unit) =
            UNITS.iter().find_map(|(u, ms)| Some((text.strip_suffix(u)?, *ms))).ok_or(SpanError)?;
        let number: u32 = digits.parse().map_err(|_| SpanError)?;
        i64::from(number).checked_mul(unit).map(Self).ok_or(SpanError)
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = ["d", "h", "m", "s", "ms"].into_iter().find_map(|name| {
            let (_, ms) = UNITS.iter().find(|(u, _)| *u == name)?;
            (self.0 != 0 && self.0 % ms == 0).then_some((self.0 / ms, name))
        });
        match unit {
            Some((n, name)) => write!(f, "{n}{name}"),
            None => f.write_str("0s"),
        }
    }
}

/// As RFC 3339 has it, in UTC: `2026-11-27T22:00:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;
    fn sub(self, other: Self) -> Span {
        Span(self.0.saturating_sub(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_and_prints_with_its_largest_unit() {
        for (text, ms, shown) in
            [("500ms", 500, "500ms"), ("90s", 90_000, "90s"), ("24h", 86_400_000, "1d"), ("0s", 0, "0s")]
        {
            assert_eq!(text.parse::<Span>(), Ok(Span(ms)));
            assert_eq!(Span(ms).to_string(), shown);
        }
        for bad in ["", "5", "h", "-1s", "1.5h", "99999999999d"] {
            assert_eq!(bad.parse::<Span>(), Err(SpanError), "{bad}");
        }
    }
}
