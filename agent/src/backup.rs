//! Backups with pg_dump: made, checked, published, or nothing at all.
//!
//! A backup is a directory, `<backup dir>/<database>/<time>-<rollout>-<command>`: what pg_dump has written, by as many
//! sessions as the machine has processors, and a signed manifest with the digest of every part (`manifest`). The digests
//! are made while pg_dump works (`parts`). The directory has a temporary name until all of it is on disk: whatever has a
//! proper name is whole. `docs/backups.md` says how a person restores one with PostgreSQL's own programs.

use std::path::Path;
use std::time::Duration;

use age::x25519::Recipient;
use pgbelay_core::command::{Backup, BackupOrder, Failure, FailureKind, Outcome, RefusedBecause};
use pgbelay_core::database::Observation;
use pgbelay_core::digest::Digest;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::plan::Expectation;
use pgbelay_core::policy::{BackupMethod, MethodRule};
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::convert::WireCommand;
use pgbelay_proto::tls::Credentials;
use tokio_postgres::error::SqlState;

use crate::config::{BackupProgram, Stores};
use crate::database::{
    Control, DUMP, Fault, InspectError, Session, Target, connect, difference, observe_outlined,
};
use crate::failpoint::reach;
use crate::words;

mod child;
mod contents;
mod full;
mod look;
mod manifest;
mod outside;
mod parts;
mod place;
mod programs;
mod progress;
mod publish;
mod rehearse;
mod remove;
mod restore;
mod restore_point;
mod seal;
mod space;
pub mod stores;
mod throttle;
mod touched;
mod verify;

pub use look::look;
pub use place::{LeftoverError, ending, remove_leftovers};
pub use rehearse::{RehearsalRequest, drop_copies, rehearse};
pub use remove::{RemoveError, remove};
pub(crate) use restore::patiently;
pub use restore::{Mark, RestoreRequest, recover, restore};
pub use verify::verify;

use contents::Contents;
use place::Place;
use publish::{Facts, Kind, Published};
use stores::{Early, NotKept, Store};
use touched::Rows;

/// What a backup is for.
#[derive(Debug, Clone, Copy)]
pub struct BackupRequest<'a> {
    /// The command that asks for it.
    pub command: &'a WireCommand,
    /// The state that the database must be in.
    pub expect: &'a Expectation,
    /// Of what kind, and how.
    pub order: &'a BackupOrder,
    /// Where pg_dump and pg_restore are; `None`: they are looked for.
    pub programs: Option<&'a Path>,
    /// What makes backups of the kind `command`; `None`: nothing does.
    pub outside: Option<&'a BackupProgram>,
    /// Whose key signs the manifest.
    pub signer: &'a Credentials,
    /// Where it goes beside the directory.
    pub stores: &'a Stores,
    /// Who alone can read it; nobody: everybody who can read the directory.
    pub encrypt_to: &'a [Recipient],
}

/// Why there is no backup.
#[derive(Debug)]
enum Stop {
    Failed(Box<Failure>),
    Refused(RefusedBecause),
    Cancelled,
}

/// Makes a backup of the database below `dir`, of the kind that is asked for.
///
/// Gives [`Outcome::BackedUp`], or one of `Failed`, `Refused` and `Cancelled`; then nothing is left behind.
pub async fn back_up(
    target: &Target,
    dir: &Path,
    request: &BackupRequest<'_>,
    control: &Control<'_>,
) -> Outcome {
    match Box::pin(make(target, dir, request, control)).await {
        Ok(backup) => Outcome::BackedUp { backup },
        Err(Stop::Failed(failure)) => {
            Outcome::Failed { done: Vec::new(), failure: *failure, observation: None }
        }
        Err(Stop::Refused(reason)) => Outcome::Refused { reason },
        Err(Stop::Cancelled) => Outcome::Cancelled { done: Vec::new(), observation: None },
    }
}

