//! The one place where the controller reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use pgbelay_core::time::Timestamp;

/// The present moment.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A moment as people and programs read it: RFC 3339, in UTC, to the second.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    let to_second = jiff::Timestamp::from_second(at.0.div_euclid(1_000));
    to_second.map(|moment| moment.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_to_the_second_in_utc() {
        let shown = [1_700_000_000_999, 0, -1].map(|ms| rfc3339(Timestamp(ms)));
        assert_eq!(shown, ["2023-11-14T22:13:20Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z"]);
        assert_eq!(rfc3339(Timestamp(i64::MAX)), "", "no year has that many digits");
    }
}
