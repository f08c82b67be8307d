//! Whether the ledger is the true one: what agents say, what an admin says, and what waits until then.

use std::collections::BTreeMap;

use super::given;
use crate::access::Role;
use crate::event::{Actor, Event};
use crate::name::DatabaseName;
use crate::request::{Refusal, Request};
use crate::rollout::{RolloutId, RolloutState};
use crate::state::{State, not_found};
use crate::witness::{Checkpoint, Looked, Standing};

type Decision = Result<Vec<Event>, Refusal>;

/// A refusal for what would have a database changed, or a way back given up, while the ledger is in doubt. It names an
/// agent only to somebody who may see it.
///
/// # Errors
/// When it is.
pub fn believed(state: &State, asks: &Actor) -> Result<(), Refusal> {
    let sees = |name: &DatabaseName| match asks {
        Actor::Operator(by) => state
            .databases
            .get(name)
            .is_some_and(|known| state.allow(by, Role::Viewer, Some(&known.environment)).is_ok()),
        Actor::Agent(_) | Actor::Controller => true,
    };
    let Some(problem) = state.trust.problem_for(sees) else { return Ok(()) };
    let agent = state.trust.doubts.keys().find(|name| sees(name)).cloned();
    Err(Refusal::LedgerInDoubt { problem, agent })
}

/// What waits for an admin's word refuses until it is there. What is told, and what ends something, goes on.
pub(super) fn may_go_on(state: &State, request: &Request, asks: &Actor) -> Result<(), Refusal> {
    match request {
        Request::StartRollout { .. }
        | Request::ResumeRollout { .. }
        | Request::RetryRollout { .. }
        | Request::OverrideWindow { .. }
        | Request::PassWave { .. }
        | Request::RecordTrial { .. }
        | Request::StartJob { .. }
        | Request::Condemn { .. } => believed(state, asks),
        Request::ApplyPolicy(_)
        | Request::AddOperator { .. }
        | Request::RevokeOperator { .. }
        | Request::CreateToken { .. }
        | Request::Enrol { .. }
        | Request::Renew { .. }
        | Request::CertificateSeen { .. }
        | Request::RevokeAgent { .. }
        | Request::RemoveDatabase { .. }
        | Request::Contest { .. }
        | Request::Observe { .. }
        | Request::NoticeWindows { .. }
        | Request::RecordRelease(_)
        | Request::CreatePlan { .. }
        | Request::Approve { .. }
        | Request::PauseRollout { .. }
        | Request::AbortRollout { .. }
        | Request::CancelTarget { .. }
        | Request::SkipTarget { .. }
        | Request::Freeze { .. }
        | Request::Unfreeze { .. }
        | Request::Resolve { .. }
        | Request::RecordCheck { .. }
        | Request::CancelJob { .. }
        | Request::JobTaken { .. }
        | Request::EndJob { .. }
        | Request::RecordLook { .. }
        | Request::BackupGone { .. }
        | Request::Advance { .. }
        | Request::GiveUpUndo { .. }
        | Request::Accepted { .. }
        | Request::Report { .. }
        | Request::Unreachable { .. }
        | Request::Reachable { .. }
        | Request::AgentSilent { .. }
        | Request::AgentBack { .. }
        | Request::Witness { .. }
        | Request::AcceptLedger { .. }
        | Request::SetAside { .. }
        | Request::HearAgain { .. } => Ok(()),
    }
}

/// Whether a rollout takes no step until the ledger is believed. One that is aborted issues nothing, and may end.
pub(crate) fn waits(state: &State, id: &RolloutId) -> bool {
    let aborting = || state.rollouts.get(id).is_some_and(|r| matches!(r.state, RolloutState::Aborting));
    state.trust.is_doubted() && !aborting()
}

/// One doubt for each agent: an agent that says something else each time does not fill the ledger.
pub(super) fn witness(
    state: &State,
    database: &DatabaseName,
    witnessed: &Checkpoint,
    looked: &Looked,
) -> Vec<Event> {
    let trust = &state.trust;
    if trust.set_aside.contains_key(database) || trust.doubts.contains_key(database) {
        return Vec::new();
    }
    // As often as it is by now: what was looked at may have been looked at before an acceptance.
    let looked = Looked { head: Checkpoint { acceptances: trust.acceptances, ..looked.head }, ..*looked };
    match witnessed.against(&looked) {
        Standing::Has | Standing::Superseded => Vec::new(),
        Standing::Lacks(finding) => vec![Event::LedgerDoubted {
            database: database.clone(),
            witnessed: *witnessed,
            finding,
            head: looked.head.seq,
        }],
    }
}

/// The ledger counts as it is.
pub(super) fn accept(state: &State, reason: &str) -> Decision {
    if !state.trust.is_doubted() {
        return Ok(Vec::new());
    }
    let reason = given(reason)?;
    let witnessed: BTreeMap<_, _> =
        state.trust.doubts.iter().map(|(name, doubt)| (name.clone(), doubt.witnessed)).collect();
    Ok(vec![Event::LedgerAccepted { witnessed, reason }])
}

/// One agent's word does not count, until it is heard again or enrolled anew.
pub(super) fn set_aside(state: &State, database: &DatabaseName, reason: &str) -> Decision {
    state.database(database)?;
    if state.trust.set_aside.contains_key(database) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::WitnessSetAside { database: database.clone(), reason: given(reason)? }])
}

pub(super) fn hear_again(state: &State, database: &DatabaseName) -> Decision {
    state.databases.get(database).ok_or_else(|| not_found("database", database))?;
    let is_aside = state.trust.set_aside.contains_key(database);
    Ok(is_aside.then(|| Event::WitnessHeard { database: database.clone() }).into_iter().collect())
}
