//! Backups with pg_dump: made, read back, published, or nothing at all.
//!
//! A backup is a directory, `<backup dir>/<database>/<time>-<rollout>-<command>`, with the archive and a manifest. It is
//! made under a temporary name and renamed when it is verified and on disk: whatever has a proper name is complete.
//! Retention and other stores are not here.

use std::path::Path;

use pgbelay_core::command::{Backup, Failure, FailureKind, Outcome, RefusedBecause};
use pgbelay_core::database::Observation;
use pgbelay_core::plan::Expectation;
use pgbelay_core::time::{Span, Timestamp};
use pgbelay_proto::convert::WireCommand;

use crate::database::{Control, DUMP, InspectError, Session, Target, connect, difference, observe};
use crate::failpoint::reach;

mod child;
mod contents;
mod place;
mod programs;
mod publish;

pub use place::{LeftoverError, remove_leftovers};

use child::Ended;
use place::Place;
use programs::Programs;
use publish::Facts;

/// What a backup is for.
#[derive(Debug, Clone, Copy)]
pub struct BackupRequest<'a> {
    /// The command that asks for it.
    pub command: &'a WireCommand,
    /// The state that the database must be in.
    pub expect: &'a Expectation,
    /// Where pg_dump and pg_restore are; `None`: they are looked for.
    pub programs: Option<&'a Path>,
}

/// Why there is no backup.
#[derive(Debug)]
enum Stop {
    Failed(Box<Failure>),
    Refused(RefusedBecause),
    Cancelled,
}

/// Makes a backup of the whole database below `dir`, and verifies it by reading it back.
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
    let session =
        connect(target, "pgbelay-agent backup").await.map_err(|error| no_session(&error.to_string()))?;
    session.end_others(DUMP).await.map_err(|fault| no_session(&fault.words()))?;
    let seen = expected(&session, target, request.expect).await?;
    let programs = Programs::find(request.programs, session.version).await.map_err(Stop::Failed)?;
    let before = contents::tables(&session).await.map_err(|fault| no_session(&fault.words()))?;
    let lsn = contents::lsn(&session).await.map_err(|fault| no_session(&fault.words()))?;
    // Nothing is asked for while pg_dump works; the server may end idle sessions.
    session.close().await;
    reach("backup-before-intent").await;
    let place = Place::make(dir, request.command).await.map_err(|error| Stop::Failed(error.failure()))?;
    reach("backup-after-intent").await;
    run(child::dump(&programs, target, &place.archive()), control, Some(&place.archive())).await?;
    reach("backup-after-effect").await;
    control.say(0, 0, "backup: reading it back".to_owned());
    verify(target, &programs, &place, &before, control).await?;
    let facts = Facts { started, lsn, seen, tables: before.len(), pg_dump: programs.version.clone() };
    let published = publish::publish(place, facts, request.command).await;
    let (path, sha256, bytes) = published.map_err(|error| Stop::Failed(error.failure()))?;
    let took = Span(jiff::Timestamp::now().as_millisecond() - started.as_millisecond());
    reach("backup-after-commit").await;
    Ok(Backup { path, sha256, bytes, took })
}

/// Looks whether the database is in the state that the plan was made for.
async fn expected(session: &Session, target: &Target, expect: &Expectation) -> Result<Observation, Stop> {
    let seen = observe(session, &target.schema).await;
    let seen = seen.map_err(|error: InspectError| no_session(&error.to_string()))?;
    match difference(expect, &seen) {
        Some(what) => Err(Stop::Refused(RefusedBecause::Moved { what })),
        None => Ok(seen),
    }
}

/// Runs a program to its end; what it said when it failed.
async fn run(
    command: tokio::process::Command,
    control: &Control<'_>,
    grows: Option<&Path>,
) -> Result<Vec<u8>, Stop> {
    match child::supervise(command, control, grows).await {
        Ended::Well(output) => Ok(output),
        Ended::Badly(failure) => Err(Stop::Failed(failure)),
        Ended::Cancelled => Err(Stop::Cancelled),
    }
}

/// Reads the archive back: every table must be in its list, and every block of it must be readable.
async fn verify(
    target: &Target,
    programs: &Programs,
    place: &Place,
    before: &[u32],
    control: &Control<'_>,
) -> Result<(), Stop> {
    let list = run(child::list(programs, &place.archive()), control, None).await?;
    let session =
        connect(target, "pgbelay-agent backup").await.map_err(|error| no_session(&error.to_string()))?;
    let after = contents::tables(&session).await.map_err(|fault| no_session(&fault.words()))?;
    session.close().await;
    let missing = contents::missing(&list, before, &after);
    if missing > 0 {
        let message = format!("the backup is not complete: {missing} tables have no rows section in it");
        return Err(failed(&message, "see whether the agent's user may read every table; then retry"));
    }
    run(child::read_all(programs, &place.archive()), control, None).await.map(drop)
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

fn no_session(why: &str) -> Stop {
    let hint = "nothing was changed; correct it on the agent's machine, then retry";
    let failure = failure(why.to_owned(), hint.to_owned());
    Stop::Failed(Box::new(Failure { kind: FailureKind::Connection, ..*failure }))
}
