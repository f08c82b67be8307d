//! Releases, plans and approvals.

use std::collections::{BTreeMap, BTreeSet};

use crate::database::Database;
use crate::digest::Digest;
use crate::event::{Actor, Event};
use crate::name::{DatabaseName, EnvironmentName};
use crate::plan::{
    ExecutionSettings, Goal, Plan, PlanBody, PlanId, PlanProblem, TargetPlan, plan_back, plan_forward,
};
use crate::release::Release;
use crate::request::{Circumstances, Refusal};
use crate::state::{State, not_found};

pub(super) fn record_release(state: &State, release: &Release) -> Vec<Event> {
    if state.latest_release == Some(release.id) {
        return Vec::new();
    }
    vec![Event::ReleaseRecorded { release: release.clone() }]
}

pub(super) fn create(
    state: &State,
    environment: &EnvironmentName,
    goal: &Goal,
    fresh: &BTreeSet<DatabaseName>,
    here: &Circumstances,
) -> Result<Vec<Event>, Refusal> {
    let body = body(state, environment, goal, fresh, here)?;
    let Actor::Operator(author) = &here.actor else {
        return Err(Refusal::NotAllowed {
            who: here.actor.to_string(),
            needed: crate::access::Role::Operator,
            place: String::new(),
        });
    };
    let digest = body.digest();
    let id = id_of(digest)?;
    if state.plans.contains_key(&id) {
        return Ok(Vec::new());
    }
    let plan = Plan { id, digest, body, author: author.clone(), created_at: here.now };
    Ok(vec![Event::PlanCreated { plan }])
}

fn id_of(digest: Digest) -> Result<PlanId, Refusal> {
    format!("p{}", digest.short()).parse().map_err(|_| not_found("plan", digest))
}

/// The id of the plan that a request to make one makes, or has made before: it depends on what the plan binds, and nothing else.
///
/// # Errors
/// When the plan cannot be made.
pub fn planned_id(
    state: &State,
    environment: &EnvironmentName,
    goal: &Goal,
    fresh: &BTreeSet<DatabaseName>,
    here: &Circumstances,
) -> Result<PlanId, Refusal> {
    id_of(body(state, environment, goal, fresh, here)?.digest())
}

fn body(
    state: &State,
    environment: &EnvironmentName,
    goal: &Goal,
    fresh: &BTreeSet<DatabaseName>,
    here: &Circumstances,
) -> Result<PlanBody, Refusal> {
    let policy = state.environment(environment)?;
    Ok(PlanBody {
        environment: environment.clone(),
        goal: goal.clone(),
        policy_version: state.policy_version,
        after: state.last_rollout.get(environment).cloned(),
        backup: policy.backup,
        settings: ExecutionSettings::from(policy),
        targets: targets(state, environment, goal, fresh, here)?,
    })
}

fn targets(
    state: &State,
    environment: &EnvironmentName,
    goal: &Goal,
    fresh: &BTreeSet<DatabaseName>,
    here: &Circumstances,
) -> Result<BTreeMap<DatabaseName, TargetPlan>, Refusal> {
    let (mut targets, mut problems) = (BTreeMap::new(), Vec::new());
    check_goal(state, environment, goal)?;
    for database in state.databases_of(environment) {
        match target(state, database, goal, fresh, here)? {
            Ok(target) => drop(targets.insert(database.name.clone(), target)),
            Err(found) => problems.extend(found),
        }
    }
    match (problems.is_empty(), targets.is_empty()) {
        (false, _) => Err(Refusal::CannotPlan(problems)),
        (true, true) => Err(Refusal::NoDatabase(environment.clone())),
        (true, false) => Ok(targets),
    }
}

fn check_goal(state: &State, environment: &EnvironmentName, goal: &Goal) -> Result<(), Refusal> {
    let Goal::Back { target: Some(target) } = goal else { return Ok(()) };
    let applied = |d: &Database| {
        d.observed
            .as_ref()
            .is_some_and(|(_, seen)| seen.records.iter().any(|r| r.version.same_number(target)))
    };
    if state.databases_of(environment).any(|d| applied(d)) {
        return Ok(());
    }
    Err(Refusal::TargetNotApplied { target: target.to_string(), environment: environment.clone() })
}

fn target(
    state: &State,
    database: &Database,
    goal: &Goal,
    fresh: &BTreeSet<DatabaseName>,
    here: &Circumstances,
) -> Result<Result<TargetPlan, Vec<PlanProblem>>, Refusal> {
    let seen = database.observed.as_ref().filter(|_| fresh.contains(&database.name));
    let Some((_, seen)) = seen else {
        return Ok(Err(vec![PlanProblem::NotObserved { database: database.name.clone() }]));
    };
    Ok(match goal {
        Goal::Release { release } => {
            let release = state.releases.get(release).ok_or_else(|| not_found("release", release))?;
            plan_forward(&database.name, seen, release, &state.policy)
        }
        Goal::Back { target } => {
            let find = |record: &_| state.migration_of(record);
            plan_back(database, seen, target.as_ref(), find, (&state.policy, here.now))
        }
    })
}

pub(super) fn approve(state: &State, id: &PlanId, here: &Circumstances) -> Result<Vec<Event>, Refusal> {
    let known = state.plan(id)?;
    let Actor::Operator(by) = &here.actor else { return Ok(Vec::new()) };
    if known.plan.author == *by {
        return Err(Refusal::OwnPlan(by.clone()));
    }
    super::rollouts::still_valid(state, &known.plan)?;
    super::rollouts::windows_open(state, &known.plan, here.now)?;
    if known.approvals.contains(by) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::PlanApproved { plan: id.clone(), by: by.clone() }])
}