async fn make(
    target: &Target,
    dir: &Path,
    request: &BackupRequest<'_>,
    control: &Control<'_>,
) -> Result<Backup, Stop> {
    let started = jiff::Timestamp::now();
    if Timestamp(started.as_millisecond()) > request.command.not_after {
        return Err(Stop::Refused(RefusedBecause::TooLate));
    }
    control.say(0, 0, "backup: connecting".to_owned());
    let (stores, database) = (request.stores, &request.command.database);
    // Before anything else: what cannot be kept is not worth making.
    let open_stores = Box::pin(stores::enough(stores, database)).await.map_err(Stop::Failed)?;
    // Before there is a snapshot: nobody waits for it.
    stores::clear_up(&open_stores, &dir.join(database.as_str()), control.cancel).await;
    let session = open(target).await?;
    session.end_others(DUMP).await.map_err(|fault| lost(&fault))?;
    // The snapshot comes first: when the look after it finds what was expected, the snapshot has it too.
    let contents = Contents::look(&session).await.map_err(|fault| held(&fault))?;
    let looks = open(target).await?;
    let (seen, outline) = expected(&looks, target, request.expect).await?;
    reach("backup-before-intent").await;
    let place = Place::make(dir, request.command, started).await;
    let place = place.map_err(|error| Stop::Failed(error.failure()))?;
    reach("backup-after-intent").await;
    let mut early = Early::new(&open_stores, &place.parent, &place.id);
    let about = (started, contents, (seen, outline));
    let made = Box::pin(made((target, request), (place, &mut early), (session, looks), about, control)).await;
    let published = match made {
        Ok(published) => published,
        Err(stop) => {
            early.give_up().await;
            return Err(stop);
        }
    };
    let copies = kept(&published, (stores, &open_stores), (database, early), control).await?;
    let took = Span(jiff::Timestamp::now().as_millisecond() - started.as_millisecond());
    reach("backup-after-commit").await;
    let Published { path, sha256, bytes, method, reason, outside, sealed_key } = published;
    let mut copies = copies;
    let mut location = path.to_string_lossy().into_owned();
    if !stores.keep_local && !copies.is_empty() {
        // What is whole elsewhere may go here; one that stays does no harm.
        if let Err(error) = remove(&path, sha256).await {
            tracing::warn!(error = words::line(&error), "the local copy of a backup is still there");
        }
        location = copies.remove(0);
    }
    Ok(Backup { path: location, copies, sha256, bytes, took, method, reason, outside, sealed_key })
}

