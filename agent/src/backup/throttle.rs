//! Keeping pg_dump to a number of bytes per second: its processes are stopped when they have written more, and go on when
//! they may. Like a slow pg_dump, a stopped one holds its snapshot and its locks.

use std::convert::Infallible;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::progress::Meter;

/// How often it is looked what was written.
const LOOK: Duration = Duration::from_millis(20);

/// What was not written may be written later, but no more than that of so many seconds.
const SAVED: f64 = 0.2;

/// Stops and continues a process group. Never ends by itself. When it is dropped, the group may be stopped: whoever drops
/// it ends the group, which a stopped one does not survive either.
pub(super) async fn keep_to(rate: u64, group: Option<Pid>, meter: &Meter) -> Infallible {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut bucket = Bucket { rate: rate as f64, credit: 0.0 };
    let (mut written, mut at) = (meter.written(), Instant::now());
    loop {
        looks.tick().await;
        let (now, seen) = (Instant::now(), meter.written());
        bucket.pass(now - at, seen.saturating_sub(written));
        (written, at) = (seen, now);
        let hold = bucket.credit < 0.0;
        if hold != meter.is_held()
            && let Some(group) = group
        {
            // It may have ended.
            let _ = kill_process_group(group, if hold { Signal::STOP } else { Signal::CONT });
            meter.hold(hold);
        }
    }
}

/// What may be written at once.
struct Bucket {
    /// Bytes per second.
    rate: f64,
    /// Bytes; below zero: so many were written too early.
    credit: f64,
}

impl Bucket {
    fn pass(&mut self, time: Duration, written: u64) {
        self.credit = (self.credit + time.as_secs_f64() * self.rate).min(self.rate * SAVED) - written as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_too_early_is_waited_for() {
        let mut bucket = Bucket { rate: 1_000.0, credit: 0.0 };
        let mut check = |ms, written, credit: f64| {
            bucket.pass(Duration::from_millis(ms), written);
            assert!((bucket.credit - credit).abs() < 0.001, "{}", bucket.credit);
        };
        check(100, 5_000, -4_900.0);
        check(4_000, 0, -900.0);
        check(1_000, 0, 100.0);
        // A pause is not made up for later.
        check(60_000, 0, 200.0);
    }
}
