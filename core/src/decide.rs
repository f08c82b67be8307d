//! From a request to the events that it causes, or the reason why it causes none.
//!
//! Pure: the same state, request and circumstances give the same events. No events means: it is so already.

use crate::event::Event;
use crate::request::{Circumstances, Refusal, Request};
use crate::state::State;

mod access;
mod advance;
mod authorise;
mod backups;
mod jobs;
mod plans;
mod policy;
mod reports;
mod resolve;
mod rollouts;

pub(crate) use advance::{at_work, in_hand, lost, unsettled};
pub use authorise::authorise;
pub use backups::rests_on;
pub use jobs::{due_proofs, last_proof};
pub use plans::{Wanted, pending, planned_id};
pub use rollouts::{may_run, needs_confirmation, obstacles};

/// Decides on a request.
///
/// # Errors
/// Why it is not granted; the state is then unchanged.
pub fn decide(state: &State, request: &Request, here: &Circumstances) -> Result<Vec<Event>, Refusal> {
    authorise(state, request, &here.actor)?;
    match request {
        Request::ApplyPolicy(policy) => policy::apply(state, policy),
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
        Request::RemoveDatabase { database, reason } => access::remove_database(state, database, reason),
        Request::Observe { database, observation } => reports::observe(state, database, observation),
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
        Request::PauseRollout { rollout } => rollouts::pause(state, rollout),
        Request::ResumeRollout { rollout } => rollouts::resume(state, rollout),
        Request::AbortRollout { rollout } => rollouts::abort(state, rollout),
        Request::CancelTarget { rollout, database } => rollouts::cancel(state, rollout, database),
        Request::Resolve { database, version, done, reason } => {
            resolve::resolve(state, (database, version), (*done, reason), &here.actor)
        }
        Request::RecordCheck { database, backup, problems } => {
            backups::checked(state, (database, backup), problems)
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
        Request::Advance { rollout } => advance::advance(state, rollout, here.now),
        Request::Accepted { command, attempt } => Ok(reports::accepted(state, command, *attempt)),
        Request::Report { command, attempt, outcome } => {
            Ok(reports::report(state, command, *attempt, outcome))
        }
        Request::AgentSilent { database } => Ok(reports::agent_silent(state, database)),
        Request::AgentBack { database } => Ok(reports::agent_back(state, database)),
    }
}

#[cfg(test)]
mod tests;
