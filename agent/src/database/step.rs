//! One try of one step: one transaction, in which the fence is checked, the SQL run and the record written.
//!
//! A step of one statement takes three round trips: open, statement, record and COMMIT.

use pgbelay_analysis::Script;
use pgbelay_core::command::FailureKind;
use pgbelay_core::plan::Direction;
use tokio::time::Instant;
use tokio_postgres::SimpleQueryMessage;

use super::fault::failure;
use super::quote::{identifier, literal};
use super::records::Doing;
use super::transaction::{Stop, Worker};

/// What came of one try.
#[derive(Debug)]
pub(super) enum Tried {
    /// It is committed and recorded.
    Committed,
    /// It was rolled back.
    RolledBack(Stop),
    /// The connection was lost: the records tell whether it was committed.
    Lost(String),
}

/// Tries once.
pub(super) async fn try_step(worker: &mut Worker<'_, '_>, doing: &Doing<'_>, script: &Script) -> Tried {
    worker.watcher.seen.clear();
    match transaction(worker, doing, script).await {
        Ok(()) => Tried::Committed,
        Err(Stop::Lost(why)) => Tried::Lost(why),
        Err(stop @ (Stop::Cancelled | Stop::Stale { .. } | Stop::Failed(_))) => {
            if let Err(fault) = worker.session.tell("ROLLBACK").await {
                // The server rolls back when the session ends, and what comes next finds out that it has.
                tracing::warn!(why = fault.words(), "ROLLBACK was not confirmed");
            }
            Tried::RolledBack(stop)
        }
    }
}

async fn transaction(worker: &mut Worker<'_, '_>, doing: &Doing<'_>, script: &Script) -> Result<(), Stop> {
    let began = Instant::now();
    pass_fence(worker, doing).await?;
    worker.run(script).await?;
    if worker.cancel.is_cancelled() {
        return Err(Stop::Cancelled);
    }
    let took = began.elapsed();
    let attempt = doing.attempt_done(took);
    let record = match doing.step.direction {
        Direction::Up => format!("{}; {attempt}; COMMIT", doing.record(took)),
        Direction::Down => doing.close_record(took),
    };
    if !record.is_ascii() {
        // The server reads the whole message in the encoding that the script has left behind.
        worker.cap_timeouts().await?;
    }
    let sql = format!("{}; {}; {record}", worker.end_of_script(), fence_is_ours(doing));
    let messages = worker.ask(&sql).await.map_err(told)?;
    match doing.step.direction {
        Direction::Up => Ok(()),
        Direction::Down => {
            exactly_one(&messages)?;
            worker.ask(&format!("{attempt}; COMMIT")).await.map(drop)
        }
    }
}

/// Opens the transaction, and goes on only if no higher fence was seen. The row stays locked until the end: whoever
/// comes with another fence waits.
async fn pass_fence(worker: &mut Worker<'_, '_>, doing: &Doing<'_>) -> Result<(), Stop> {
    let table = format!("{}.fence", identifier(doing.schema));
    let seen = worker.open(&format!("SELECT epoch FROM {table} FOR UPDATE")).await?;
    let Some(seen) = seen.and_then(|epoch| epoch.parse::<u64>().ok()) else {
        let hint = "put its one row back: a run with a higher fence follows";
        let message = format!("{table} is empty or damaged");
        return Err(Stop::Failed(Box::new(failure(FailureKind::Agent, message, hint))));
    };
    let ours = doing.command.fence;
    match seen {
        seen if seen > ours => Err(Stop::Stale { seen }),
        seen if seen == ours => Ok(()),
        _ => worker.ask(&format!("UPDATE {table} SET epoch = {ours}")).await.map(drop),
    }
}

/// What a script that changed the fence fails with.
const FENCE_CHANGED: &str = "pgbelay: the migration changed the fence";

/// Fails unless the fence is still the command's: a script can reach pgbelay's own tables in ways that its text does not
/// show. A cast is all that raises an error in plain SQL; its text is not constant, or it would fail when it is planned.
fn fence_is_ours(doing: &Doing<'_>) -> String {
    let seen = format!("(SELECT epoch FROM {}.fence)", identifier(doing.schema));
    format!(
        "SELECT CASE WHEN {seen} OPERATOR(pg_catalog.=) {} THEN 0 \
         ELSE pg_catalog.concat({}, {seen})::pg_catalog.int4 END",
        doing.command.fence,
        literal(FENCE_CHANGED),
    )
}

fn told(stop: Stop) -> Stop {
    match stop {
        Stop::Failed(failed) if failed.message.contains(FENCE_CHANGED) => {
            let message = "the migration changed the fence in pgbelay's own tables, and was rolled back";
            let hint = "take out of the migration what reaches pgbelay's own schema; then make a new plan";
            Stop::Failed(Box::new(failure(FailureKind::Agent, message, hint)))
        }
        other @ (Stop::Failed(_) | Stop::Lost(_) | Stop::Cancelled | Stop::Stale { .. }) => other,
    }
}

/// Whether the last of several statements touched one row.
fn exactly_one(messages: &[SimpleQueryMessage]) -> Result<(), Stop> {
    let touched = messages.iter().rev().find_map(|message| {
        if let SimpleQueryMessage::CommandComplete(rows) = message { Some(*rows) } else { None }
    });
    if touched == Some(1) {
        return Ok(());
    }
    let hint = "compare migration_records with the plan; then make a new plan";
    let message = "there is no applied record of this migration with this checksum to take back";
    Err(Stop::Failed(Box::new(failure(FailureKind::Sql, message, hint))))
}
