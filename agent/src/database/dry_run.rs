//! What would happen: every step in one transaction on the live database, which is always rolled back.
//!
//! It holds its locks until the end, so it waits for none of them for long, and lasts no longer than one statement may.
//! It writes no record.

use std::collections::BTreeMap;

use pgbelay_core::command::{Failure, FailureKind, StepDone};
use pgbelay_core::digest::Digest;
use pgbelay_core::plan::{Direction, ExecutionSettings};
use pgbelay_core::time::Span;
use pgbelay_proto::convert::WireStep;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::TRIAL;
use super::blockers::Watcher;
use super::connect::connect;
use super::fault::failure;
use super::lock::{self, Keys, Locked};
use super::old_table;
use super::script::{Ready, of_step, read_all};
use super::session::Session;
use super::tally::Tally;
use super::target::Target;
use super::transaction::{Limits, Stop, Worker};

/// Longest wait for one lock: others queue up behind it, and this is only a trial.
const LOCK: Duration = Duration::from_secs(2);

/// What can be made of constraints between two steps: they were checked, and the next step may defer them again.
const NEXT_STEP: &str = "SET CONSTRAINTS ALL DEFERRED";

/// Runs steps in a transaction that is rolled back. The steps that went well, and the failure of the first that did
/// not.
pub async fn dry_run(
    target: &Target,
    steps: &[WireStep],
    settings: &ExecutionSettings,
    sql: &BTreeMap<Digest, String>,
) -> (Vec<StepDone>, Option<Failure>) {
    let mut done = Vec::new();
    let outcome = Box::pin(trial(target, steps, settings, sql, &mut done)).await;
    (done, outcome.err().map(|failure| *failure))
}

async fn trial(
    target: &Target,
    steps: &[WireStep],
    settings: &ExecutionSettings,
    sql: &BTreeMap<Digest, String>,
    done: &mut Vec<StepDone>,
) -> Result<(), Box<Failure>> {
    let ready = read_all(steps, sql).await?;
    let alone = ready.iter().position(|ready| !ready.is_one_transaction());
    let no_session =
        |why: String| Box::new(failure(FailureKind::Connection, why, "nothing was changed; try again"));
    let session = connect(target, TRIAL).await.map_err(|error| no_session(error.to_string()))?;
    // The server may see the end of a session a moment after the agent has closed it, and gives its lock back only then.
    match lock::take(&session, Keys::migrator(&target.schema), Instant::now() + LOCK, |_| ()).await {
        Ok(Locked::Ours) => {}
        Ok(Locked::Held(holder)) => {
            let message = format!("another migrator is at work on the database: {holder}");
            let busy = failure(FailureKind::Busy, message, "try again when it is done");
            return Err(Box::new(Failure { blockers: vec![holder], ..busy }));
        }
        Err(fault) => return Err(no_session(fault.words())),
    }
    let direction = steps.first().map_or(Direction::Up, |step| step.direction);
    // What cannot be told of the other tool's table, the run will tell.
    let old = old_table::find(&session, &target.schema, (settings.old_table, direction), true).await;
    let table = old.ok().flatten().and_then(|old| old.made()).unwrap_or_else(|| "SELECT 1".to_owned());
    let limits = Limits::of(settings);
    let limits = Limits::fixed(limits.lock.min(LOCK), limits.statement);
    let tried = alone.unwrap_or(ready.len());
    let outcome = timeout(
        limits.statement,
        Box::pin(every(&session, (target, &table), (limits, settings), (&ready[..tried], &mut *done))),
    )
    .await;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(_) => {
            session.cancel().await;
            let message = "all steps together took longer than one statement may; the trial was ended";
            let hint = "raise statement_timeout in the policy, or try fewer steps";
            let step = ready.get(done.len()).map(|ready| ready.step.version.clone());
            Err(Box::new(Failure { version: step, ..failure(FailureKind::StatementTimeout, message, hint) }))
        }
    };
    // The server rolls back in any case: at the latest when the session ends.
    let _ = session.tell("ROLLBACK").await;
    session.close().await;
    outcome?;
    match alone.and_then(|at| ready.get(at)) {
        Some(ready) => Err(of_step(&ready.step, cannot_be_tried(ready))),
        None => Ok(()),
    }
}

/// What takes effect at once cannot be rolled back, and so not be tried.
fn cannot_be_tried(ready: &Ready) -> Box<Failure> {
    let alone = ready.pieces.iter().find_map(|piece| Some((piece.statements.start, piece.alone.as_ref()?)));
    let (line, why) = match alone {
        Some((at, alone)) => {
            (ready.script.statements.get(at).map(|statement| statement.position.line), alone.why.as_str())
        }
        None => (None, "an enum value that is used after it was added"),
    };
    let message = format!("{why} cannot be rolled back: this migration and those after it were not tried");
    let hint = "what comes before it went well; run this one on a staging environment first";
    Box::new(Failure { line, ..failure(FailureKind::NotTransactional, message, hint) })
}

async fn every(
    session: &Session,
    (target, table): (&Target, &str),
    (limits, settings): (Limits, &ExecutionSettings),
    (ready, done): (&[Ready], &mut Vec<StepDone>),
) -> Result<(), Box<Failure>> {
    let mut watcher = Watcher::new(target);
    let cancel = CancellationToken::new();
    let waiting = |_: &[String]| ();
    let mut tally = Tally::default();
    let mut worker = Worker {
        session,
        watcher: &mut watcher,
        cancel: &cancel,
        limits,
        settings,
        tally: &mut tally,
        waiting: &waiting,
    };
    let opening = worker.opening(worker.limits, ("DEALLOCATE ALL", "SELECT 1"), "");
    worker.ask(&opening).await.map_err(told)?;
    worker.ask(table).await.map_err(told)?;
    for ready in ready {
        let began = Instant::now();
        step(&mut worker, ready).await.map_err(|stop| of_step(&ready.step, told(stop)))?;
        let took = Span(i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX));
        let observed = Some(Box::new(std::mem::take(worker.tally).observed()));
        done.push(StepDone { version: ready.step.version.clone(), took, retries: 0, observed });
    }
    Ok(())
}

async fn step(worker: &mut Worker<'_, '_>, ready: &Ready) -> Result<(), Stop> {
    worker.watcher.seen.clear();
    worker.run(&ready.script.statements).await?;
    let end = worker.end_of_script();
    worker.ask(&format!("{end}; {NEXT_STEP}")).await?;
    worker.start_anew().await
}

fn told(stop: Stop) -> Box<Failure> {
    match stop {
        Stop::Failed(failure) => failure,
        Stop::Lost(loss) => {
            let message = format!("the connection was lost: {loss}");
            Box::new(failure(FailureKind::Connection, message, "nothing was changed; try again"))
        }
        // Neither is asked for here.
        Stop::Cancelled | Stop::Stale { .. } => {
            Box::new(failure(FailureKind::Agent, "the trial was ended", "try again"))
        }
    }
}
