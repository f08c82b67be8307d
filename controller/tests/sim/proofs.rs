//! What environments have shown of releases, counted by hand from what was told: how long all of one has carried one, and
//! whether its queries were answered.

use std::collections::{BTreeMap, BTreeSet};

use pgbelay_core::command::{Answer, Said};
use pgbelay_core::database::AppliedRecord;
use pgbelay_core::digest::Digest;
use pgbelay_core::event::Event;
use pgbelay_core::name::{DatabaseName, EnvironmentName};
use pgbelay_core::rollout::{Rollout, RolloutId};
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;

/// How long all of an environment has carried a release.
#[derive(Default)]
struct Soak {
    since: Option<Timestamp>,
    /// The longest time that is over, in milliseconds.
    best: Option<i64>,
    failed: bool,
}

/// What has been shown.
#[derive(Default)]
pub(crate) struct Proofs {
    carry: BTreeMap<DatabaseName, BTreeSet<Digest>>,
    soaks: BTreeMap<(EnvironmentName, Digest), Soak>,
    /// Databases of which nobody knows how they are.
    unreachable: BTreeSet<DatabaseName>,
    /// Databases whose queries were answered as they should be since their last run.
    passed: BTreeSet<(RolloutId, DatabaseName)>,
}

impl Proofs {
    /// A database has these records, and may carry a release by that: `gains`, once a rollout of it has come to its end there.
    pub(crate) fn seen(
        &mut self,
        state: &State,
        name: &DatabaseName,
        (records, gains): (&[AppliedRecord], Option<Digest>),
        now: Timestamp,
    ) {
        let whole = |id: &Digest| {
            let is_there = |version: &pgbelay_core::migration::Version| {
                records.iter().any(|record| record.version == *version)
            };
            state
                .releases
                .get(id)
                .is_some_and(|release| release.migrations.iter().all(|m| is_there(&m.version)))
        };
        let mut carry = self.carry.remove(name).unwrap_or_default();
        let lost: Vec<_> = carry.iter().filter(|id| !whole(id)).copied().collect();
        carry.retain(|id| whole(id));
        carry.extend(gains.filter(whole));
        self.carry.insert(name.clone(), carry);
        let Some(database) = state.databases.get(name) else { return };
        let environment = database.environment.clone();
        self.settle(state, &environment, now);
        for id in lost {
            let soak = self.soaks.entry((environment.clone(), id)).or_default();
            (soak.best, soak.failed) = (None, false);
        }
    }

    fn settle(&mut self, state: &State, environment: &EnvironmentName, now: Timestamp) {
        for id in state.releases.keys() {
            let mut all = state.databases_of(environment).peekable();
            let any = all.peek().is_some();
            let carries = |name| self.carry.get(name).is_some_and(|carried| carried.contains(id));
            let whole = any && all.all(|d| carries(&d.name) && !self.unreachable.contains(&d.name));
            let soak = self.soaks.entry((environment.clone(), *id)).or_default();
            match (soak.since, whole && !soak.failed) {
                (None, true) => soak.since = Some(now),
                (Some(since), false) => {
                    soak.since = None;
                    soak.best = soak.best.max(Some((now - since).0.max(0)));
                }
                (None, false) | (Some(_), true) => {}
            }
        }
    }

    /// A database has come or gone.
    pub(crate) fn moved(&mut self, state: &State, now: Timestamp) {
        self.carry.retain(|name, _| state.databases.contains_key(name));
        self.unreachable.retain(|name| state.databases.contains_key(name));
        for environment in &state.policy.environments {
            self.settle(state, &environment.name, now);
        }
    }

    /// A database is out of reach, and has been since a moment; or it is there again.
    pub(crate) fn sight(&mut self, state: &State, event: &Event, now: Timestamp) {
        let (name, at) = match event {
            Event::DatabaseUnreachable { database, since } => {
                self.unreachable.insert(database.clone());
                (database, (*since).min(now))
            }
            Event::DatabaseReachable { database } => {
                self.unreachable.remove(database);
                (database, now)
            }
            _ => return,
        };
        if let Some(database) = state.databases.get(name) {
            self.settle(state, &database.environment, at);
        }
    }

    /// Somebody else has changed a database.
    pub(crate) fn drifted(&mut self, state: &State, name: &DatabaseName, now: Timestamp) {
        let Some(database) = state.databases.get(name) else { return };
        for ((environment, _), soak) in &mut self.soaks {
            if *environment == database.environment
                && let Some(since) = soak.since
            {
                (soak.since, soak.best) = (Some(now), soak.best.max(Some((now - since).0.max(0))));
            }
        }
    }

    /// What was run has still to answer for itself.
    pub(crate) fn ran(&mut self, rollout: &RolloutId, name: &DatabaseName) {
        self.passed.remove(&(rollout.clone(), name.clone()));
    }

    /// A database has answered; whether one of the answers was wrong.
    pub(crate) fn answered(
        &mut self,
        state: &State,
        (rollout, name): (&Rollout, &DatabaseName),
        (release, answers): (Digest, &[Answer]),
        now: Timestamp,
    ) -> bool {
        if answers.iter().all(|answer| answer.said == Said::Passed) {
            self.passed.insert((rollout.id.clone(), name.clone()));
        }
        let failed = answers.iter().any(|answer| matches!(answer.said, Said::Failed { .. }));
        if failed {
            self.soaks.entry((rollout.environment.clone(), release)).or_default().failed = true;
            self.settle(state, &rollout.environment, now);
        }
        failed
    }

    /// A rollout has come to a good end.
    pub(crate) fn succeeded(
        &mut self,
        state: &State,
        rollout: &Rollout,
        (release, asks): (Digest, bool),
        now: Timestamp,
    ) -> Option<String> {
        self.soaks.entry((rollout.environment.clone(), release)).or_default().failed = false;
        self.settle(state, &rollout.environment, now);
        let unasked = rollout.targets.iter().find(|(name, target)| {
            let passed = self.passed.contains(&(rollout.id.clone(), (*name).clone()));
            asks && !target.done.is_empty() && !passed
        });
        unasked.map(|(name, _)| format!("{} has succeeded, and {name} was not asked how it is", rollout.id))
    }

    /// Why a release has not been long enough in an environment.
    pub(crate) fn too_early(
        &self,
        environment: &EnvironmentName,
        release: &Digest,
        (needs, now): (i64, Timestamp),
    ) -> Option<String> {
        let soak = self.soaks.get(&(environment.clone(), *release))?;
        if soak.failed {
            return Some(format!("a query has failed in {environment}"));
        }
        let has = soak.best.max(soak.since.map(|since| (now - since).0.max(0)));
        (has.unwrap_or(0) < needs).then(|| format!("{environment} has carried it for {has:?} of {needs} ms"))
    }
}
