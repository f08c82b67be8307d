//! Questions to agents, on behalf of an operator: fresh observations, trials, counts of what would be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use pgbelay_core::Destroyed;
use pgbelay_core::event::Actor;
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::plan::{Goal, Plan, TargetPlan};
use pgbelay_core::request::Request as Ask;
use pgbelay_proto::wire;
use pgbelay_proto::wire::probe::{CountLoss, DryRun, Inspect, Kind};
use pgbelay_proto::wire::probe_answer::Answer;
use tonic::Status;

use super::Services;
use crate::fleet::ProbeError;

/// Reading a catalogue takes milliseconds; a database that is this slow is reported as not known.
const INSPECT_DEADLINE: Duration = Duration::from_secs(30);

/// Counting rows reads whole tables; the agent's own statement timeout is shorter.
const COUNT_DEADLINE: Duration = Duration::from_secs(120);

/// A trial runs whole migrations.
const TRIAL_DEADLINE: Duration = Duration::from_secs(600);

/// Agents that are asked at the same time: a fleet of thousands is not asked all at once.
pub(super) const AT_ONCE: usize = 64;

impl Services {
    /// Asks an agent something that changes nothing, and takes the answer to that question; any other is none.
    pub(super) async fn probe<T>(
        &self,
        name: &DatabaseName,
        (kind, deadline): (Kind, Duration),
        take: impl FnOnce(Answer) -> Option<T>,
    ) -> Result<T, ProbeError> {
        let answer = self.fleet.probe(name, kind, deadline).await?;
        take(answer).ok_or_else(|| ProbeError::Failed("the agent answered another question".to_owned()))
    }

    /// Asks every agent of an environment what its database looks like. Returns those that answered.
    pub(super) async fn refresh(
        &self,
        environment: &EnvironmentName,
    ) -> Result<BTreeSet<DatabaseName>, Status> {
        let state = self.state()?;
        let looked: Vec<_> = state.databases_of(environment).map(|d| self.look_at(d.name.clone())).collect();
        let names: Vec<_> = futures_util::stream::iter(looked).buffer_unordered(AT_ONCE).collect().await;
        Ok(names.into_iter().flatten().collect())
    }

    async fn look_at(&self, name: DatabaseName) -> Option<DatabaseName> {
        match self.observe(&name).await {
            Ok(()) => Some(name),
            Err(error) => {
                tracing::info!(database = %name, %error, "a database could not be looked at");
                None
            }
        }
    }

    async fn observe(&self, name: &DatabaseName) -> Result<(), ProbeError> {
        let asked = (Kind::Inspect(Inspect {}), INSPECT_DEADLINE);
        let take = |answer| if let Answer::Observation(seen) = answer { Some(seen) } else { None };
        let seen = self.probe(name, asked, take).await?;
        let observation = seen.try_into().map_err(failed)?;
        let observe = Ask::Observe { database: name.clone(), observation };
        self.controller.ask(Actor::Agent(name.clone()), observe).await.map(drop).map_err(failed)
    }

    /// Runs a plan's steps on the live databases, in transactions that are rolled back.
    pub(super) async fn trials(&self, plan: &Plan) -> Vec<wire::TrialView> {
        let asked: Vec<_> =
            plan.body.targets.iter().map(|(name, target)| self.trial(plan, name, target)).collect();
        let mut trials: Vec<_> = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
        trials.sort_by(|a, b| a.database.cmp(&b.database));
        trials
    }

    async fn trial(&self, plan: &Plan, name: &DatabaseName, target: &TargetPlan) -> wire::TrialView {
        let steps = target.steps.iter().map(Into::into).collect();
        let kind = Kind::DryRun(DryRun { steps, settings: Some((&plan.body.settings).into()) });
        let take = |answer| if let Answer::DryRun(result) = answer { Some(result) } else { None };
        trial(name, target, self.probe(name, (kind, TRIAL_DEADLINE), take).await)
    }

    /// Counts what a rollback would destroy, in each database.
    pub(super) async fn losses(&self, plan: &Plan) -> BTreeMap<DatabaseName, Vec<wire::LossView>> {
        match plan.body.goal {
            Goal::Release { .. } | Goal::Adopt { .. } | Goal::Baseline { .. } => BTreeMap::new(),
            Goal::Back { .. } | Goal::Undo { .. } => {
                let asked: Vec<_> =
                    plan.body.targets.iter().map(|(name, target)| self.count(name, target)).collect();
                let counted: Vec<_> =
                    futures_util::stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
                counted.into_iter().collect()
            }
        }
    }

