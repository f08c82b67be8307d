//! Which backups may go, and why each of the others stays.
//!
//! Whatever policy says: nothing goes without a newer complete backup of the same database (one with the rows of some tables
//! is none for those that have all of them), nothing that a rollback
//! inside an open window may need, not the one that was read again and found whole last, and nothing at all while a
//! rollout is about the database.

use serde::{Deserialize, Serialize};

use crate::backup::{BackupId, KnownBackup};
use crate::job::JobId;
use crate::name::{DatabaseName, EnvironmentName};
use crate::plan::Direction;
use crate::policy::{BackupMethod, Retention};
use crate::rollout::RolloutId;
use crate::state::State;
use crate::time::Timestamp;

/// Why a backup goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condemnation {
    /// What policy said.
    pub policy: Retention,
    /// The newest complete backup, which stays.
    pub newer: BackupId,
}

impl std::fmt::Display for Condemnation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "policy says {}; {} is newer and stays", self.policy, self.newer)
    }
}

/// Why a backup stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Keep {
    /// Policy names no retention.
    #[error("the policy names no backup_retention for {0}: nothing is deleted")]
    NoPolicy(EnvironmentName),
    /// A rollout is about the database.
    #[error("rollout {0} is about its database")]
    Rollout(RolloutId),
    /// It is the newest complete one.
    #[error("the newest complete one")]
    Newest,
    /// There is no newer complete one.
    #[error("there is no newer complete one")]
    NoNewer,
    /// A rollback window of what was run after it is open.
    #[error("a rollback window is open")]
    Window {
        /// Until when.
        until: Timestamp,
    },
    /// It is the last that was read again and found whole.
    #[error("the last one that was read again and found whole")]
    LastProven,
    /// It is the last that was restored and found to be right.
    #[error("the last one that was restored and found to be right")]
    LastRestored,
    /// A job is at work on it.
    #[error("job {0} is at work on it")]
    Job(JobId),
    /// It is among the newest.
    #[error("one of the newest {0}")]
    Count(u32),
    /// It is not old enough.
    #[error("not {0} days old yet")]
    Age(u32),
}

/// What becomes of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Stays(Keep),
    /// It may go.
    Goes(Condemnation),
    /// It was given up before, and is being deleted.
    Condemned(Condemnation),
}

/// A backup and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged<'a> {
    /// The backup.
    pub backup: &'a KnownBackup,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of each backup of a database at a moment, the newest first. Of a database that is not managed nothing
/// is said: there is nobody who could delete them.
#[must_use]
pub fn judge<'a>(state: &'a State, database: &DatabaseName, now: Timestamp) -> Vec<Judged<'a>> {
    let Some(environment) = state.databases.get(database).map(|database| &database.environment) else {
        return Vec::new();
    };
    let policy = state.policy.environment(environment).and_then(|policy| policy.backup_retention);
    let all = newest_first(state, database);
    let busy = at_work(state, database);
    let mut kinds = [BackupMethod::Full, BackupMethod::Touched].map(|method| Best::of(&all, method));
    let mut judged = Vec::new();
    for known in all.iter().copied() {
        let [whole, some] = &mut kinds;
        // Those of which something stands in for this one.
        let best = if known.backup.method == BackupMethod::Touched { &*some } else { &*whole };
        let (newest, complete_before) = (best.newest, best.complete_before);
        let fate = match (&known.condemned, policy, newest) {
            (Some(condemned), _, _) => Fate::Condemned(condemned.clone()),
            (None, None, _) => Fate::Stays(Keep::NoPolicy(environment.clone())),
            (None, Some(policy), newest) => {
                let keep = || match () {
                    () if busy.is_some() => busy.clone().map(Keep::Rollout),
                    () if newest.is_some_and(|newest| newest.id() == known.id()) => Some(Keep::Newest),
                    () if complete_before == 0 => Some(Keep::NoNewer),
                    () => None,
                };
                let own = || {
                    if let Some(job) = state.open_jobs(database).find(|job| job.restore.backup == known.id())
                    {
                        return Some(Keep::Job(job.id.clone()));
                    }
                    if best.restored.is_some_and(|last| last.id() == known.id()) {
                        return Some(Keep::LastRestored);
                    }
                    window_until(state, known, now).map(|until| Keep::Window { until }).or_else(|| {
                        let is_last = best.proven.is_some_and(|last| last.id() == known.id());
                        is_last.then_some(Keep::LastProven)
                    })
                };
                let count = || policy.keep.filter(|keep| complete_before < *keep).map(Keep::Count);
                let young = || policy.age().is_some_and(|age| now < known.made_at + age);
                let age = || policy.days.filter(|_| young()).map(Keep::Age);
                match (keep().or_else(own).or_else(count).or_else(age), newest) {
                    (Some(keep), _) => Fate::Stays(keep),
                    (None, Some(newest)) => {
                        Fate::Goes(Condemnation { policy, newer: newest.id().to_owned() })
                    }
                    (None, None) => Fate::Stays(Keep::NoNewer),
                }
            }
        };
        judged.push(Judged { backup: known, fate });
        for best in &mut kinds {
            best.complete_before += u32::from(best.takes(known) && known.counts());
        }
    }
    judged
}

