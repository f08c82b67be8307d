//! The one place where the agent's shell reads the clock.

use std::time::{SystemTime, UNIX_EPOCH};

use pgbelay_core::time::Timestamp;

/// The present moment.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