/// Makes it, and gives it its proper name on disk. What is large goes to stores meanwhile.
async fn made(
    (target, request): (&Target, &BackupRequest<'_>),
    (place, early): (Place, &mut Early),
    (session, looks): (Session, Session),
    (started, mut contents, (seen, outline)): (jiff::Timestamp, Contents, (Observation, Digest)),
    control: &Control<'_>,
) -> Result<Published, Stop> {
    let chosen = choose(request, target, (&session, &mut contents)).await?;
    let kind = match chosen.method {
        BackupMethod::Full | BackupMethod::Touched => {
            let what = (&contents, chosen.some);
            let with = (&mut *early, control);
            Kind::Dump(full::dumped((target, request), what, &place, (session, looks), with).await?)
        }
        BackupMethod::RestorePoint => {
            session.close().await;
            let patience = u64::try_from(request.order.archive_timeout.0).unwrap_or_default();
            let patience = Duration::from_millis(patience);
            let point = restore_point::make(&looks, request.command, patience, control).await?;
            // What is in the log up to the point is what the plan was made for: it was so before, and is so after.
            expected(&looks, target, request.expect).await?;
            looks.close().await;
            reach("backup-after-effect").await;
            Kind::RestorePoint(point)
        }
        BackupMethod::Command => {
            // It may take hours, and needs nothing of these.
            session.close().await;
            looks.close().await;
            let told = outside::Told {
                target,
                command: request.command,
                contents: &contents,
                system_identifier: &seen.system_identifier,
                fingerprint: seen.fingerprint,
                server_version: seen.server_version,
            };
            let made = outside::made(request.outside, told, control).await?;
            let looks = open(target).await?;
            expected(&looks, target, request.expect).await?;
            looks.close().await;
            reach("backup-after-effect").await;
            Kind::Command(made)
        }
    };
    let facts = Facts { started, contents, seen, outline, kind, reason: chosen.reason };
    let published = publish::publish(place, facts, request.command, request.signer).await;
    published.map_err(|error| Stop::Failed(error.failure()))
}

/// What kind of backup is made.
struct Chosen {
    method: BackupMethod,
    /// Why, where that was left open or is not what was asked for.
    reason: Option<String>,
    /// The tables whose rows are in it, where not all are.
    some: Option<touched::Selected>,
}

/// Chooses the kind of backup: by what was asked for, by sizes, and by whether it can be told what is touched. Tables that
/// are left out are taken out of `contents`. `session` has the snapshot.
async fn choose(
    request: &BackupRequest<'_>,
    target: &Target,
    (session, contents): (&Session, &mut Contents),
) -> Result<Chosen, Stop> {
    let (method, reason) = match request.order.method {
        MethodRule::Full => (BackupMethod::Full, None),
        MethodRule::Touched => (BackupMethod::Touched, None),
        MethodRule::RestorePoint => (BackupMethod::RestorePoint, None),
        MethodRule::Command => (BackupMethod::Command, None),
        MethodRule::Auto => {
            let (method, reason) = request.order.thresholds.choose(contents.bytes());
            (method, Some(reason))
        }
    };
    if method != BackupMethod::Touched {
        return Ok(Chosen { method, reason, some: None });
    }
    let rows = touched::rows(session, target, &request.order.touches, contents).await;
    match rows.map_err(|fault| lost(&fault))? {
        Rows::Some(some) => {
            contents.keep(&some.oids);
            Ok(Chosen { method, reason, some: Some(some) })
        }
        Rows::All(why) => {
            let reason = reason.into_iter().chain([why]).collect::<Vec<_>>().join("; ");
            Ok(Chosen { method: BackupMethod::Full, reason: Some(reason), some: None })
        }
    }
}

/// Brings a backup to its stores; where it is then. If that fails, the local copy goes, too: it is no backup.
async fn kept(
    published: &Published,
    stores: (&Stores, &[Store]),
    (database, mut early): (&DatabaseName, Early),
    control: &Control<'_>,
) -> Result<Vec<String>, Stop> {
    let from = (published.path.as_path(), &mut early);
    let kept = Box::pin(stores::keep(stores, database, from, control)).await;
    let stop = match kept {
        Ok(copies) => return Ok(copies),
        Err(stop) => stop,
    };
    early.give_up().await;
    if let Err(error) = remove(&published.path, published.sha256).await {
        tracing::warn!(error = words::line(&error), "a backup that is in too few stores is still here");
    }
    Err(match stop {
        NotKept::Failed(failure) => Stop::Failed(failure),
        NotKept::Cancelled => Stop::Cancelled,
    })
}

async fn open(target: &Target) -> Result<Session, Stop> {
    connect(target, "pgbelay-agent backup").await.map_err(|error| no_session(&error.to_string()))
}

/// Looks whether the database is in the state that the plan was made for.
async fn expected(
    session: &Session,
    target: &Target,
    expect: &Expectation,
) -> Result<(Observation, Digest), Stop> {
    let seen = observe_outlined(session, &target.schema).await;
    let (seen, outline) = seen.map_err(|error: InspectError| no_session(&error.to_string()))?;
    match difference(expect, &seen) {
        Some(what) => Err(Stop::Refused(RefusedBecause::Moved { what })),
        None => Ok((seen, outline)),
    }
}

fn failed(message: &str, hint: &str) -> Stop {
    Stop::Failed(failure(message.to_owned(), hint.to_owned()))
}

fn failure(message: String, hint: String) -> Box<Failure> {
    Box::new(Failure {
        kind: FailureKind::Backup,
        version: None,
        message,
        hint: Some(hint),
        sqlstate: None,
        line: None,
        blockers: Vec::new(),
    })
}

/// The look at the tables' sizes waits for whoever has one of them for itself.
fn held(fault: &Fault) -> Stop {
    if fault.code() != Some(&SqlState::LOCK_NOT_AVAILABLE) {
        return lost(fault);
    }
    let hint = "nothing was touched; a session holds a table for itself: end it or wait for it, then retry";
    failed(&format!("the tables could not be looked at: {}", fault.words()), hint)
}

fn lost(fault: &Fault) -> Stop {
    no_session(&fault.words())
}

fn no_session(why: &str) -> Stop {
    let hint = "nothing was changed; correct it on the agent's machine, then retry";
    let failure = failure(why.to_owned(), hint.to_owned());
    Stop::Failed(Box::new(Failure { kind: FailureKind::Connection, ..*failure }))
}
