//! Plans are made from what the databases look like now, never from what they looked like.

use std::collections::BTreeSet;
use std::sync::Arc;

use pgbelay_core::access::Role;
use pgbelay_core::backup::Looks;
use pgbelay_core::decide::{self, believed, may_run, may_try, pending, planned_id, rests_on};
use pgbelay_core::digest::Digest;
use pgbelay_core::event::{Actor, Event};
use pgbelay_core::judge::AllJudged;
use pgbelay_core::name::{DatabaseName, EnvironmentName, OperatorName};
use pgbelay_core::plan::{AllHistories, AllSizes, Goal, Plan, PlanId};
use pgbelay_core::request::{Circumstances, Refusal, Request as Ask};
use pgbelay_core::state::State;
use pgbelay_proto::wire;
use pgbelay_proto::wire::create_plan_request::Goal as Wanted;
use tonic::{Request, Response, Status};

use super::{Answer, Services, not_granted, operator, parse, refused, usage, views};
use crate::clock;
use crate::rpc::measuring;
use crate::rpc::probes::not_counted;

/// Why a viewer sees no number of rows.
const NOT_FOR_VIEWERS: &str = "counted for operators and approvers only";

/// What stands for "nothing stays" in a rollback.
const BASE: &str = "base";

pub(super) async fn create(
    services: &Services,
    request: Request<wire::CreatePlanRequest>,
) -> Answer<wire::PlanView> {
    let name = operator(&request)?;
    let environment: EnvironmentName = parse(&request.get_ref().environment)?;
    let state = services.state()?;
    state.environment(&environment).map_err(|refusal| refused(&refusal))?;
    // Before any agent is asked anything.
    state.allow(&name, Role::Operator, Some(&environment)).map_err(|refusal| refused(&refusal))?;
    let goal = goal(&state, request.get_ref().goal.as_ref())?;
    let (id, state) = services.plan(&Actor::Operator(name.clone()), &environment, &goal).await?;
    view(services, &state, &id, &name).await
}

impl Services {
    /// Makes a plan from what the databases look like now; the same plan that was made before stands.
    pub(crate) async fn plan(
        &self,
        actor: &Actor,
        environment: &EnvironmentName,
        goal: &Goal,
    ) -> Result<(PlanId, Arc<State>), Status> {
        let fresh = self.refresh(environment).await?;
        let histories = match goal {
            Goal::Adopt { .. } => self.histories(&fresh).await,
            Goal::Release { .. } | Goal::Back { .. } | Goal::Undo { .. } | Goal::Baseline { .. } => {
                AllHistories::new()
            }
        };
        if goal.is_back() {
            look_at_backups(self, &fresh).await?;
        }
        let judged = judged(self, (environment, goal, &fresh), actor).await?;
        // Where policy does not let sizes count, they are no part of the plan.
        let sizes = if self.state()?.policy.refine {
            measuring::sizes(&self.measure_judged(&judged).await)
        } else {
            AllSizes::new()
        };
        let ask = Ask::CreatePlan {
            environment: environment.clone(),
            goal: goal.clone(),
            fresh: fresh.clone(),
            judged: judged.clone(),
            sizes: sizes.clone(),
            histories: histories.clone(),
        };
        let granted = self.controller.ask(actor.clone(), ask).await.map_err(not_granted)?;
        let created = granted.events.iter().find_map(|event| {
            if let Event::PlanCreated { plan } = event { Some(plan.id.clone()) } else { None }
        });
        let id = match created {
            Some(id) => id,
            // The same plan was made before, and stands.
            None => {
                let here = Circumstances { actor: actor.clone(), now: clock::now() };
                let (fresh, judged, sizes, histories) = (&fresh, &judged, &sizes, &histories);
                let wanted = decide::Wanted { environment, goal, fresh, judged, sizes, histories };
                planned_id(&granted.state, &wanted, &here).map_err(|r| refused(&r))?
            }
        };
        Ok((id, granted.state))
    }

