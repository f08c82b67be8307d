//! What strangers can cause must not fill the disk: such messages are logged now and then, with a count.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One message of a kind in this time tells as much as a thousand.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// One limit for each kind of message, so that one kind can't hide another.
#[derive(Default)]
pub(super) struct Logs {
    pub(super) accept: LogLimit,
    pub(super) full: LogLimit,
    pub(super) handshake: LogLimit,
    pub(super) identity: LogLimit,
}

/// Lets one message through every [`LOG_EVERY`].
#[derive(Default)]
pub(super) struct LogLimit(Mutex<State>);

#[derive(Default)]
struct State {
    last: Option<Instant>,
    suppressed: u64,
}

impl LogLimit {
    /// How many messages were left out since the last, if this one may be logged.
    pub(super) fn admit(&self) -> Option<u64> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.duration_since(last) < LOG_EVERY) {
            state.suppressed += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_in_five_seconds_and_the_rest_is_counted() {
        let limit = LogLimit::default();
        let start = Instant::now();
        let at = |ms| limit.admit_at(start + Duration::from_millis(ms));
        assert_eq!(
            [at(0), at(1), at(4_999), at(5_000), at(5_001), at(10_000)],
            [Some(0), None, None, Some(2), None, Some(1)]
        );
    }
}
