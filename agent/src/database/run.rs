//! Running the migrations of a command, one transaction each.

use std::collections::{BTreeMap, BTreeSet};

use pgbelay_core::command::{Failure, FailureKind, Outcome, RefusedBecause, StepDone, Unsettled};
use pgbelay_core::database::Observation;
use pgbelay_core::digest::Digest;
use pgbelay_core::time::Timestamp;
use pgbelay_proto::convert::{WireCommand, WireRun};
use tokio::time::Instant;

use super::blockers::Watcher;
use super::check::difference;
use super::connect::{ConnectError, connect};
use super::fault::{Fault, failure, sql_failure};
use super::inspect::{InspectError, observe};
use super::lock::{self, Keys, Locked};
use super::old_table::Old;
use super::quote::identifier;
use super::records::done_by;
use super::script::{Ready, read_all};
use super::session::Session;
use super::settle::{application, bring_to_disk, settle};
use super::tally::Tally;
use super::target::Target;
use super::{Control, DUMP, TRIAL, layout, old_table, pieces, records};

mod adopt;
mod runner;

pub use adopt::adopt;
use runner::Runner;

/// How a run ended, before the database was looked at.
#[derive(Debug)]
pub(super) enum Ending {
    /// Every step is recorded.
    Ran,
    /// A step failed.
    Failed(Box<Failure>),
    /// The lease ended, or a newer command took over.
    Interrupted,
    /// It was cancelled.
    Cancelled,
    /// An earlier life of the agent has run some of it.
    Earlier {
        /// What it recorded.
        done: Vec<StepDone>,
        /// The database as it is.
        seen: Box<Observation>,
    },
    /// It was not started.
    Refused(RefusedBecause),
    /// A statement was cut off, and nothing shows whether it took effect.
    Unsettled(Box<Unsettled>),
    /// It cannot be told.
    Unknown(String),
}

/// Runs the steps of a command, and tells exactly what is recorded afterwards.
///
/// `sql` holds the text of every step, by digest. Each step is one transaction, with its record in it; the first that
/// fails is rolled back and ends the run. A lost connection is settled by reading the records from a new session.
pub async fn run(
    target: &Target,
    command: &WireCommand,
    run: &WireRun,
    sql: &BTreeMap<Digest, String>,
    control: &Control<'_>,
) -> Outcome {
    match Box::pin(prepare(target, command, run, sql, control)).await {
        Ok(Prepared { session, ready, begun, old }) => {
            let watcher = Watcher::new(target);
            let (done, tally, lsn) = (Vec::new(), Tally::default(), String::new());
            let life = session.life().await.ok();
            let runner = Runner {
                target,
                command,
                run,
                control,
                session,
                life,
                begun,
                watcher,
                done,
                tally,
                lsn,
                old,
                unwaited: None,
                wrote: false,
                opened: None,
            };
            Box::pin(runner.run(&ready)).await
        }
        Err(Ending::Failed(failure)) => {
            Outcome::Failed { done: Vec::new(), failure: *failure, observation: None }
        }
        Err(Ending::Refused(reason)) => Outcome::Refused { reason },
        Err(Ending::Cancelled) => Outcome::Cancelled { done: Vec::new(), observation: None },
        // A statement is settled by the runner alone.
        Err(Ending::Interrupted | Ending::Ran | Ending::Unsettled(_)) => {
            Outcome::Interrupted { done: Vec::new(), observation: None }
        }
        Err(Ending::Earlier { done, seen }) => Outcome::Interrupted { done, observation: Some(*seen) },
        Err(Ending::Unknown(why)) => Outcome::Unknown { why },
    }
}

/// Everything that comes before the first step: nothing of a migration is run here.
async fn prepare(
    target: &Target,
    command: &WireCommand,
    run: &WireRun,
    sql: &BTreeMap<Digest, String>,
    control: &Control<'_>,
) -> Result<Prepared, Ending> {
    in_time(command)?;
    let say = |doing: String| control.say(0, run.steps.len(), doing);
    say("connecting".to_owned());
    let application = application(command);
    let (ready, session) = tokio::join!(read_all(&run.steps, sql), connect(target, &application));
    let ready = ready.map_err(Ending::Failed)?;
    let session = session.map_err(|error| unreachable(&error))?;
    session.end_others(TRIAL).await.map_err(|fault| Ending::Failed(lost(&fault)))?;
    take_lock(&session, target, control, &say).await?;
    in_time(command)?;
    // An earlier life of the agent may have left its pg_dump running, with locks on every table.
    session.end_others(DUMP).await.map_err(|fault| Ending::Failed(lost(&fault)))?;
    say("checking the state of the database".to_owned());
    let seen = observe(&session, &target.schema).await.map_err(|error| Ending::Failed(unreadable(&error)))?;
    let done =
        recorded(&session, target, command).await.map_err(|error| Ending::Unknown(error.to_string()))?;
    if !done.is_empty() {
        return Err(Ending::Earlier { done, seen: Box::new(seen) });
    }
    let mut expect = run.expect.clone();
    let begun = pieces::begun(&session, &target.schema, records::word(run.direction)).await;
    let begun = begun.map_err(|fault| Ending::Failed(lost(&fault)))?;
    let (plan, first) = (command.plan.to_string(), run.steps.first());
    let is_first = |version: &str| first.is_some_and(|step| step.version.as_str() == version);
    if begun.iter().any(|(version, of)| is_first(version) && *of == plan) {
        // What its pieces have changed is compared with what they left behind, where it goes on.
        expect.fingerprint = seen.fingerprint;
    }
    if let Some(what) = difference(&expect, &seen) {
        return Err(Ending::Refused(RefusedBecause::Moved { what }));
    }
    layout::ensure(&session, &target.schema).await.map_err(|fault| no_layout(target, &fault))?;
    check_fence(&session, target, command).await?;
    let wanted = (run.settings.old_table, run.direction);
    let old = old_table::find(&session, &target.schema, wanted, seen.records.is_empty()).await?;
    let begun = begun.into_iter().map(|(version, _)| version).collect();
    Ok(Prepared { session, ready, begun, old })
}

