//! What agents do with backups outside of rollouts: whether it may be done, and when a backup is due to be proven.

use crate::backup::KnownBackup;
use crate::database::Database;
use crate::digest::Digest;
use crate::event::{Actor, Event};
use crate::job::{Destination, Job, JobEnd, JobId, Restore, TEMPORARY_DATABASES};
use crate::name::DatabaseName;
use crate::policy::BackupMethod;
use crate::request::{Circumstances, Refusal};
use crate::state::{State, not_found};
use crate::time::{Span, Timestamp};

type Decision = Result<Vec<Event>, Refusal>;

/// PostgreSQL's own limit for an identifier, in bytes.
const MAX_IDENTIFIER: usize = 63;

/// Characters of a job's mark: short enough to type.
const MARK: usize = 6;

/// Most tables that one job names, and most roles.
const MAX_NAMES: usize = 1_000;

/// After a proof that failed, the next one comes no later than this.
const AFTER_FAILURE: Span = Span::hours(24);

pub(super) fn start(
    state: &State,
    database: &DatabaseName,
    restore: &Restore,
    here: &Circumstances,
) -> Decision {
    state.database(database)?;
    let known = state.backup(database, &restore.backup)?;
    restorable(known, restore)?;
    match state.agents.get(database) {
        Some(agent) if !agent.revoked => {}
        Some(_) | None => {
            return Err(Refusal::Revoked { who: Actor::Agent(database.clone()).to_string() });
        }
    }
    let by = match &here.actor {
        Actor::Operator(name) => Some(name.clone()),
        Actor::Controller | Actor::Agent(_) => None,
    };
    let mut events = Vec::new();
    for open in state.open_jobs(database) {
        // What policy asks for can be done later.
        let gives_way = open.by.is_none() && by.is_some();
        match (gives_way, open.cancelled) {
            (true, false) => events.push(Event::JobCancelled { job: open.id.clone() }),
            (_, true) => {}
            (false, false) => {
                return Err(Refusal::JobAtWork { database: database.clone(), job: open.id.clone() });
            }
        }
    }
    if restore.into.touches_database() {
        let busy = state.open_rollouts().find(|r| r.targets.contains_key(database));
        if let Some(rollout) = busy {
            return Err(Refusal::Busy { database: database.clone(), rollout: rollout.id.clone() });
        }
    }
    // A number for people, and a mark of the circumstances: a ledger that was put back from an old copy never gives out an
    // identity that an agent has on its disk.
    let number = state.jobs.len() + 1;
    let parts = [database.to_string(), restore.backup.clone(), here.now.0.to_string(), state.seq.to_string()];
    let mark = Digest::of_parts("pgbelay job 1", parts.iter().map(String::as_bytes)).to_string();
    let mark: String = mark.chars().take(MARK).collect();
    let job: JobId = format!("j{number}-{mark}").parse().map_err(|_| not_found("job", number))?;
    events.push(Event::JobStarted { job, database: database.clone(), by, restore: restore.clone() });
    Ok(events)
}

fn restorable(known: &KnownBackup, restore: &Restore) -> Result<(), Refusal> {
    let no = |why: String| Err(Refusal::NotRestorable { backup: known.id().to_owned(), why });
    if known.condemned.is_some() {
        return no("it is being deleted".to_owned());
    }
    if let Some(problem) = known.problems().first() {
        return no(format!("it is not whole: {problem}"));
    }
    match known.backup.method {
        BackupMethod::Full => {}
        BackupMethod::Touched if restore.into.is_in_place() => {
            let why = "it has the rows of only those tables that its run touches: bring them back into a new database, or \
                       with --tables beside the others";
            return no(why.to_owned());
        }
        BackupMethod::Touched => {}
        BackupMethod::Command => {
            let place = known.backup.outside.as_deref().unwrap_or("a place that its manifest names");
            let why = "it was made by a program of the agent's machine, which alone can restore it";
            return no(format!("{why}: it is at {place}"));
        }
        BackupMethod::RestorePoint => {
            let why = "it is a point in the server's log and has no rows: restore the server to it from its archive";
            return no(why.to_owned());
        }
    }
    let fits = |name: &String| (1..=MAX_IDENTIFIER).contains(&name.len());
    match &restore.into {
        Destination::Scratch => Ok(()),
        Destination::New { name } if !fits(name) => {
            no(format!("a database's name has 1 to {MAX_IDENTIFIER} bytes"))
        }
        Destination::New { name } => {
            let temporary = TEMPORARY_DATABASES.into_iter().find(|prefix| name.starts_with(prefix));
            temporary.map_or(Ok(()), |prefix| {
                no(format!("what is called {prefix}… is dropped when it is left over: choose another name"))
            })
        }
        Destination::Tables { tables, schema } => {
            if !fits(schema) || schema.starts_with("pg_") {
                return no(format!(
                    "a schema's name has 1 to {MAX_IDENTIFIER} bytes, and does not start with pg_"
                ));
            }
            let fine =
                (1..=MAX_NAMES).contains(&tables.len()) && tables.iter().all(|table| !table.is_empty());
            if fine { Ok(()) } else { no(format!("from 1 to {MAX_NAMES} tables must be named")) }
        }
        Destination::InPlace { cut_off } if cut_off.len() > MAX_NAMES => {
            no(format!("at most {MAX_NAMES} roles are taken"))
        }
        Destination::InPlace { .. } => Ok(()),
    }
}

