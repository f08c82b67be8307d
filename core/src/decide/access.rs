//! Operators, agents, tokens and certificates.

use std::collections::{BTreeMap, BTreeSet};

use crate::access::{Certificate, Certificates, JoinToken, Operator, RENEWAL_PAUSE, Role};
use crate::digest::Digest;
use crate::event::Event;
use crate::name::{DatabaseName, EnvironmentName, OperatorName, TokenId};
use crate::request::{Refusal, TokenFault};
use crate::state::{State, not_found};
use crate::time::Timestamp;

type Decision = Result<Vec<Event>, Refusal>;

pub(super) fn add_operator(
    state: &State,
    (name, role, environments): (&OperatorName, Role, &Option<BTreeSet<EnvironmentName>>),
    certificate: &Certificate,
    now: Timestamp,
) -> Decision {
    for environment in environments.iter().flatten() {
        state.environment(environment)?;
    }
    let operator = Operator {
        name: name.clone(),
        role,
        environments: environments.clone(),
        certificates: Certificates::new(certificate.clone()),
    };
    // Somebody who is there already may lose rights by this.
    let loses = state.operators.get(name).is_some_and(Operator::is_full_admin) && !operator.is_full_admin();
    if loses && !has_other_admin(state, name, now) {
        return Err(Refusal::LastAdmin { operator: name.clone() });
    }
    Ok(vec![Event::OperatorAdded { operator }])
}

pub(super) fn revoke_operator(
    state: &State,
    operator: &OperatorName,
    reason: &str,
    now: Timestamp,
) -> Decision {
    let known = state.operators.get(operator).ok_or_else(|| not_found("operator", operator))?;
    if known.certificates.revoked {
        return Ok(Vec::new());
    }
    if known.is_full_admin() && !has_other_admin(state, operator, now) {
        return Err(Refusal::LastAdmin { operator: operator.clone() });
    }
    Ok(vec![Event::OperatorRevoked { operator: operator.clone(), reason: reason.to_owned() }])
}

/// Whether somebody else could still add operators: one whose certificate has expired could not.
fn has_other_admin(state: &State, operator: &OperatorName, now: Timestamp) -> bool {
    let mut others = state.operators.values().filter(|other| other.name != *operator);
    others.any(|other| {
        let certificates = &other.certificates;
        other.is_full_admin() && !certificates.revoked && now < certificates.current.not_after
    })
}

pub(super) fn create_token(
    state: &State,
    (id, secret, expires_at): (&TokenId, Digest, Timestamp),
    (database, environment, labels): (&DatabaseName, &EnvironmentName, &BTreeMap<String, String>),
) -> Decision {
    state.environment(environment)?;
    stays(state, database, environment)?;
    if state.tokens.contains_key(id) {
        return Err(Refusal::BadToken { because: TokenFault::Used });
    }
    let token = JoinToken {
        id: id.clone(),
        secret,
        database: database.clone(),
        environment: environment.clone(),
        labels: labels.clone(),
        expires_at,
        used: false,
    };
    Ok(vec![Event::TokenCreated { token }])
}

/// A database goes to another environment only when no rollout is about it: the gates of the one that it leaves would not be
/// those of the one that it is in.
fn stays(state: &State, database: &DatabaseName, environment: &EnvironmentName) -> Result<(), Refusal> {
    let moves = state.databases.get(database).is_some_and(|known| known.environment != *environment);
    let busy = || state.open_rollouts().find(|rollout| rollout.targets.contains_key(database));
    match moves.then(busy).flatten() {
        Some(rollout) => Err(Refusal::Busy { database: database.clone(), rollout: rollout.id.clone() }),
        None => Ok(()),
    }
}

/// What an agent shows to be let in.
pub(super) struct Shown<'a> {
    pub(super) token: &'a TokenId,
    pub(super) secret: Digest,
    pub(super) database: &'a DatabaseName,
    pub(super) system_identifier: &'a str,
}

