//! How long this agent may start something: while it has heard from its controller, and is not stopping.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;

/// Shared with the work, which asks before each new transaction.
#[derive(Debug, Clone)]
pub(super) struct Lease(Arc<RwLock<State>>);

#[derive(Debug, Clone, Copy)]
enum State {
    /// Until then; `None`: the controller has not been heard yet.
    Until(Option<Instant>),
    /// Never again: the agent stops.
    Ended,
}

impl Lease {
    pub(super) fn new() -> Self {
        Self(Arc::new(RwLock::new(State::Until(None))))
    }

    /// The controller was heard: this long from here. Does nothing when the lease has ended for good.
    pub(super) fn extend(&self, by: Duration) {
        self.change(|state| match state {
            State::Until(_) => State::Until(Some(Instant::now() + by)),
            State::Ended => State::Ended,
        });
    }

    /// Nothing is started any more.
    pub(super) fn end(&self) {
        self.change(|_| State::Ended);
    }

    /// Whether something may be started.
    pub(super) fn holds(&self) -> bool {
        // A holder of the lock that panicked has not left half a state behind.
        match *self.0.read().unwrap_or_else(PoisonError::into_inner) {
            State::Until(until) => until.is_some_and(|until| Instant::now() < until),
            State::Ended => false,
        }
    }

    fn change(&self, to: impl FnOnce(State) -> State) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *state = to(*state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lasts_as_long_as_the_controller_is_heard() {
        let (lease, hour) = (Lease::new(), Duration::from_secs(3600));
        assert!(!lease.holds(), "nobody was heard yet");
        lease.extend(hour);
        assert!(lease.holds());
        lease.extend(Duration::ZERO);
        assert!(!lease.holds(), "its time is over");
        lease.extend(hour);
        lease.end();
        lease.extend(hour);
        assert!(!lease.holds(), "an agent that stops starts nothing, whatever it hears");
    }
}
