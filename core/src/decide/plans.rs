//! Releases, plans and approvals.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::database::Database;
use crate::digest::Digest;
use crate::event::{Actor, Event};
use crate::history::Tool;
use crate::judge::{AllJudged, File, Judged};
use crate::migration::Version;
use crate::name::{DatabaseName, EnvironmentName, OperatorName};
use crate::plan::{
    Above, AllHistories, AllSizes, ExecutionSettings, Goal, OldTable, Plan, PlanBody, PlanId, PlanProblem,
    Scales, Step, TargetPlan, empty_waves, only_on_known_servers, plan_adopt, plan_back, plan_baseline,
    plan_forward,
};
use crate::policy::{BackupPolicy, Course, EnvironmentPolicy};
use crate::release::Release;
use crate::request::{Circumstances, Refusal};
use crate::state::{State, not_found};

pub(super) fn record_release(state: &State, release: &Release) -> Vec<Event> {
    if state.latest_release == Some(release.id) {
        return Vec::new();
    }
    vec![Event::ReleaseRecorded { release: release.clone() }]
}

/// A plan that somebody wants.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Where.
    pub environment: &'a EnvironmentName,
    /// What for.
    pub goal: &'a Goal,
    /// The databases whose state was just read.
    pub fresh: &'a BTreeSet<DatabaseName>,
    /// What was found in the SQL that will run.
    pub judged: &'a AllJudged,
    /// How large the relations are that it is about, where policy lets that count.
    pub sizes: &'a AllSizes,
    /// What the history tables of other tools hold, for a plan that adopts them.
    pub histories: &'a AllHistories,
}

pub(super) fn create(
    state: &State,
    wanted: &Wanted<'_>,
    here: &Circumstances,
) -> Result<Vec<Event>, Refusal> {
    let body = body(state, wanted, here)?;
    let empty = empty_waves(state, &body);
    if !empty.is_empty() {
        return Err(Refusal::EmptyWaves { environment: body.environment, waves: empty });
    }
    let author = author(state, wanted.goal, &here.actor)?;
    let digest = body.digest();
    let id = id_of(digest)?;
    if state.plans.contains_key(&id) {
        return Ok(Vec::new());
    }
    let plan = Plan { id, digest, body, author, created_at: here.now };
    Ok(vec![Event::PlanCreated { plan }])
}

/// Who stands for a plan. What the controller undoes by itself is in the name of whoever started what is undone.
fn author(state: &State, goal: &Goal, actor: &Actor) -> Result<OperatorName, Refusal> {
    match (goal, actor) {
        (Goal::Undo { rollout, .. }, Actor::Controller) => Ok(state.rollout(rollout)?.started_by.clone()),
        (
            Goal::Release { .. } | Goal::Back { .. } | Goal::Adopt { .. } | Goal::Baseline { .. },
            Actor::Operator(author),
        ) => Ok(author.clone()),
        (
            Goal::Undo { .. }
            | Goal::Release { .. }
            | Goal::Back { .. }
            | Goal::Adopt { .. }
            | Goal::Baseline { .. },
            Actor::Operator(_) | Actor::Agent(_) | Actor::Controller,
        ) => Err(Refusal::NotAllowed {
            who: actor.to_string(),
            needed: crate::access::Role::Operator,
            place: String::new(),
        }),
    }
}

fn id_of(digest: Digest) -> Result<PlanId, Refusal> {
    format!("p{}", digest.short()).parse().map_err(|_| not_found("plan", digest))
}

/// The id of the plan that a request to make one makes, or has made before: it depends on what the plan binds, and nothing else.
///
/// # Errors
/// When the plan cannot be made.
pub fn planned_id(state: &State, wanted: &Wanted<'_>, here: &Circumstances) -> Result<PlanId, Refusal> {
    id_of(body(state, wanted, here)?.digest())
}