/// What a run starts with.
struct Prepared {
    session: Session,
    ready: Vec<Ready>,
    /// The migrations that have begun before.
    begun: BTreeSet<String>,
    /// The table of the tool whose layout the files have.
    old: Option<Old>,
}

/// What this very attempt has recorded already: the command was sent again to an agent that forgot it, and its own steps
/// must not be taken for somebody else's.
async fn recorded(
    session: &Session,
    target: &Target,
    command: &WireCommand,
) -> Result<Vec<StepDone>, ConnectError> {
    if layout::is_there(session, &target.schema).await? {
        let done = done_by(session, &target.schema, command).await?;
        if !done.is_empty() {
            bring_to_disk(session, &target.schema).await?;
        }
        return Ok(done);
    }
    Ok(Vec::new())
}

fn in_time(command: &WireCommand) -> Result<(), Ending> {
    let now = Timestamp(jiff::Timestamp::now().as_millisecond());
    if now > command.not_after { Err(Ending::Refused(RefusedBecause::TooLate)) } else { Ok(()) }
}

/// Waits until no other migrator is at work.
async fn take_lock(
    session: &Session,
    target: &Target,
    control: &Control<'_>,
    say: &(dyn Fn(String) + Send + Sync),
) -> Result<(), Ending> {
    let deadline = Instant::now() + lock::PATIENCE;
    let waiting = |holder: &str| say(format!("waiting for another migrator: {holder}"));
    let locked = tokio::select! {
        locked = lock::take(session, Keys::migrator(&target.schema), deadline, waiting) => locked,
        () = control.cancel.cancelled() => return Err(Ending::Cancelled),
    };
    match locked {
        Ok(Locked::Ours) => Ok(()),
        Ok(Locked::Held(holder)) => {
            let hint = "wait until it is done, or end its session; then retry";
            let message = format!("another migrator is at work on the database: {holder}");
            let blockers = vec![holder];
            Err(Ending::Failed(Box::new(Failure { blockers, ..failure(FailureKind::Busy, message, hint) })))
        }
        Err(fault) => Err(Ending::Failed(lost(&fault))),
    }
}

/// Looks at the fence before anything is started. What counts is the look in each step's transaction.
async fn check_fence(session: &Session, target: &Target, command: &WireCommand) -> Result<(), Ending> {
    let sql = format!("SELECT epoch FROM {}.fence", identifier(&target.schema));
    let rows = session.ask(&sql).await.map_err(|fault| Ending::Failed(lost(&fault)))?;
    let epoch = rows.first().and_then(|row| row.get(0)).and_then(|epoch| epoch.parse().ok());
    match epoch {
        Some(seen) if seen > command.fence => Err(Ending::Refused(RefusedBecause::StaleFence { seen })),
        Some(_) | None => Ok(()),
    }
}

fn unreachable(error: &ConnectError) -> Ending {
    let hint = "nothing was changed; correct it on the agent's machine, then retry";
    Ending::Failed(Box::new(failure(FailureKind::Connection, error.to_string(), hint)))
}

fn unreadable(error: &InspectError) -> Box<Failure> {
    let (kind, hint) = match error {
        InspectError::Locked => {
            (FailureKind::LockTimeout, "nothing was changed; find the session in pg_locks, then retry")
        }
        InspectError::Connect(_) | InspectError::Query { .. } | InspectError::Lost { .. } => {
            (FailureKind::Connection, "nothing was changed; see the agent's log, then retry")
        }
        InspectError::Record { .. } => (
            FailureKind::Agent,
            "nothing was changed; correct the record in migration_records, then plan again",
        ),
    };
    Box::new(failure(kind, error.to_string(), hint))
}

pub(super) fn lost(fault: &Fault) -> Box<Failure> {
    Box::new(failure(FailureKind::Connection, fault.words(), "nothing was changed; retry"))
}

fn no_layout(target: &Target, fault: &Fault) -> Ending {
    let failure = match fault {
        Fault::Sql(error) => {
            let hint = format!(
                "let {} create schema {} (GRANT CREATE ON DATABASE), or create it for this user",
                target.user, target.schema
            );
            Box::new(Failure { hint: Some(hint), ..sql_failure(error, None) })
        }
        Fault::Lost(_) => lost(fault),
    };
    let message = format!("pgbelay's own tables cannot be made: {}", failure.message);
    Ending::Failed(Box::new(Failure { message, ..*failure }))
}
