//! What environments have shown of releases: counted as databases come, go, take releases up and lose them.

use std::sync::Arc;

use super::{Place, has_all};
use crate::database::{AppliedRecord, Database, Observation};
use crate::digest::Digest;
use crate::migration::Migration;
use crate::name::{DatabaseName, EnvironmentName};
use crate::proof::{Proof, Shown};
use crate::release::Release;
use crate::state::State;
use crate::time::{Span, Timestamp};

/// A database belongs to an environment from now on, as it was before, if it was managed before.
pub(super) fn joined(
    state: &mut State,
    environment: &EnvironmentName,
    before: Option<&Database>,
    at: Timestamp,
) {
    let shown = state.shown.entry(environment.clone()).or_default();
    shown.members += 1;
    shown.unreachable += u32::from(before.is_some_and(|before| before.unreachable.is_some()));
    for release in before.iter().flat_map(|before| before.carries.keys()) {
        shown.releases.entry(*release).or_default().carriers += 1;
    }
    settle(shown, at);
}

/// A database belongs to its environment no more.
pub(super) fn left(state: &mut State, database: &Database, at: Timestamp) {
    let Some(shown) = state.shown.get_mut(&database.environment) else { return };
    shown.members = shown.members.saturating_sub(1);
    shown.unreachable = shown.unreachable.saturating_sub(u32::from(database.unreachable.is_some()));
    for release in database.carries.keys() {
        lose(shown, release);
    }
    settle(shown, at);
}

/// Nobody knows how a database has been since a moment: the time until then counts, and no other until it is there again.
pub(super) fn lost_sight(state: &mut State, name: &DatabaseName, since: Timestamp) {
    let Some(database) = state.databases.get(name) else { return };
    let Some(shown) = state.shown.get_mut(&database.environment) else { return };
    shown.unreachable += 1;
    settle(shown, since);
}

/// A database is there again: the time begins anew.
pub(super) fn sees_again(state: &mut State, name: &DatabaseName, at: Timestamp) {
    let Some(database) = state.databases.get(name) else { return };
    let Some(shown) = state.shown.get_mut(&database.environment) else { return };
    shown.unreachable = shown.unreachable.saturating_sub(1);
    settle(shown, at);
}

/// A database carries a release from now on.
pub(super) fn carries(state: &mut State, environment: &EnvironmentName, release: Digest, at: Timestamp) {
    let shown = state.shown.entry(environment.clone()).or_default();
    shown.releases.entry(release).or_default().carriers += 1;
    settle_one(shown, &release, at);
}

/// A release was taken back on a database, which carried it or has moved on from it: what it has shown counts no more.
pub(super) fn taken_back(
    state: &mut State,
    environment: &EnvironmentName,
    release: &Digest,
    carried: bool,
    at: Timestamp,
) {
    let Some(shown) = state.shown.get_mut(environment) else { return };
    if carried {
        lose(shown, release);
        settle_one(shown, release, at);
    }
    if let Some(proof) = shown.releases.get_mut(release) {
        (proof.longest, proof.failed) = (None, false);
    }
}

/// A database carries a release no more: it has moved on to something newer.
fn moved_on(state: &mut State, environment: &EnvironmentName, release: &Digest, at: Timestamp) {
    let Some(shown) = state.shown.get_mut(environment) else { return };
    lose(shown, release);
    settle_one(shown, release, at);
}

fn lose(shown: &mut Shown, release: &Digest) {
    if let Some(proof) = shown.releases.get_mut(release) {
        proof.carriers = proof.carriers.saturating_sub(1);
    }
}

fn settle(shown: &mut Shown, at: Timestamp) {
    let releases: Vec<_> = shown.releases.keys().copied().collect();
    releases.iter().for_each(|release| settle_one(shown, release, at));
}

fn settle_one(shown: &mut Shown, release: &Digest, at: Timestamp) {
    let Shown { members, unreachable, .. } = *shown;
    let Some(proof) = shown.releases.get_mut(release) else { return };
    let is_whole = members > 0 && proof.carriers == members && !proof.failed;
    if is_whole {
        // It was there, for however short a time: that is all that is asked where nothing has to soak.
        proof.longest = proof.longest.max(Some(Span::default()));
    }
    match (proof.since, is_whole && unreachable == 0) {
        (None, true) => proof.since = Some(at),
        (Some(since), false) => over(proof, since, at),
        (None, false) | (Some(_), true) => {}
    }
}

/// The time in which nothing spoke against it is over.
fn over(proof: &mut Proof, since: Timestamp, at: Timestamp) {
    proof.since = None;
    proof.longest = proof.longest.max(Some((at - since).max(Span::default())));
}

/// Somebody else changed the schema of a database: the time begins anew for all that its environment carries.
pub(super) fn drifted(state: &mut State, name: &DatabaseName, at: Timestamp) {
    let Some(database) = state.databases.get(name) else { return };
    let Some(shown) = state.shown.get_mut(&database.environment) else { return };
    for proof in shown.releases.values_mut() {
        if let Some(since) = proof.since {
            over(proof, since, at);
            proof.since = Some(at);
        }
    }
}

/// A database is as it was seen: it carries no more what is not whole there.
pub(super) fn seen(state: &mut State, name: &DatabaseName, seen: &Observation, at: Timestamp) {
    let Some(database) = state.databases.get_mut(name) else { return };
    let is_lost = |id: &&Digest| state.releases.get(*id).is_none_or(|release| !has_all(seen, release));
    let gone: Vec<_> = database.carries.keys().filter(is_lost).copied().collect();
    if gone.is_empty() {
        return;
    }
    let database = Arc::make_mut(database);
    database.carries.retain(|id, _| !gone.contains(id));
    let environment = database.environment.clone();
    for id in &gone {
        if state.releases.get(id).is_some_and(|release| stands(seen, release)) {
            moved_on(state, &environment, id, at);
        } else {
            taken_back(state, &environment, id, true, at);
        }
    }
}

/// Whether nothing of a release was taken back. What runs again when it changes is replaced by what is newer.
pub(crate) fn stands(seen: &Observation, release: &Release) -> bool {
    let stands = |m: &Migration| {
        let is_it = |r: &&AppliedRecord| r.version == m.version;
        seen.records.iter().find(is_it).is_some_and(|r| r.repeatable || r.checksum == m.up.recorded())
    };
    release.migrations.iter().all(stands)
}

/// What a verification said of the release that a rollout brings.
pub(super) fn verified(
    state: &mut State,
    (environment, release): (&EnvironmentName, &Digest),
    passed: bool,
    place: Place,
) {
    let shown = state.shown.entry(environment.clone()).or_default();
    shown.releases.entry(*release).or_default().failed = !passed;
    settle_one(shown, release, place.at);
}
