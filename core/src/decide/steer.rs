//! What a person may do to a rollout: from every state a clear answer.

use std::collections::BTreeSet;

use super::{asked_by, given};
use crate::event::{Actor, Event};
use crate::name::DatabaseName;
use crate::request::Refusal;
use crate::rollout::{PauseReason, Rollout, RolloutId, RolloutState, Stage, TargetState, Verdict};
use crate::state::State;

fn unfinished<'a>(state: &'a State, id: &RolloutId) -> Result<&'a Rollout, Refusal> {
    let rollout = state.rollout(id)?;
    match &rollout.state {
        RolloutState::Finished { verdict, .. } => {
            Err(Refusal::RolloutOver { rollout: id.clone(), verdict: *verdict })
        }
        RolloutState::Running | RolloutState::Paused { .. } | RolloutState::Aborting => Ok(rollout),
    }
}

pub(super) fn pause(state: &State, id: &RolloutId) -> Result<Vec<Event>, Refusal> {
    match &unfinished(state, id)?.state {
        // A pause of its own would end by itself; a person's does not.
        RolloutState::Running
        | RolloutState::Paused {
            reason:
                PauseReason::Unknown { .. }
                | PauseReason::AgentUnreachable { .. }
                | PauseReason::Unsettled { .. }
                | PauseReason::NoProgress { .. }
                | PauseReason::ApprovalStale { .. }
                | PauseReason::Window { .. }
                | PauseReason::Freeze { .. },
        } => Ok(vec![Event::RolloutPaused { rollout: id.clone(), reason: PauseReason::Operator }]),
        // Only a person ends these as well, and what they wait for must stay known.
        RolloutState::Paused {
            reason:
                PauseReason::Operator
                | PauseReason::Budget { .. }
                | PauseReason::Wave { .. }
                | PauseReason::Verification { .. },
        }
        | RolloutState::Aborting
        | RolloutState::Finished { .. } => Ok(Vec::new()),
    }
}

pub(super) fn resume(state: &State, id: &RolloutId) -> Result<Vec<Event>, Refusal> {
    match &unfinished(state, id)?.state {
        RolloutState::Paused { reason: PauseReason::Operator | PauseReason::NoProgress { .. } } => {
            Ok(vec![Event::RolloutResumed { rollout: id.clone() }])
        }
        // What could not be asked is asked again.
        RolloutState::Paused { reason: PauseReason::Verification { .. } } => {
            let databases = with(state.rollout(id)?, is_unverified);
            let again = Event::RolloutRetried { rollout: id.clone(), databases };
            Ok(vec![again, Event::RolloutResumed { rollout: id.clone() }])
        }
        RolloutState::Paused { reason } => {
            Err(Refusal::StillPaused { rollout: id.clone(), reason: Box::new(reason.clone()) })
        }
        RolloutState::Aborting => {
            Err(Refusal::RolloutOver { rollout: id.clone(), verdict: Verdict::Aborted })
        }
        RolloutState::Running | RolloutState::Finished { .. } => Ok(Vec::new()),
    }
}

pub(super) fn abort(state: &State, id: &RolloutId) -> Result<Vec<Event>, Refusal> {
    match &unfinished(state, id)?.state {
        RolloutState::Running | RolloutState::Paused { .. } => {
            Ok(vec![Event::RolloutAborted { rollout: id.clone() }])
        }
        RolloutState::Aborting | RolloutState::Finished { .. } => Ok(Vec::new()),
    }
}

/// What has not begun never does; what runs is ended by its agent.
pub(super) fn cancel(state: &State, id: &RolloutId, name: &DatabaseName) -> Result<Vec<Event>, Refusal> {
    let rollout = unfinished(state, id)?;
    let (id, database) = (id.clone(), name.clone());
    let target = rollout
        .targets
        .get(name)
        .ok_or_else(|| Refusal::NotATarget { rollout: id.clone(), database: database.clone() })?;
    let nothing =
        |state| Err(Refusal::NothingToCancel { rollout: id.clone(), database: database.clone(), state });
    match &target.state {
        TargetState::Due | TargetState::Running { .. } | TargetState::Unsettled { .. } => {
            let waited_for = matches!(
                &rollout.state,
                RolloutState::Paused { reason: PauseReason::Unsettled { database: name } } if *name == database
            );
            let runs = matches!(target.state, TargetState::Running { .. });
            if target.cancelled && runs {
                return Ok(Vec::new());
            }
            let goes_on = waited_for.then(|| Event::RolloutResumed { rollout: id.clone() });
            Ok([Event::TargetCancelled { rollout: id, database }].into_iter().chain(goes_on).collect())
        }
        TargetState::Done => nothing("done"),
        TargetState::Failed { .. } => nothing("failed"),
        TargetState::Refused { .. } => nothing("refused"),
        TargetState::Cancelled => Ok(Vec::new()),
        TargetState::Unknown { .. } => nothing("unknown: what its last command did cannot be told yet"),
        TargetState::Unverified { .. } => nothing("not verified: resume the rollout, or skip it"),
        TargetState::Skipped { .. } => nothing("skipped"),
        TargetState::NotReached => nothing("not reached"),
    }
}

