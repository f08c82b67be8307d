//! What is told of a run is on disk first.
//!
//! Short definitions in the middle of a run do not wait one by one. Whatever they and the others have waited for, a run
//! waits behind all of them before it tells anything; and where the server has gone down before, it tells what is gone.

use std::time::Duration;

use pgbelay_core::command::{Failure, FailureKind, StepDone};

use super::{Ending, Runner, failure, settle};
use crate::database::connect::ConnectError;
use crate::database::settle::bring_to_disk;

/// For so long steps follow each other without waiting for the disk: what a crash may take back stays small, and so does
/// what is waited for in the end.
const STRETCH: Duration = Duration::from_secs(1);

impl Runner<'_> {
    /// Whether a step may be left to what follows: something does, and it is not long since something has waited.
    pub(super) fn may_come_to_disk_later(&self) -> bool {
        let to_come = self.run.steps.len().saturating_sub(self.done.len() + 1);
        may_come_later(to_come, self.unwaited.map(|since| since.elapsed()))
    }

    /// Whether what was committed before is still there: the server may have gone down before it was on disk, or a standby
    /// has taken over that was behind.
    pub(super) fn still_recorded(&mut self, recorded: &[StepDone]) -> Result<(), Box<Failure>> {
        let is_recorded = |done: &StepDone| recorded.iter().any(|other| other.version == done.version);
        let gone: Vec<_> =
            self.done.iter().filter(|done| !is_recorded(done)).map(|done| done.version.to_string()).collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.done.retain(is_recorded);
        let message = format!(
            "the database that answers since the connection was lost has no record of {}, which this run had \
             committed: the server went down before that was on disk, or an older state of it has taken over",
            gone.join(", ")
        );
        let hint = "what is recorded there counts: run it again; if a standby has taken over, find out first what else \
                    it lacks";
        Err(Box::new(failure(FailureKind::Connection, message, hint)))
    }

    /// What a run has come to, once it is read again what is recorded.
    pub(super) fn still_true(&mut self, ending: Ending, recorded: &[StepDone]) -> Ending {
        match self.still_recorded(recorded) {
            Ok(()) => ending,
            Err(gone) => {
                let message = format!("{}{}", gone.message, had_failed(&ending));
                Ending::Failed(Box::new(Failure { message, ..*gone }))
            }
        }
    }

    /// Sees to it that what is told as done is on disk: whatever the COMMITs before have waited for, or not.
    pub(super) async fn on_disk(&mut self, ending: Ending) -> Ending {
        if !self.wrote || matches!(ending, Ending::Unknown(_)) {
            return ending;
        }
        self.say("waiting until what was done is on disk".to_owned());
        let Err(why) = bring_to_disk(&self.session, &self.target.schema).await else { return ending };
        tracing::warn!(%why, "what was done may not be on disk; reading what is recorded");
        self.session.abandon();
        match Box::pin(settle(self.target, self.command)).await {
            Ok(settled) => {
                self.session = settled.session;
                self.still_true(ending, &settled.done)
            }
            Err(error) => doubtful(ending, &why, &error),
        }
    }
}

/// That a run had failed before, for what is told instead.
fn had_failed(ending: &Ending) -> String {
    match ending {
        Ending::Failed(failure) => format!("; before that, the run had failed: {}", failure.message),
        Ending::Ran
        | Ending::Interrupted
        | Ending::Cancelled
        | Ending::Earlier { .. }
        | Ending::Refused(_)
        | Ending::Unsettled(_)
        | Ending::Unknown(_) => String::new(),
    }
}

/// What a run has come to of which it is not known whether it is on disk.
fn doubtful(ending: Ending, why: &ConnectError, again: &ConnectError) -> Ending {
    let both = if why.to_string() == again.to_string() { why.to_string() } else { format!("{why}; {again}") };
    let doubt = format!(
        "what was done is committed, and whether it is on disk, and on the standbys that are waited for, is not known \
         ({both})"
    );
    match ending {
        // It is a person's turn: nothing is to be sent again because of this.
        Ending::Failed(failure) => {
            let message = format!("{}; {doubt}", failure.message);
            Ending::Failed(Box::new(Failure { message, ..*failure }))
        }
        Ending::Unsettled(_) => ending,
        Ending::Ran
        | Ending::Interrupted
        | Ending::Cancelled
        | Ending::Earlier { .. }
        | Ending::Refused(_)
        | Ending::Unknown(_) => Ending::Unknown(doubt),
    }
}

/// Whether the next step may be left to what follows, with so many to come after it.
fn may_come_later(to_come: usize, waited: Option<Duration>) -> bool {
    to_come > 0 && waited.is_none_or(|since| since < STRETCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_step_waits_and_so_does_one_after_a_second_without_a_wait() {
        assert!(may_come_later(1, None) && may_come_later(1, Some(Duration::from_millis(999))));
        assert!(!may_come_later(0, None) && !may_come_later(0, Some(Duration::ZERO)));
        assert!(!may_come_later(1, Some(STRETCH)));
    }
}