    /// Looks at the databases of a plan that is about to be carried out: one that has moved since is told of here, not
    /// by an agent that refuses a rollout under way.
    /// How large is what it works through is measured, so that its time says how fast the databases are, and the backups
    /// are looked at that a way back rests on.
    pub(crate) async fn look_at_plan(&self, state: &State, plan: &Plan) -> Result<(AllSizes, Looks), Status> {
        let (looked, measured, looks) = tokio::join!(
            self.refresh(&plan.body.environment),
            self.measure_plan(plan),
            self.look_at_backups(rests_on(state, plan))
        );
        looked.map(|_| (measuring::sizes(&measured), looks))
    }
}

/// Has the backups looked at that open rollback windows rest on, before a way back is planned: what is on record of them
/// is then what is there. What could not be looked at keeps the rollback from being started, and not from being planned.
async fn look_at_backups(services: &Services, fresh: &BTreeSet<DatabaseName>) -> Result<(), Status> {
    let (state, now) = (services.state()?, clock::now());
    let rested_on = |name: &DatabaseName| {
        let windows = state.databases.get(name).into_iter().flat_map(|database| database.windows.values());
        let backups =
            windows.filter(|window| !window.expired(now)).filter_map(|window| window.backup.clone());
        backups.map(|backup| (name.clone(), backup)).collect::<Vec<_>>()
    };
    services.look_at_backups(fresh.iter().flat_map(rested_on).collect()).await;
    Ok(())
}

/// What the SQL that would run does to the schemas that are there.
async fn judged(
    services: &Services,
    (environment, goal, fresh): (&EnvironmentName, &Goal, &BTreeSet<DatabaseName>),
    actor: &Actor,
) -> Result<AllJudged, Status> {
    let state = services.state()?;
    let settings = state.environment(environment).map_err(|refusal| refused(&refusal))?.into();
    let here = Circumstances { actor: actor.clone(), now: clock::now() };
    let wanted = decide::Wanted {
        environment,
        goal,
        fresh,
        judged: &AllJudged::new(),
        sizes: &AllSizes::new(),
        histories: &AllHistories::new(),
    };
    let pending = pending(&state, &wanted, &here).map_err(|refusal| refused(&refusal))?;
    services.judge(&state, pending, settings).await
}

fn goal(state: &State, wanted: Option<&Wanted>) -> Result<Goal, Status> {
    match wanted {
        None => Err(usage("the request says neither a release nor a rollback target")),
        Some(Wanted::Release(digest)) => Ok(Goal::Release { release: parse(digest)? }),
        Some(Wanted::RollbackTo(target)) if target == BASE && is_version(state, target) => Err(usage(
            "a migration is called \"base\", which also stands for nothing at all: name another version that stays",
        )),
        Some(Wanted::RollbackTo(target)) if target == BASE => Ok(Goal::Back { target: None }),
        Some(Wanted::RollbackTo(target)) => Ok(Goal::Back { target: Some(parse(target)?) }),
        Some(Wanted::PromoteFrom(from)) => {
            let from: EnvironmentName = parse(from)?;
            state.environment(&from).map_err(|refusal| refused(&refusal))?;
            Ok(Goal::Release { release: carried(state, &from).map_err(|refusal| refused(&refusal))? })
        }
        Some(Wanted::Adopt(adopt)) => {
            let tool = (!adopt.tool.is_empty()).then(|| parse(&adopt.tool)).transpose()?;
            Ok(Goal::Adopt { release: parse(&adopt.release)?, tool })
        }
        Some(Wanted::Baseline(baseline)) => {
            Ok(Goal::Baseline { release: parse(&baseline.release)?, version: parse(&baseline.version)? })
        }
    }
}

/// Whether a migration is called so. Some tools know them by name.
fn is_version(state: &State, name: &str) -> bool {
    let seen = state.databases.values().filter_map(|database| database.observed.as_ref());
    seen.flat_map(|(_, seen)| &seen.records).any(|record| record.version.as_str() == name)
}