/// What failed is due again. A pause that the failures alone were the reason for is over.
pub(super) fn retry(state: &State, id: &RolloutId) -> Result<Vec<Event>, Refusal> {
    let rollout = unfinished(state, id)?;
    if rollout.state == RolloutState::Aborting {
        return Err(Refusal::RolloutOver { rollout: id.clone(), verdict: Verdict::Aborted });
    }
    let databases = with(rollout, |state| state.is_bad() || is_unverified(state));
    if databases.is_empty() {
        return Err(Refusal::NothingToRetry { rollout: id.clone() });
    }
    let retried = Event::RolloutRetried { rollout: id.clone(), databases };
    Ok([retried].into_iter().chain(no_longer_over(rollout, 0)).collect())
}

/// The databases of targets that stand so.
fn with(rollout: &Rollout, stands: impl Fn(&TargetState) -> bool) -> BTreeSet<DatabaseName> {
    let those = rollout.targets.iter().filter(|(_, target)| stands(&target.state));
    those.map(|(name, _)| name.clone()).collect()
}

const fn is_unverified(state: &TargetState) -> bool {
    matches!(state, TargetState::Unverified { .. })
}

/// A halt ends when so few failures are left that policy allows them, and a wait for an answer or after a wave is begun anew.
fn no_longer_over(rollout: &Rollout, failures: u32) -> Option<Event> {
    let again = matches!(
        &rollout.state,
        RolloutState::Paused { reason: PauseReason::Verification { .. } | PauseReason::Wave { .. } }
    );
    if again {
        return Some(Event::RolloutResumed { rollout: rollout.id.clone() });
    }
    let RolloutState::Paused { reason: PauseReason::Budget { allowed, .. } } = &rollout.state else {
        return None;
    };
    (failures <= *allowed).then(|| Event::RolloutResumed { rollout: rollout.id.clone() })
}

/// The database is left out: its failure does not count any more, and nothing is started on it.
pub(super) fn skip(
    state: &State,
    (id, name): (&RolloutId, &DatabaseName),
    reason: &str,
    actor: &Actor,
) -> Result<Vec<Event>, Refusal> {
    let rollout = unfinished(state, id)?;
    let (by, reason) = (asked_by(actor)?, given(reason)?);
    let (rollout_id, database) = (id.clone(), name.clone());
    let target = rollout
        .targets
        .get(name)
        .ok_or_else(|| Refusal::NotATarget { rollout: id.clone(), database: name.clone() })?;
    let not = |state| Err(Refusal::NotSkippable { rollout: id.clone(), database: name.clone(), state });
    let failures = match &target.state {
        TargetState::Due | TargetState::Cancelled | TargetState::Unverified { .. } => rollout.failures(),
        TargetState::Failed { .. } | TargetState::Refused { .. } => rollout.failures().saturating_sub(1),
        TargetState::Skipped { .. } => return Ok(Vec::new()),
        TargetState::Running { .. } => return not("worked on: cancel it first"),
        TargetState::Unknown { .. } => return not("unknown: what its last command did cannot be told yet"),
        TargetState::Unsettled { .. } => {
            return not("unsettled: say what its statement did, or cancel it first");
        }
        TargetState::Done => return not("done"),
        TargetState::NotReached => return not("not reached"),
    };
    let skipped = Event::TargetSkipped { rollout: rollout_id, database, by, reason };
    Ok([skipped].into_iter().chain(no_longer_over(rollout, failures)).collect())
}

/// Cuts a bake short, or lets the next wave start where policy wants a person to.
pub(super) fn pass_wave(state: &State, id: &RolloutId, actor: &Actor) -> Result<Vec<Event>, Refusal> {
    let rollout = unfinished(state, id)?;
    let by = asked_by(actor)?;
    let passed = Event::WavePassed { rollout: id.clone(), by: Some(by) };
    let asks = state.plan_of(rollout).is_some_and(|plan| !plan.body.queries().is_empty());
    let bakes = rollout.waves.last().is_some_and(|wave| matches!(wave.stage, Stage::Baking { .. }));
    match &rollout.state {
        RolloutState::Paused { reason: PauseReason::Wave { .. } } => {
            Ok(vec![passed, Event::RolloutResumed { rollout: id.clone() }])
        }
        // The wait is cut short, not what is asked after it.
        RolloutState::Running | RolloutState::Paused { .. } if bakes && asks => {
            Ok(vec![Event::WaveVerifies { rollout: id.clone() }])
        }
        RolloutState::Running | RolloutState::Paused { .. } if bakes => Ok(vec![passed]),
        RolloutState::Running | RolloutState::Paused { .. } => {
            Err(Refusal::NothingToAdvance { rollout: id.clone() })
        }
        RolloutState::Aborting | RolloutState::Finished { .. } => {
            Err(Refusal::RolloutOver { rollout: id.clone(), verdict: Verdict::Aborted })
        }
    }
}
