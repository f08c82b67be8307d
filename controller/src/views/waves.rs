//! The waves of a plan or a rollout, with their databases.

use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::{Plan, PlanBody, PlannedWave, waves, waves_left};
use pgbelay_core::policy::WaveRules;
use pgbelay_core::rollout::{Rollout, Stage, Wave};
use pgbelay_core::state::State;
use pgbelay_proto::wire;

use crate::clock::rfc3339;

/// The waves that a plan would have if it started now; none where it is not divided.
#[must_use]
pub fn of_plan(state: &State, body: &PlanBody) -> Vec<wire::WaveView> {
    if body.course.waves.is_empty() || body.goal.only_records() {
        return Vec::new();
    }
    waves(state, body).into_iter().map(|wave| planned(body, wave)).collect()
}

/// The waves of a rollout: those that have started, and then those that would start.
#[must_use]
pub fn of_rollout(state: &State, plan: &Plan, rollout: &Rollout) -> Vec<wire::WaveView> {
    let body = &plan.body;
    if body.course.waves.is_empty() || body.goal.only_records() {
        return Vec::new();
    }
    let started = rollout.waves.iter().map(|wave| started(body, wave));
    let left = if rollout.state.is_finished() { Vec::new() } else { waves_left(state, body, rollout) };
    started.chain(left.into_iter().map(|wave| planned(body, wave))).collect()
}

fn planned(body: &PlanBody, wave: PlannedWave) -> wire::WaveView {
    view(body, wave.place, wave.databases.iter())
}

fn started(body: &PlanBody, wave: &Wave) -> wire::WaveView {
    let mut members: Vec<_> = wave.members.iter().collect();
    members.sort_by_key(|(_, place)| **place);
    let (state, until) = match wave.stage {
        Stage::Working => ("working", String::new()),
        Stage::Baking { until } => ("baking", rfc3339(until)),
        Stage::Verifying => ("verifying", String::new()),
        Stage::Passed => ("passed", String::new()),
    };
    let view = view(body, wave.place, members.into_iter().map(|(name, _)| name));
    wire::WaveView { state: state.to_owned(), until, ..view }
}

fn view<'a>(
    body: &PlanBody,
    place: usize,
    databases: impl Iterator<Item = &'a DatabaseName>,
) -> wire::WaveView {
    let rules = body.course.waves.get(place);
    wire::WaveView {
        number: rules.map_or(0, |_| u32::try_from(place + 1).unwrap_or(u32::MAX)),
        selects: rules.map_or_else(|| "the rest".to_owned(), selects),
        databases: databases.map(ToString::to_string).collect(),
        state: "waiting".to_owned(),
        until: String::new(),
        then: rules.map(then).unwrap_or_default(),
    }
}

fn selects(rules: &WaveRules) -> String {
    let whom =
        if rules.select.is_everything() { "what is left".to_owned() } else { rules.select.to_string() };
    match (rules.count, rules.percent) {
        (Some(count), _) => format!("{count} of {whom}"),
        (None, Some(percent)) => format!("{percent}% of {whom}"),
        (None, None) => whom,
    }
}

fn then(rules: &WaveRules) -> String {
    let bake = rules.bake.map(|span| format!("bakes {span}"));
    let pause = rules.pause.then(|| "waits for a person".to_owned());
    bake.into_iter().chain(pause).collect::<Vec<_>>().join(", then ")
}