/// The release that every database of an environment carries; of several, the one that came there last.
fn carried(state: &State, environment: &EnvironmentName) -> Result<Digest, Refusal> {
    let databases: Vec<_> = state.databases_of(environment).collect();
    let candidates = databases.first().into_iter().flat_map(|d| d.carries.keys());
    let everywhere = candidates.filter(|release| databases.iter().all(|d| d.carries.contains_key(*release)));
    let since = |release: &&Digest| databases.iter().filter_map(|d| d.carries.get(*release)).max().copied();
    everywhere.max_by_key(since).copied().ok_or_else(|| Refusal::NotProven {
        environment: environment.clone(),
        missing: vec!["no release has been run there on every database".to_owned()],
    })
}

/// A plan as `reader` may see it. Counting what a rollback would destroy reads whole tables of live databases: that is
/// for those who run or approve the plan, not for everybody who may look.
pub(super) async fn view(
    services: &Services,
    state: &State,
    id: &PlanId,
    reader: &OperatorName,
) -> Answer<wire::PlanView> {
    let known = state.plan(id).map_err(|refusal| refused(&refusal))?;
    let still_to_do = state.last_rollout.get(&known.plan.body.environment) == known.plan.body.after.as_ref();
    let decides = [Role::Operator, Role::Approver]
        .into_iter()
        .any(|role| state.allow(reader, role, Some(&known.plan.body.environment)).is_ok());
    let answers = match (still_to_do, decides) {
        (true, true) => {
            let (losses, measured) =
                tokio::join!(services.losses(&known.plan), services.measure_plan(&known.plan));
            views::plan::Answers { losses, measured }
        }
        (true, false) => {
            let losses = not_counted(&known.plan, NOT_FOR_VIEWERS);
            views::plan::Answers { losses, ..Default::default() }
        }
        (false, _) => views::plan::Answers::default(),
    };
    Ok(Response::new(views::plan::plan(state, known, answers)))
}

/// Looks at what a plan is about that an operator is about to carry out.
pub(super) async fn look_again(
    services: &Services,
    id: &PlanId,
    name: &OperatorName,
) -> Result<(AllSizes, Looks), Status> {
    let state = services.state()?;
    let plan = &state.plan(id).map_err(|refusal| refused(&refusal))?.plan;
    let environment = &plan.body.environment;
    state.allow(name, Role::Operator, Some(environment)).map_err(|refusal| refused(&refusal))?;
    services.look_at_plan(&state, plan).await
}

pub(super) async fn try_out(
    services: &Services,
    request: Request<wire::TryPlanRequest>,
) -> Answer<wire::TryPlanResponse> {
    let name = operator(&request)?;
    let id: PlanId = parse(&request.get_ref().plan)?;
    let state = services.state()?;
    let plan = &state.plan(&id).map_err(|refusal| refused(&refusal))?.plan;
    state.allow(&name, Role::Operator, Some(&plan.body.environment)).map_err(|refusal| refused(&refusal))?;
    // A trial runs the SQL for real, and not everything that SQL does is taken back by ROLLBACK: it needs what a
    // rollout needs, but for the confirmation.
    believed(&state, &Actor::Operator(name.clone())).map_err(|refusal| refused(&refusal))?;
    may_run(&state, &id, clock::now()).map_err(|refusal| refused(&refusal))?;
    // It takes locks: nobody waits for it to be started again, so it is refused rather than held back.
    may_try(&state, &plan.body.environment, clock::now()).map_err(|refusal| refused(&refusal))?;
    if plan.body.goal.only_records() {
        return Err(usage("the plan runs nothing that could be tried: it only records what is applied"));
    }
    let databases = services.trials(plan).await;
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let failed = databases.iter().filter(|trial| !trial.succeeded).count();
    let record =
        Ask::RecordTrial { plan: id.clone(), databases: count(databases.len()), failed: count(failed) };
    services.controller.ask(Actor::Operator(name), record).await.map_err(not_granted)?;
    Ok(Response::new(wire::TryPlanResponse { plan: id.to_string(), succeeded: failed == 0, databases }))
}