/// What is kept for backups of a kind: of those that may stand in for them.
struct Best<'a> {
    method: BackupMethod,
    newest: Option<&'a KnownBackup>,
    proven: Option<&'a KnownBackup>,
    restored: Option<&'a KnownBackup>,
    /// How many complete ones have been seen so far.
    complete_before: u32,
}

impl<'a> Best<'a> {
    /// `all`: the newest first.
    fn of(all: &[&'a KnownBackup], method: BackupMethod) -> Self {
        let nothing = Self { method, newest: None, proven: None, restored: None, complete_before: 0 };
        let all = || all.iter().copied().filter(|known| nothing.takes(known));
        let proven = all().filter_map(|known| Some((known.proven_at()?, known))).max_by_key(|(at, _)| *at);
        let restored = all().filter_map(|known| Some((known.restored_at?, known))).max_by_key(|(at, _)| *at);
        Self {
            newest: all().find(|known| known.counts()),
            proven: proven.map(|(_, known)| known),
            restored: restored.map(|(_, known)| known),
            ..nothing
        }
    }

    fn takes(&self, known: &KnownBackup) -> bool {
        known.backup.method.stands_in_for(self.method)
    }
}

/// When the last rollback window closes that needs a backup, if one is open: of what was run after it, or was to be.
#[must_use]
pub fn window_until(state: &State, known: &KnownBackup, now: Timestamp) -> Option<Timestamp> {
    let database = state.databases.get(&known.database)?;
    let rollout = state.rollouts.get(&known.rollout);
    let planned = rollout
        .and_then(|rollout| state.plan_of(rollout))
        .and_then(|plan| plan.body.targets.get(&known.database));
    // What was run may not have been told: the plan says what it can have been.
    let steps = planned.into_iter().flat_map(|target| &target.steps);
    let of_plan = steps
        .filter(|step| step.direction == Direction::Up)
        .filter_map(|step| database.windows.get(&step.version));
    let own = database.windows.values().filter(|window| window.backup.as_deref() == Some(known.id()));
    of_plan.chain(own).filter(|window| !window.expired(now)).map(|window| window.until).max()
}

/// The newest complete backup that was not given up and that may stand in for this one: what makes it safe to delete it.
#[must_use]
pub fn newest_in_place_of<'a>(state: &'a State, known: &KnownBackup) -> Option<&'a KnownBackup> {
    let mut all = newest_first(state, &known.database).into_iter();
    all.find(|other| other.counts() && other.backup.method.stands_in_for(known.backup.method))
}

/// Whether a backup that was given up may be deleted at this moment: a newer complete one is there, and nobody is at
/// work on the database.
#[must_use]
pub fn may_be_deleted(state: &State, known: &KnownBackup) -> bool {
    let is_newer = |newest: &KnownBackup| newest.order() > known.order();
    known.condemned.is_some()
        && newest_in_place_of(state, known).is_some_and(is_newer)
        && at_work(state, &known.database).is_none()
}

fn newest_first<'a>(state: &'a State, database: &DatabaseName) -> Vec<&'a KnownBackup> {
    let mut all: Vec<_> = state.backups_of(database).collect();
    all.sort_by_key(|known| std::cmp::Reverse(known.order()));
    all
}

/// The rollout that is about a database.
fn at_work(state: &State, database: &DatabaseName) -> Option<RolloutId> {
    let mut open = state.open_rollouts();
    open.find(|rollout| rollout.targets.contains_key(database)).map(|rollout| rollout.id.clone())
}
