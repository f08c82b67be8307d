//! Who may ask for what. One table: every request names who it is for.

use crate::access::Role;
use crate::event::Actor;
use crate::name::{DatabaseName, EnvironmentName, OperatorName};
use crate::request::{Refusal, Request};
use crate::state::{State, not_found};

enum Audience<'a> {
    Operator(Role, Place<'a>),
    Agent(&'a DatabaseName),
    AnyAgent,
    Controller,
}

/// Where an operator must have the role.
#[derive(Clone, Copy)]
enum Place<'a> {
    Somewhere,
    In(&'a EnvironmentName),
    Everywhere,
}

/// Whether an actor may ask for this.
///
/// # Errors
/// When it may not.
pub fn authorise(state: &State, request: &Request, actor: &Actor) -> Result<(), Refusal> {
    match (audience(state, request)?, actor) {
        (Audience::Operator(needed, place), Actor::Operator(name)) => may(state, name, needed, place),
        (Audience::Agent(database), Actor::Agent(name)) if database == name => serves(state, name),
        (Audience::AnyAgent, Actor::Agent(name)) => serves(state, name),
        (
            Audience::Controller | Audience::Operator(..) | Audience::Agent(_) | Audience::AnyAgent,
            Actor::Controller,
        ) => Ok(()),
        (Audience::Operator(needed, _), Actor::Agent(_)) => Err(not_allowed(actor, needed)),
        (Audience::Agent(_), Actor::Operator(_) | Actor::Agent(_))
        | (Audience::AnyAgent, Actor::Operator(_))
        | (Audience::Controller, Actor::Operator(_) | Actor::Agent(_)) => {
            Err(not_allowed(actor, Role::Admin))
        }
    }
}

fn may(state: &State, name: &OperatorName, needed: Role, place: Place<'_>) -> Result<(), Refusal> {
    match place {
        Place::Somewhere => state.allow(name, needed, None),
        Place::In(environment) => state.allow(name, needed, Some(environment)),
        Place::Everywhere => {
            state.allow(name, needed, None)?;
            let limited = state.operators.get(name).is_none_or(|operator| operator.environments.is_some());
            let (who, place) = (format!("operator/{name}"), " in every environment".to_owned());
            if limited { Err(Refusal::NotAllowed { who, needed, place }) } else { Ok(()) }
        }
    }
}

/// Also what was on its way when an agent was revoked is not listened to.
fn serves(state: &State, name: &DatabaseName) -> Result<(), Refusal> {
    let agent = state.agents.get(name).ok_or_else(|| not_found("agent", name))?;
    if agent.revoked { Err(Refusal::Revoked { who: Actor::Agent(name.clone()).to_string() }) } else { Ok(()) }
}

fn not_allowed(actor: &Actor, needed: Role) -> Refusal {
    Refusal::NotAllowed { who: actor.to_string(), needed, place: String::new() }
}

#[expect(clippy::too_many_lines, reason = "a line for each request")]
fn audience<'a>(state: &'a State, request: &'a Request) -> Result<Audience<'a>, Refusal> {
    let rollout =
        |id| state.rollout(id).map(|r| Audience::Operator(Role::Operator, Place::In(&r.environment)));
    let plan = |id, role| {
        state.plan(id).map(|known| Audience::Operator(role, Place::In(&known.plan.body.environment)))
    };
    Ok(match request {
        // What concerns every environment is not for an admin of some.
        Request::ApplyPolicy(_)
        | Request::AddOperator { .. }
        | Request::RevokeOperator { .. }
        | Request::AcceptLedger { .. }
        | Request::SetAside { .. }
        | Request::HearAgain { .. } => Audience::Operator(Role::Admin, Place::Everywhere),
        Request::CreateToken { database, environment, .. } => {
            // A database of another environment would be moved: that concerns both.
            let moved = state.databases.get(database).is_some_and(|known| known.environment != *environment);
            let all = moved || doubts(state, database);
            Audience::Operator(Role::Admin, if all { Place::Everywhere } else { Place::In(environment) })
        }
        Request::RevokeAgent { database, .. } | Request::RemoveDatabase { database, .. } => {
            let place = Place::In(&state.database(database)?.environment);
            Audience::Operator(Role::Admin, if doubts(state, database) { Place::Everywhere } else { place })
        }
        Request::Freeze { environment, .. } | Request::Unfreeze { environment } => {
            Audience::Operator(Role::Admin, environment.as_ref().map_or(Place::Everywhere, Place::In))
        }
        Request::OverrideWindow { rollout: id, .. } => {
            Audience::Operator(Role::Admin, Place::In(&state.rollout(id)?.environment))
        }
        Request::RecordRelease(_) => Audience::Operator(Role::Operator, Place::Somewhere),
        Request::CreatePlan { environment, .. } => Audience::Operator(Role::Operator, Place::In(environment)),
        Request::Approve { plan: id } => plan(id, Role::Approver)?,
        Request::RecordTrial { plan: id, .. } | Request::StartRollout { plan: id, .. } => {
            plan(id, Role::Operator)?
        }
        Request::PauseRollout { rollout: id }
        | Request::ResumeRollout { rollout: id }
        | Request::AbortRollout { rollout: id }
        | Request::RetryRollout { rollout: id }
        | Request::SkipTarget { rollout: id, .. }
        | Request::CancelTarget { rollout: id, .. } => rollout(id)?,
        // Whoever cuts a wait short answers for what it would have shown.
        Request::PassWave { rollout: id } => {
            state.rollout(id).map(|r| Audience::Operator(Role::Approver, Place::In(&r.environment)))?
        }
        Request::Resolve { database, .. }
        | Request::RecordCheck { database, .. }
        | Request::Condemn { database, .. } => {
            Audience::Operator(Role::Operator, Place::In(&state.database(database)?.environment))
        }
        Request::StartJob { database, restore } => {
            // Whoever puts another database in the place of a live one answers for it.
            let needed = if restore.into.is_in_place() { Role::Admin } else { Role::Operator };
            Audience::Operator(needed, Place::In(&state.database(database)?.environment))
        }
        Request::CancelJob { job } => {
            let job = state.job(job)?;
            Audience::Operator(Role::Operator, Place::In(&state.database(&job.database)?.environment))
        }
        Request::JobTaken { job } | Request::EndJob { job, .. } => match state.jobs.get(job) {
            Some(job) => Audience::Agent(&job.database),
            None => Audience::AnyAgent,
        },
        Request::Renew { database, .. }
        | Request::CertificateSeen { database, .. }
        | Request::Observe { database, .. }
        | Request::Witness { database, .. }
        | Request::AgentBack { database } => Audience::Agent(database),
        Request::Accepted { command, .. } | Request::Report { command, .. } => {
            match state.commands.get(command) {
                Some(known) => Audience::Agent(&known.command.database),
                // It has come to its end and a result is told once more: to be acknowledged, not to be refused.
                None => Audience::AnyAgent,
            }
        }
        Request::Enrol { .. }
        | Request::Contest { .. }
        | Request::NoticeWindows { .. }
        | Request::RecordLook { .. }
        | Request::BackupGone { .. }
        | Request::Advance { .. }
        | Request::GiveUpUndo { .. }
        | Request::Unreachable { .. }
        | Request::Reachable { .. }
        | Request::AgentSilent { .. } => Audience::Controller,
    })
}

/// Whether an agent's word keeps everything from going on. Whoever silences it lifts that for every environment.
fn doubts(state: &State, database: &DatabaseName) -> bool {
    state.trust.doubts.contains_key(database)
}

impl State {
    /// Whether an operator has a role, in an environment or at all.
    ///
    /// # Errors
    /// When it has not, is not known, or was revoked.
    pub fn allow(
        &self,
        name: &OperatorName,
        needed: Role,
        environment: Option<&EnvironmentName>,
    ) -> Result<(), Refusal> {
        let who = format!("operator/{name}");
        let Some(operator) = self.operators.get(name) else {
            return Err(Refusal::NotAllowed { who, needed, place: String::new() });
        };
        if operator.certificates.revoked {
            return Err(Refusal::Revoked { who });
        }
        let in_place = match (&operator.environments, environment) {
            (Some(allowed), Some(environment)) => allowed.contains(environment),
            (Some(_), None) | (None, _) => true,
        };
        if operator.role.covers(needed) && in_place {
            return Ok(());
        }
        let place = environment.map(|e| format!(" in {e}")).unwrap_or_default();
        Err(Refusal::NotAllowed { who, needed, place })
    }
}
