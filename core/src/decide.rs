//! From a request to the events that it causes, or the reason why it causes none.
//!
//! Pure: the same state, request and circumstances give the same events. No events means: it is so already.

use crate::event::{Actor, Event};
use crate::name::OperatorName;
use crate::request::{Circumstances, Refusal, Request};
use crate::state::{State, not_found};

mod access;
mod advance;
mod authorise;
mod backups;
mod gates;
mod jobs;
mod notice;
mod plans;
mod policy;
mod reports;
mod resolve;
mod rollouts;
mod standing;
mod steer;
mod undo;
mod waves;
mod witness;

pub(crate) use advance::wants as wants_advance;
pub use authorise::authorise;
pub use backups::rests_on;
pub use gates::{freezes, frozen, held, hours, may_try, needed};
pub(crate) use gates::{is_gate, may_be_taken};
pub use jobs::{due_proofs, last_proof, proof_takes_a_key};
pub use plans::{Wanted, pending, planned_id};
pub use policy::{Prospect, prospect};
pub use rollouts::{approvals_of, may_run, needs_confirmation, obstacles, waits_for_approval};
pub use standing::{Gate, Standing, gates_of};
pub use undo::undo_wanted;
pub use witness::believed;
pub(crate) use witness::waits;

/// Decides on a request.
///
/// # Errors
/// Why it is not granted; the state is then unchanged.
#[expect(clippy::too_many_lines, reason = "one arm for each request, and each is one call")]
pub fn decide(state: &State, request: &Request, here: &Circumstances) -> Result<Vec<Event>, Refusal> {
    authorise(state, request, &here.actor)?;
    witness::may_go_on(state, request, &here.actor)?;
    match request {
        Request::ApplyPolicy(policy) => policy::apply(state, policy, here.now),
        Request::AddOperator { name, role, environments, certificate } => {
            access::add_operator(state, (name, *role, environments), certificate, here.now)
        }
        Request::RevokeOperator { operator, reason } => {
            access::revoke_operator(state, operator, reason, here.now)
        }
        Request::CreateToken { id, secret, database, environment, labels, lifetime } => {
            let expires_at = here.now + *lifetime;
            access::create_token(state, (id, *secret, expires_at), (database, environment, labels))
        }
        Request::Enrol { token, secret, database, system_identifier, certificate } => {
            let shown = access::Shown { token, secret: *secret, database, system_identifier };
            access::enrol(state, &shown, certificate, here.now)
        }
        Request::Renew { database, serial, certificate } => {
            access::renew(state, (database, serial), certificate)
        }
        Request::CertificateSeen { database, serial } => access::certificate_seen(state, database, serial),
        Request::RevokeAgent { database, reason } => access::revoke_agent(state, database, reason),
        Request::Contest { database, places } => access::contest(state, database, places),
        Request::RemoveDatabase { database, reason } => access::remove_database(state, database, reason),
        Request::Observe { database, observation } => reports::observe(state, database, observation),
        Request::NoticeWindows { environment, within } => {
            Ok(notice::windows(state, environment, (here.now, *within)))
        }
        Request::RecordRelease(release) => Ok(plans::record_release(state, release)),
        Request::CreatePlan { environment, goal, fresh, judged, sizes, histories } => {
            plans::create(state, &Wanted { environment, goal, fresh, judged, sizes, histories }, here)
        }
        Request::Approve { plan } => plans::approve(state, plan, here),
        Request::RecordTrial { plan, databases, failed } => {
            state.plan(plan)?;
            Ok(vec![Event::PlanTried { plan: plan.clone(), databases: *databases, failed: *failed }])
        }
        Request::StartRollout { plan, confirmation, acknowledged, sizes, looks } => {
            rollouts::start(state, (plan, sizes, looks), (*confirmation, acknowledged), here)
        }
        Request::PauseRollout { rollout } => steer::pause(state, rollout),
        Request::ResumeRollout { rollout } => steer::resume(state, rollout),
        Request::AbortRollout { rollout } => steer::abort(state, rollout),
        Request::CancelTarget { rollout, database } => steer::cancel(state, rollout, database),
        Request::RetryRollout { rollout } => steer::retry(state, rollout),
        Request::SkipTarget { rollout, database, reason } => {
            steer::skip(state, (rollout, database), reason, &here.actor)
        }
        Request::GiveUpUndo { rollout, why } => undo::give_up(state, rollout, why),
        Request::PassWave { rollout } => steer::pass_wave(state, rollout, &here.actor),
        Request::OverrideWindow { rollout, reason } => gates::override_window(state, (rollout, reason), here),
        Request::Freeze { environment, reason } => gates::freeze(state, (environment.as_ref(), reason), here),
        Request::Unfreeze { environment } => gates::unfreeze(state, environment.as_ref(), here),
        Request::Resolve { database, version, done, reason } => {
            resolve::resolve(state, (database, version), (*done, reason), &here.actor)
        }
        Request::RecordCheck { database, backup, problems, notes } => {
            backups::checked(state, (database, backup), problems, notes)
        }
        Request::StartJob { database, restore } => jobs::start(state, database, restore, here),
        Request::CancelJob { job } => jobs::cancel(state, job),
        Request::JobTaken { job } => jobs::taken(state, job),
        Request::EndJob { job, end } => jobs::end(state, job, end),
        Request::RecordLook { database, backup, problems } => {
            Ok(backups::looked(state, (database, backup), problems))
        }
        Request::Condemn { database, backups } => Ok(backups::condemn(state, (database, backups), here.now)),
        Request::BackupGone { database, backup } => Ok(backups::gone(state, database, backup)),
        Request::Advance { rollout } if waits(state, rollout) => Ok(Vec::new()),
        Request::Advance { rollout } => advance::advance(state, rollout, here.now),
        Request::Accepted { command, attempt } => Ok(reports::accepted(state, command, *attempt)),
        Request::Report { command, attempt, outcome } => {
            Ok(reports::report(state, command, *attempt, outcome))
        }
        Request::Witness { database, witnessed, looked } => {
            Ok(witness::witness(state, database, witnessed, looked))
        }
        Request::AcceptLedger { reason } => witness::accept(state, reason),
        Request::SetAside { database, reason } => witness::set_aside(state, database, reason),
        Request::HearAgain { database } => witness::hear_again(state, database),
        Request::Unreachable { database, since } => Ok(reports::unreachable(state, database, *since)),
        Request::Reachable { database } => Ok(reports::reachable(state, database)),
        Request::AgentSilent { database } => Ok(reports::agent_silent(state, database)),
        Request::AgentBack { database } => Ok(reports::agent_back(state, database)),
    }
}

/// Who asks, where only a person can.
fn asked_by(actor: &Actor) -> Result<OperatorName, Refusal> {
    match actor {
        Actor::Operator(name) => Ok(name.clone()),
        Actor::Agent(_) | Actor::Controller => Err(not_found("operator", actor)),
    }
}

/// The reason that somebody gave.
fn given(reason: &str) -> Result<String, Refusal> {
    let reason = reason.trim();
    if reason.is_empty() { Err(Refusal::NoReason) } else { Ok(reason.to_owned()) }
}

#[cfg(test)]
mod tests;