pub(super) fn enrol(state: &State, shown: &Shown<'_>, certificate: &Certificate, now: Timestamp) -> Decision {
    let bad = |because| Err(Refusal::BadToken { because });
    let Some(token) = state.tokens.get(shown.token).filter(|token| token.secret == shown.secret) else {
        return bad(TokenFault::Unknown);
    };
    if token.database != *shown.database {
        return bad(TokenFault::OtherName);
    }
    if token.used {
        return bad(TokenFault::Used);
    }
    if now >= token.expires_at {
        return bad(TokenFault::Expired);
    }
    state.environment(&token.environment)?;
    stays(state, shown.database, &token.environment)?;
    let known = state.databases.get(shown.database);
    if known.is_some_and(|known| known.system_identifier != shown.system_identifier) {
        return Err(Refusal::OtherDatabase { database: shown.database.clone() });
    }
    Ok(vec![Event::AgentEnrolled {
        token: shown.token.clone(),
        system_identifier: shown.system_identifier.to_owned(),
        certificate: certificate.clone(),
    }])
}

fn live<'a>(state: &'a State, database: &DatabaseName) -> Result<&'a Certificates, Refusal> {
    let agent = state.agents.get(database).ok_or_else(|| not_found("agent", database))?;
    if agent.revoked { Err(Refusal::Revoked { who: format!("agent/{database}") }) } else { Ok(agent) }
}

/// Only a certificate that counts has a successor: one that was replaced meanwhile, by an agent that was enrolled
/// anew, does not get back in.
pub(super) fn renew(
    state: &State,
    (database, serial): (&DatabaseName, &str),
    certificate: &Certificate,
) -> Decision {
    let agent = live(state, database)?;
    if !agent.accepts(serial) {
        return Err(Refusal::Revoked { who: format!("agent/{database} with certificate {serial}") });
    }
    // Successors count equally long: their ends are as far apart as their beginnings.
    let just_now = |next: &Certificate| {
        (next.not_after..next.not_after + RENEWAL_PAUSE).contains(&certificate.not_after)
    };
    if agent.next.as_ref().is_some_and(just_now) {
        return Err(Refusal::JustRenewed { database: database.clone() });
    }
    Ok(vec![Event::AgentRenewed { database: database.clone(), certificate: certificate.clone() }])
}

pub(super) fn certificate_seen(state: &State, database: &DatabaseName, serial: &str) -> Decision {
    let agent = live(state, database)?;
    if !agent.accepts(serial) {
        return Err(Refusal::Revoked { who: format!("agent/{database} with certificate {serial}") });
    }
    let is_next = agent.next.as_ref().is_some_and(|next| next.serial == serial);
    Ok(is_next.then(|| Event::RenewalUsed { database: database.clone() }).into_iter().collect())
}

pub(super) fn revoke_agent(state: &State, database: &DatabaseName, reason: &str) -> Decision {
    let agent = state.agents.get(database).ok_or_else(|| not_found("agent", database))?;
    if agent.revoked {
        return Ok(Vec::new());
    }
    Ok(vec![Event::AgentRevoked { database: database.clone(), reason: reason.to_owned() }])
}

/// Once for the certificates that there are: who is shut out stays so, also over a restart.
pub(super) fn contest(state: &State, database: &DatabaseName, places: &[String]) -> Decision {
    let agent = live(state, database)?;
    let serials: BTreeSet<_> =
        std::iter::once(&agent.current).chain(&agent.next).map(|one| one.serial.clone()).collect();
    if state.contested.get(database).is_some_and(|known| known.serials == serials) {
        return Ok(Vec::new());
    }
    let (database, places) = (database.clone(), places.to_vec());
    Ok(vec![Event::AgentContested { database, serials, places }])
}

/// Only a database that no rollout is about: what is under way comes to its end first.
pub(super) fn remove_database(state: &State, database: &DatabaseName, reason: &str) -> Decision {
    state.database(database)?;
    let busy = state.open_rollouts().find(|r| r.targets.contains_key(database));
    if let Some(rollout) = busy {
        return Err(Refusal::Busy { database: database.clone(), rollout: rollout.id.clone() });
    }
    Ok(vec![Event::DatabaseRemoved { database: database.clone(), reason: reason.to_owned() }])
}