/// The files that a plan would run on each database, in their order: what has to be judged before it is made.
///
/// # Errors
/// When the plan cannot be made.
pub fn pending(
    state: &State,
    wanted: &Wanted<'_>,
    here: &Circumstances,
) -> Result<BTreeMap<DatabaseName, Vec<File>>, Refusal> {
    let file = |step: &Step| File { version: step.version.clone(), direction: step.direction, sql: step.sql };
    let (judged, sizes) = Default::default();
    let mut scales = scales(state, &judged, &sizes);
    if wanted.goal.only_records() {
        return Ok(BTreeMap::new());
    }
    let targets = targets(state, wanted, here, &mut scales)?;
    Ok(targets.into_iter().map(|(name, target)| (name, target.steps.iter().map(file).collect())).collect())
}

fn scales<'a>(state: &'a State, judged: &'a AllJudged, sizes: &'a AllSizes) -> Scales<'a> {
    let rates = state.databases.iter().map(|(name, database)| (name, &database.rates));
    Scales::new(&state.policy, judged, sizes).at(rates)
}

/// What was judged for the databases as they are now, and for runs under the policy of now. Judging takes a while, and
/// the plan binds what is known when it is made.
fn that_fits(state: &State, wanted: &Wanted<'_>, settings: &ExecutionSettings) -> AllJudged {
    let fits = |(name, judged): &(&DatabaseName, &Arc<Judged>)| {
        let seen = state.databases.get(*name).and_then(|database| database.observed.as_ref());
        seen.is_some_and(|(_, seen)| judged.is_for(seen, settings))
    };
    wanted.judged.iter().filter(fits).map(|(name, judged)| (name.clone(), Arc::clone(judged))).collect()
}

fn body(state: &State, wanted: &Wanted<'_>, here: &Circumstances) -> Result<PlanBody, Refusal> {
    let environment = wanted.environment;
    let policy = state.environment(environment)?;
    let settings = ExecutionSettings::from(policy);
    let judged = that_fits(state, wanted, &settings);
    let mut scales = scales(state, &judged, wanted.sizes);
    let targets = targets(state, wanted, here, &mut scales)?;
    let settings = ExecutionSettings { old_table: old_table(state, wanted.goal, policy), ..settings };
    Ok(PlanBody {
        environment: environment.clone(),
        goal: wanted.goal.clone(),
        policy_version: state.policy_version,
        after: state.last_rollout.get(environment).cloned(),
        // Nothing of the user's is changed by what is only recorded.
        backup: if wanted.goal.only_records() { BackupPolicy::Off } else { policy.backup.clone() },
        settings,
        targets,
        judgements: scales.judgements(),
        course: Course::from(policy),
    })
}

/// The history table of the tool whose layout the migrations have. On the way back it is only written.
fn old_table(state: &State, goal: &Goal, policy: &EnvironmentPolicy) -> Option<OldTable> {
    let keep = policy.keep_history_table;
    let release = match goal {
        Goal::Release { release } => state.releases.get(release),
        Goal::Back { .. } | Goal::Undo { .. } if keep => state.releases.get(state.latest_release.as_ref()?),
        Goal::Back { .. } | Goal::Undo { .. } | Goal::Adopt { .. } | Goal::Baseline { .. } => None,
    };
    Some(OldTable { tool: Tool::of(release?.layout)?, keep })
}

