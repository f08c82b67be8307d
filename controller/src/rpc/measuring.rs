//! Sizes of relations, as the agents measure them now: for estimates, and for policies that let them count.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use pgbelay_core::judge::{AllJudged, Judged};
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::{AllSizes, Plan, PlanBody, TargetPlan};
use pgbelay_proto::wire;
use pgbelay_proto::wire::probe::{Kind, Measure};
use pgbelay_proto::wire::probe_answer::Answer;

use super::Services;
use super::probes::AT_ONCE;
use crate::views;

/// Files are measured in milliseconds; a person waits for it.
const MEASURE_DEADLINE: Duration = Duration::from_secs(20);

/// What was measured on each database, or why nothing was.
pub(super) type AllMeasured = BTreeMap<DatabaseName, Result<wire::Measured, String>>;

impl Services {
    /// Measures what a plan is about.
    pub(super) async fn measure_plan(&self, plan: &Plan) -> AllMeasured {
        let of = |(name, target): (&DatabaseName, &TargetPlan)| (name.clone(), of_target(&plan.body, target));
        self.measure(plan.body.targets.iter().map(of)).await
    }

    /// Measures what files are about that were judged.
    pub(super) async fn measure_judged(&self, judged: &AllJudged) -> AllMeasured {
        let of = |(name, judged): (&DatabaseName, &Arc<Judged>)| (name.clone(), of_judged(judged));
        self.measure(judged.iter().map(of)).await
    }

    async fn measure(&self, all: impl Iterator<Item = (DatabaseName, BTreeSet<String>)>) -> AllMeasured {
        let asked = all.filter(|(_, relations)| !relations.is_empty()).map(async |(name, relations)| {
            let kind = Kind::Measure(Measure { relations: relations.into_iter().collect() });
            let take = |answer| if let Answer::Measured(measured) = answer { Some(measured) } else { None };
            let measured = self.probe(&name, (kind, MEASURE_DEADLINE), take).await;
            let measured = measured.map_err(|error| error.to_string());
            (name, measured)
        });
        let asked: Vec<_> = asked.collect();
        futures_util::stream::iter(asked).buffer_unordered(AT_ONCE).collect().await
    }
}

fn of_target(body: &PlanBody, target: &TargetPlan) -> BTreeSet<String> {
    let judgements = target.steps.iter().filter_map(|step| body.judgement(step));
    judgements.flat_map(|judgement| judgement.course.relations()).map(str::to_owned).collect()
}

fn of_judged(judged: &Judged) -> BTreeSet<String> {
    let statements = judged.files.iter().flat_map(|(_, findings)| &findings.statements);
    let work = statements.flat_map(|statement| &statement.work).filter(|work| !work.new);
    work.map(|work| work.relation.clone()).collect()
}

/// The sizes among what was measured.
pub(super) fn sizes(measured: &AllMeasured) -> AllSizes {
    let known = measured.iter().filter_map(|(name, measured)| Some((name, measured.as_ref().ok()?)));
    known.map(|(name, measured)| (name.clone(), views::impact::sizes(measured))).collect()
}
