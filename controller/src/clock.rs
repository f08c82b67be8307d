//! The one place where the controller reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use pgbelay_core::time::Timestamp;

/// The present moment.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A moment as people and programs read it: RFC 3339, in UTC, to the millisecond.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|moment| format!("{moment:.3}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_to_the_millisecond_in_utc() {
        let shown = [1_700_000_000_999, 0, -1].map(|ms| rfc3339(Timestamp(ms)));
        assert_eq!(
            shown,
            ["2023-11-14T22:13:20.999Z", "1970-01-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z"]
        );
        assert_eq!(rfc3339(Timestamp(i64::MAX)), "", "no year has that many digits");
    }
}