fn targets(
    state: &State,
    wanted: &Wanted<'_>,
    here: &Circumstances,
    scales: &mut Scales<'_>,
) -> Result<BTreeMap<DatabaseName, TargetPlan>, Refusal> {
    let (mut targets, mut problems) = (BTreeMap::new(), Vec::new());
    check_goal(state, wanted.environment, wanted.goal)?;
    for database in state.databases_of(wanted.environment) {
        match target(state, database, wanted, (here, scales))? {
            Ok(target) => drop(targets.insert(database.name.clone(), target)),
            Err(found) => problems.extend(found),
        }
    }
    match (problems.is_empty(), targets.is_empty()) {
        (false, _) => Err(Refusal::CannotPlan(problems)),
        (true, true) => Err(Refusal::NoDatabase(wanted.environment.clone())),
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
    wanted: &Wanted<'_>,
    (here, scales): (&Circumstances, &mut Scales<'_>),
) -> Result<Result<TargetPlan, Vec<PlanProblem>>, Refusal> {
    let undone = undone(state, wanted.goal, &database.name)?;
    // Where nothing is to be taken back, it does not matter how the database is now.
    let is_left_alone = undone.as_ref().is_some_and(BTreeSet::is_empty);
    let is_fresh = is_left_alone || wanted.fresh.contains(&database.name);
    let seen = database.observed.as_ref().filter(|_| is_fresh);
    let Some((_, seen)) = seen else {
        return Ok(Err(vec![PlanProblem::NotObserved { database: database.name.clone() }]));
    };
    let planned = match wanted.goal {
        Goal::Release { release } => {
            let release = state.releases.get(release).ok_or_else(|| not_found("release", release))?;
            plan_forward(&database.name, seen, release, scales)
        }
        Goal::Back { target } => {
            let find = |record: &_| state.migration_of(record);
            let from = Above::Version(target.as_ref());
            let planned = plan_back(database, seen, from, find, (scales, here.now));
            planned.and_then(|planned| usable(state, &database.name, planned))
        }
        Goal::Undo { .. } => {
            let (find, done) = (|record: &_| state.migration_of(record), undone.unwrap_or_default());
            let planned = plan_back(database, seen, Above::These(&done), find, (scales, here.now));
            planned.and_then(|planned| usable(state, &database.name, planned))
        }
        Goal::Adopt { release, tool } => {
            let release = state.releases.get(release).ok_or_else(|| not_found("release", release))?;
            let history = wanted.histories.get(&database.name);
            plan_adopt(&database.name, seen, release, (history, *tool))
        }
        Goal::Baseline { release, version } => {
            let release = state.releases.get(release).ok_or_else(|| not_found("release", release))?;
            let planned = plan_baseline(&database.name, seen, release, version);
            planned.ok_or_else(|| not_found("migration of the release", version))?
        }
    };
    let policy = state.environment(wanted.environment)?.unknown_server;
    Ok(only_on_known_servers(planned, (&database.name, seen), policy))
}

/// What is to be taken back of a database when a rollout is undone; `None`: the goal is another one.
fn undone(state: &State, goal: &Goal, name: &DatabaseName) -> Result<Option<BTreeSet<Version>>, Refusal> {
    match goal {
        Goal::Undo { rollout, wave } => Ok(Some(super::undo::done(state.rollout(rollout)?, *wave, name))),
        Goal::Release { .. } | Goal::Back { .. } | Goal::Adopt { .. } | Goal::Baseline { .. } => Ok(None),
    }
}

/// What the windows rest on must be there.
fn usable(state: &State, name: &DatabaseName, planned: TargetPlan) -> Result<TargetPlan, Vec<PlanProblem>> {
    let unusable = planned.steps.iter().filter_map(|step| state.unusable(name, &step.version));
    let problems: Vec<_> = unusable.map(PlanProblem::Unusable).collect();
    if problems.is_empty() { Ok(planned) } else { Err(problems) }
}

pub(super) fn approve(state: &State, id: &PlanId, here: &Circumstances) -> Result<Vec<Event>, Refusal> {
    let known = state.plan(id)?;
    let Actor::Operator(by) = &here.actor else { return Ok(Vec::new()) };
    if known.plan.author == *by {
        return Err(Refusal::OwnPlan(by.clone()));
    }
    // What is being carried out is approved anew when the policy changes on its way.
    if !state.open_rollouts().any(|rollout| rollout.plan == *id) {
        super::rollouts::still_valid(state, &known.plan)?;
        super::rollouts::windows_open(state, &known.plan, here.now)?;
    }
    if known.approvals.get(by) == Some(&state.policy_version) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::PlanApproved { plan: id.clone(), by: by.clone() }])
}
