//! Which databases a wave has: found from labels when it starts, and from then on what is on record.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanBody;
use crate::name::DatabaseName;
use crate::policy::WaveRules;
use crate::rollout::{Rollout, TargetState};
use crate::state::State;

/// A wave with the databases that it would have if it started now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedWave {
    /// Its place in the policy, from 0; the last one has what no wave of the policy takes.
    pub place: usize,
    /// Its databases, in the order in which they would be started.
    pub databases: Vec<DatabaseName>,
}

/// The waves of a plan in the order in which they would start, as the labels are now; those without a database are left
/// out, and databases with nothing to do are in none.
#[must_use]
pub fn waves(state: &State, body: &PlanBody) -> Vec<PlannedWave> {
    let all = divide(state, body, busy(body), |_| false);
    in_order(body, all)
}

fn in_order(body: &PlanBody, all: Vec<Vec<DatabaseName>>) -> Vec<PlannedWave> {
    let with_some = |(place, databases): (usize, Vec<_>)| {
        (!databases.is_empty()).then_some(PlannedWave { place, databases })
    };
    let mut waves: Vec<_> = all.into_iter().enumerate().filter_map(with_some).collect();
    if is_back(body) {
        waves.reverse();
    }
    waves
}

/// The wave that a rollout starts next, with what the labels say at this moment; `None`: no database is left.
pub(crate) fn next_wave(state: &State, body: &PlanBody, rollout: &Rollout) -> Option<PlannedWave> {
    waves_left(state, body, rollout).into_iter().next()
}

/// The waves that a rollout has not started, as the labels are now, in the order in which they would start.
#[must_use]
pub fn waves_left(state: &State, body: &PlanBody, rollout: &Rollout) -> Vec<PlannedWave> {
    let taken = |name: &DatabaseName| rollout.waves.iter().any(|wave| wave.members.contains_key(name));
    // Who was left out, or cannot be reached, takes nobody's place.
    let is_due = |name: &DatabaseName| {
        rollout.targets.get(name).is_some_and(|target| target.state == TargetState::Due)
    };
    let left = busy(body).filter(|name| is_due(name) && !taken(name)).collect::<Vec<_>>();
    let started = |place: usize| rollout.waves.iter().any(|wave| wave.place == place);
    let all = divide(state, body, left.into_iter(), started);
    in_order(body, all)
}

/// The waves that no database is left for, from 1, whatever there is to do on the databases: a mistake, unless policy
/// says that it is none.
pub(crate) fn empty_waves(state: &State, body: &PlanBody) -> Vec<usize> {
    if body.goal.only_records() {
        return Vec::new();
    }
    let all = &body.course.waves;
    let selects = |wave: &WaveRules, name: &DatabaseName| wave.select.matches(labels(state, name));
    let unlimited = |wave: &&WaveRules| wave.count.is_none() && wave.percent.is_none();
    let gets = |place: usize, name: &DatabaseName| {
        selects(&all[place], name) && !all[..place].iter().filter(unlimited).any(|wave| selects(wave, name))
    };
    let is_empty = |place: &usize| !body.targets.keys().any(|name| gets(*place, name));
    (0..all.len()).filter(|place| !all[*place].allow_empty).filter(is_empty).map(|place| place + 1).collect()
}

/// On the way back the last wave comes first.
const fn is_back(body: &PlanBody) -> bool {
    body.goal.is_back()
}

/// Databases with something to do.
fn busy(body: &PlanBody) -> impl Iterator<Item = &DatabaseName> {
    body.targets.iter().filter(|(_, target)| !target.steps.is_empty()).map(|(name, _)| name)
}

fn labels<'a>(state: &'a State, name: &DatabaseName) -> &'a BTreeMap<String, String> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    state.databases.get(name).map_or(&NONE, |database| &database.labels)
}

/// Each wave takes what it selects of what is left, in the order of the policy; the rest is a last one.
fn divide<'a>(
    state: &State,
    body: &PlanBody,
    candidates: impl Iterator<Item = &'a DatabaseName>,
    started: impl Fn(usize) -> bool,
) -> Vec<Vec<DatabaseName>> {
    let mut left: BTreeSet<_> = candidates.cloned().collect();
    let rules: &[WaveRules] = if body.goal.only_records() { &[] } else { &body.course.waves };
    let all = busy(body).count();
    let mut waves: Vec<_> = rules
        .iter()
        .enumerate()
        .map(|(place, wave)| {
            let taken = if started(place) { Vec::new() } else { take(state, wave, &left, all) };
            for name in &taken {
                left.remove(name);
            }
            taken
        })
        .collect();
    waves.push(left.into_iter().collect());
    waves
}

fn take(state: &State, wave: &WaveRules, left: &BTreeSet<DatabaseName>, all: usize) -> Vec<DatabaseName> {
    let mut selected: Vec<_> = left.iter().filter(|name| wave.select.matches(labels(state, name))).collect();
    if let Some(label) = &wave.order_by {
        // By name already, and the order of equals stays.
        selected.sort_by_key(|name| {
            let value = labels(state, name).get(label);
            (value.is_none(), value)
        });
    }
    let most = match (wave.count, wave.percent) {
        (Some(count), _) => count as usize,
        (None, Some(percent)) => (all * percent as usize / 100).max(1),
        (None, None) => usize::MAX,
    };
    selected.into_iter().take(most).cloned().collect()
}
