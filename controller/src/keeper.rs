//! Looks after the backups: asks for those to be given up that policy lets go, has them deleted, and has those looked
//! at that open rollback windows rest on.
//!
//! What it remembers is when to try again; all else is in the state, so that a restart needs no code of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pgbelay_core::backup::BackupId;
use pgbelay_core::database::Database;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::request::Request;
use pgbelay_core::retention::{Fate, judge};
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::rpc::Services;

/// Agents that look at backups or delete some at the same time, on the keeper's behalf.
const AT_ONCE: usize = 8;

/// How the keeper spends its time. One value, so that tests can wait for less.
#[derive(Debug, Clone)]
pub struct KeeperTiming {
    /// How often is looked what policy lets go: a pass over all backups in memory.
    pub judge: Duration,
    /// How often the backups of a database that open windows rest on are looked at. Spread out over this time.
    pub look: Duration,
    /// How long after a deletion that failed it is tried again.
    pub retry: Duration,
}

impl Default for KeeperTiming {
    fn default() -> Self {
        Self {
            judge: Duration::from_secs(10),
            look: Duration::from_secs(3_600),
            retry: Duration::from_secs(60),
        }
    }
}

/// Looks after the backups. What it has begun ends with it.
pub struct Keeper {
    services: Services,
    timing: KeeperTiming,
    turns: Arc<Semaphore>,
    deletions: Arc<Mutex<HashMap<(DatabaseName, BackupId), Deletion>>>,
    /// When it was last looked what policy lets go, or when there was nothing to be looked at yet.
    judged: Instant,
    /// When the backups of a database are looked at next.
    looks: BTreeMap<DatabaseName, Instant>,
    stop: CancellationToken,
    _stop: DropGuard,
}

/// A deletion that was begun.
enum Deletion {
    Running,
    /// It did not come to its end; not before this moment again.
    NotBefore(Instant),
}

impl Keeper {
    /// Nothing is begun yet.
    #[must_use]
    pub fn new(services: Services, timing: KeeperTiming) -> Self {
        let stop = CancellationToken::new();
        Self {
            services,
            timing,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            deletions: Arc::default(),
            judged: Instant::now(),
            looks: BTreeMap::new(),
            stop: stop.clone(),
            _stop: stop.drop_guard(),
        }
    }

    /// Does what the clock says: the requests that have to be asked for it.
    pub fn tick(&mut self, state: &State, (now, at): (Instant, Timestamp)) -> Vec<Request> {
        self.look(state, (now, at));
        if now < self.judged + self.timing.judge {
            return Vec::new();
        }
        self.judged = now;
        if state.trust.is_doubted() {
            return Vec::new();
        }
        lock(&self.deletions).retain(|of, _| state.condemned.contains(of));
        due(state, at)
    }

    /// Has a backup deleted, unless that is under way or has just failed.
    pub fn delete(&self, database: DatabaseName, backup: BackupId) {
        if !self.services.fleet.is_connected(&database) {
            return;
        }
        let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else { return };
        let of = (database, backup);
        let mut deletions = lock(&self.deletions);
        match deletions.get(&of) {
            Some(Deletion::Running) => return,
            Some(Deletion::NotBefore(at)) if Instant::now() < *at => return,
            Some(Deletion::NotBefore(_)) | None => {}
        }
        // Agents delete one at a time.
        let is_busy = |((other, _), deletion): (&(DatabaseName, BackupId), &Deletion)| {
            *other == of.0 && matches!(deletion, Deletion::Running)
        };
        if deletions.iter().any(is_busy) {
            return;
        }
        deletions.insert(of.clone(), Deletion::Running);
        drop(deletions);
        let (services, known, retry) =
            (self.services.clone(), Arc::clone(&self.deletions), self.timing.retry);
        self.spawn(async move {
            let _turn = turn;
            let (database, backup) = &of;
            match services.delete_backup(database, backup).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(%database, backup, %error, "a backup that goes could not be deleted");
                }
            }
            // One that is gone is forgotten with the next look at what policy lets go.
            lock(&known).insert(of, Deletion::NotBefore(Instant::now() + retry));
        });
    }

    /// Has the backups looked at whose turn it is.
    fn look(&mut self, state: &State, (now, at): (Instant, Timestamp)) {
        let every = self.timing.look;
        self.looks.retain(|name, _| state.databases.contains_key(name));
        for database in state.databases.values() {
            let wanted = rested_on(database, at);
            if wanted.is_empty() {
                self.looks.remove(&database.name);
                continue;
            }
            let next =
                self.looks.entry(database.name.clone()).or_insert_with(|| now + share(&database.name, every));
            if now < *next || !self.services.fleet.is_connected(&database.name) {
                continue;
            }
            let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() else { return };
            *next = now + every;
            let (services, name) = (self.services.clone(), database.name.clone());
            let look = async move {
                let _turn = turn;
                for backup in &wanted {
                    if let Err(error) = services.look_at_backup(&name, backup).await {
                        tracing::info!(database = %name, backup, %error, "a backup could not be looked at");
                    }
                }
            };
            self.spawn(look);
        }
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        tokio::spawn(async move {
            let _ = stop.run_until_cancelled(work).await;
        });
    }
}

/// What policy lets go at a moment.
fn due(state: &State, at: Timestamp) -> Vec<Request> {
    if state.policy.environments.iter().all(|environment| environment.backup_retention.is_none()) {
        return Vec::new();
    }
    let of = |database: &DatabaseName| {
        let judged = judge(state, database, at).into_iter();
        let going = judged.filter(|judged| matches!(judged.fate, Fate::Goes(_)));
        let backups: BTreeSet<_> = going.map(|judged| judged.backup.id().to_owned()).collect();
        (!backups.is_empty()).then(|| Request::Condemn { database: database.clone(), backups })
    };
    state.databases.keys().filter_map(of).collect()
}

/// The backups that the open windows of a database rest on.
fn rested_on(database: &Database, at: Timestamp) -> BTreeSet<BackupId> {
    let open = database.windows.values().filter(|window| !window.expired(at));
    open.filter_map(|window| window.backup.clone()).collect()
}

/// A part of a time that is always the same for a database, and another for others.
fn share(name: &DatabaseName, of: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    name.as_str().hash(&mut hasher);
    let parts = u32::try_from(hasher.finish() % 1_000).unwrap_or(0);
    of * parts / 1_000
}

/// Nobody panics with it in hand, and what it holds is of use even then.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