pub(super) fn cancel(state: &State, id: &JobId) -> Decision {
    let job = state.job(id)?;
    match (job.is_open(), job.cancelled) {
        (false, _) => Err(Refusal::JobOver(id.clone())),
        (true, true) => Ok(Vec::new()),
        (true, false) => Ok(vec![Event::JobCancelled { job: id.clone() }]),
    }
}

pub(super) fn taken(state: &State, id: &JobId) -> Decision {
    let fits = state.jobs.get(id).is_some_and(|job| job.is_open() && !job.taken);
    Ok(fits.then(|| Event::JobTaken { job: id.clone() }).into_iter().collect())
}

/// Takes an end once. One that cannot be true is none.
pub(super) fn end(state: &State, id: &JobId, end: &JobEnd) -> Decision {
    let Some(job) = state.jobs.get(id).filter(|job| job.is_open()) else { return Ok(Vec::new()) };
    let end = match contradiction(state, job, end) {
        Some(what) => JobEnd::Interrupted { why: format!("the agent's report cannot be true: {what}") },
        None => end.clone(),
    };
    Ok(vec![Event::JobEnded { job: id.clone(), end }])
}

/// Only a restore in place makes the managed database another one, and that one is on the same server.
fn contradiction(state: &State, job: &Job, end: &JobEnd) -> Option<&'static str> {
    let JobEnd::Restored(restored) = end else { return None };
    match (&restored.observation, job.restore.into.is_in_place()) {
        (None, false) => None,
        (None, true) => Some("it does not tell which database is there now"),
        (Some(_), false) => Some("it tells of another database, and none was to be put in its place"),
        (Some(seen), true) => {
            let known = state.databases.get(&job.database)?;
            let same = server(&known.system_identifier) == server(&seen.system_identifier);
            (!same).then_some("the database that is there now is on another server")
        }
    }
}

/// The part of a database's identity that names its server.
pub(super) fn server(identity: &str) -> &str {
    identity.split_once('/').map_or(identity, |(server, _)| server)
}

/// Whether another database may just have been put in a database's place, so that its new identity is not known yet.
pub(super) fn is_being_replaced(state: &State, database: &DatabaseName) -> bool {
    state.open_jobs(database).any(|job| job.taken && job.restore.into.is_in_place())
}

/// A restore that changes the database itself and is to be done, or is at work.
pub(super) fn changing<'a>(state: &'a State, database: &'a DatabaseName) -> Option<&'a Job> {
    state.open_jobs(database).find(|job| job.restore.into.touches_database())
}

/// The backups that policy wants to be proven now: of each environment one at a time, the one that waits longest. A
/// database whose agent is not there (`is_there`) keeps nobody else waiting.
#[must_use]
pub fn due_proofs(
    state: &State,
    now: Timestamp,
    is_there: impl Fn(&DatabaseName) -> bool,
) -> Vec<(DatabaseName, Restore)> {
    let drilled = state.policy.environments.iter().filter_map(|e| Some((&e.name, e.drill_every?)));
    let due = drilled.filter_map(|(environment, every)| {
        let is_busy = |database: &Database| {
            is_there(&database.name) && state.open_jobs(&database.name).any(|job| job.by.is_none())
        };
        if state.databases_of(environment).any(|database| is_busy(database)) {
            return None;
        }
        let there = state.databases_of(environment).filter(|database| is_there(&database.name));
        let waits = there.filter_map(|database| {
            let since = waits_since(state, database, every, now)?;
            let known = to_be_proven(state.backups_of(&database.name)).filter(|known| !takes_a_key(known))?;
            Some((since, database.name.clone(), known.id().to_owned()))
        });
        waits.min().map(|(_, database, backup)| (database, Restore { backup, into: Destination::Scratch }))
    });
    due.collect()
}

/// The backup that a proof of a database would be about: the newest whole one that has rows. An older one in its place
/// would prove nothing of it.
fn to_be_proven<'s>(backups: impl IntoIterator<Item = &'s KnownBackup>) -> Option<&'s KnownBackup> {
    let rows = |known: &&KnownBackup| known.backup.method.has_rows() && known.counts();
    backups.into_iter().filter(rows).max_by_key(|known| known.order())
}

/// Whether policy cannot have a backup of a database proven, of which these are all: the newest is encrypted, and nobody
/// but an owner of its key can have it restored.
#[must_use]
pub fn proof_takes_a_key<'s>(backups: impl IntoIterator<Item = &'s KnownBackup>) -> bool {
    to_be_proven(backups).is_some_and(takes_a_key)
}

fn takes_a_key(known: &KnownBackup) -> bool {
    known.backup.sealed_key.is_some()
}

/// Since when a database waits for a proof; `None`: it does not.
fn waits_since(state: &State, database: &Database, every: Span, now: Timestamp) -> Option<Timestamp> {
    if state.open_jobs(&database.name).next().is_some() {
        return None;
    }
    let Some((at, proven)) = state.last_proofs.get(&database.name) else { return Some(Timestamp(0)) };
    let wait = if *proven { every } else { every.min(AFTER_FAILURE) };
    (now >= *at + wait).then_some(*at)
}

/// When one of these backups was last restored and found to be right.
#[must_use]
pub fn last_proof<'s>(backups: impl IntoIterator<Item = &'s KnownBackup>) -> Option<Timestamp> {
    backups.into_iter().filter_map(|known| known.restored_at).max()
}
