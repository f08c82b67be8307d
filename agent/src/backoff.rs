//! Delays between tries that fail: exponential, capped, and then random all the way down ("full jitter"), so that a
//! fleet that lost its controller in one moment does not come back in one moment.

use std::time::Duration;

/// The delays of one row of tries.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Delays up to `first` after the first failure, and never above `cap`.
    pub(crate) const fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap, failures: 0 }
    }

    /// The next failure is the first again.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        up_to(self.longest())
    }

    fn longest(&mut self) -> Duration {
        let doubled = self.first.saturating_mul(2u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        doubled.min(self.cap)
    }
}

/// A random length of time up to this one.
pub(crate) fn up_to(longest: Duration) -> Duration {
    longest.mul_f64(rand::random::<f64>())
}

/// A length of time, give or take a tenth.
pub(crate) fn about(time: Duration) -> Duration {
    time.mul_f64(1.0 + jitter())
}

/// A random part, −0.1 to 0.1.
pub(crate) fn jitter() -> f64 {
    rand::random_range(-0.1..=0.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap_and_start_again() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        let longest: Vec<u64> = (0..7).map(|_| backoff.longest().as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 16, 30, 30]);
        for _ in 0..100 {
            assert!(backoff.next() <= Duration::from_secs(30), "the jitter comes after the cap");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_secs(1));
    }
}