    async fn count(&self, name: &DatabaseName, target: &TargetPlan) -> (DatabaseName, Vec<wire::LossView>) {
        (name.clone(), self.count_in(name, target).await)
    }

    async fn count_in(&self, name: &DatabaseName, target: &TargetPlan) -> Vec<wire::LossView> {
        let objects: Vec<_> = all_doomed(target).collect();
        if objects.is_empty() {
            return Vec::new();
        }
        let view = |object: &wire::Doomed, rows, error| loss(name, object, rows, error);
        let kind = Kind::CountLoss(CountLoss { objects: objects.clone() });
        let take = |answer| if let Answer::Loss(count) = answer { Some(count) } else { None };
        match self.probe(name, (kind, COUNT_DEADLINE), take).await {
            Ok(count) => {
                let counted =
                    count.lost.into_iter().filter_map(|lost| Some((lost.object?, lost.rows, lost.error)));
                counted.map(|(object, rows, error)| view(&object, rows, error)).collect()
            }
            Err(error) => objects.iter().map(|o| view(o, 0, error.to_string())).collect(),
        }
    }
}

/// What a rollback would destroy, for somebody for whom nothing is counted: left out, it would look like nothing.
pub(super) fn not_counted(plan: &Plan, why: &str) -> BTreeMap<DatabaseName, Vec<wire::LossView>> {
    if !plan.body.goal.is_back() {
        return BTreeMap::new();
    }
    let views = |(name, target): (&DatabaseName, &TargetPlan)| {
        let lost = all_doomed(target).map(|object| loss(name, &object, 0, why.to_owned()));
        (name.clone(), lost.collect())
    };
    plan.body.targets.iter().map(views).collect()
}

fn loss(name: &DatabaseName, object: &wire::Doomed, rows: u64, error: String) -> wire::LossView {
    wire::LossView { database: name.to_string(), object: words(object), rows, error }
}

fn all_doomed(target: &TargetPlan) -> impl Iterator<Item = wire::Doomed> {
    target.steps.iter().flat_map(|step| &step.destroys).filter_map(doomed)
}

fn failed(error: impl std::fmt::Display) -> ProbeError {
    ProbeError::Failed(error.to_string())
}

/// What can be counted before it is gone: tables and columns.
fn doomed(destroyed: &Destroyed) -> Option<wire::Doomed> {
    match destroyed {
        Destroyed::Table(table) | Destroyed::Rows(table) => {
            Some(wire::Doomed { table: table.clone(), column: String::new() })
        }
        Destroyed::Column { table, column } => {
            Some(wire::Doomed { table: table.clone(), column: column.clone() })
        }
        Destroyed::Index(_) | Destroyed::Other { .. } => None,
    }
}

fn words(object: &wire::Doomed) -> String {
    if object.column.is_empty() {
        object.table.clone()
    } else {
        format!("{}.{}", object.table, object.column)
    }
}

fn trial(
    name: &DatabaseName,
    target: &TargetPlan,
    tried: Result<wire::DryRunResult, ProbeError>,
) -> wire::TrialView {
    let (done, failure) = match tried {
        Ok(result) => (result.done, result.failure),
        Err(error) => (Vec::new(), Some(lost(error.to_string()))),
    };
    let failed_at = failure.as_ref().map(|failure| failure.version.clone());
    let steps = target.steps.iter().map(|step| {
        let version = step.version.to_string();
        let ran = done.iter().find(|d| d.version == version);
        let state = match (ran, &failed_at) {
            (Some(_), _) => "done",
            (None, Some(failed)) if *failed == version => "failed",
            (None, _) => "pending",
        };
        wire::StepView {
            version,
            name: step.name.clone(),
            state: state.to_owned(),
            took_ms: ran.map_or(0, |d| d.took_ms),
            retries: ran.map_or(0, |d| d.retries),
            observed: ran.and_then(|d| d.observed.clone()),
        }
    });
    wire::TrialView {
        database: name.to_string(),
        succeeded: failure.is_none(),
        steps: steps.collect(),
        error: failure.map(crate::views::failure),
    }
}

fn lost(message: String) -> wire::Failure {
    let hint = "check the agent with pgbelay agent list and its log".to_owned();
    wire::Failure { kind: "connection".to_owned(), message, hint, ..Default::default() }
}
