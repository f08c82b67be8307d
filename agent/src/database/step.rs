//! One try of one part of a step: one transaction, in which the fence is checked, the SQL run and written down what was
//! done. The part is a whole step, which is recorded, or one of its pieces, which is journalled.
//!
//! A step of one statement takes three round trips: open, statement, record and COMMIT.

use pgbelay_analysis::Statement;
use pgbelay_core::command::FailureKind;
use pgbelay_core::plan::Direction;
use tokio::time::Instant;
use tokio_postgres::SimpleQueryMessage;

use super::fault::{Loss, failure};
use super::pieces::Place;
use super::quote::{identifier, literal};
use super::records::Doing;
use super::tally::{Before, at_the_end, before};
use super::transaction::{Stop, Worker};
use crate::failpoint::reach;

/// What came of one try.
#[derive(Debug)]
pub(super) enum Tried {
    /// It is committed and written down.
    Committed,
    /// It was rolled back.
    RolledBack(Stop),
    /// The connection was lost: the records tell whether it was committed.
    Lost(Loss),
}

/// What runs in one transaction.
#[derive(Debug, Clone)]
pub(super) struct Part<'s> {
    /// Settings of earlier pieces, to be made again.
    pub(super) settings: Vec<&'s Statement>,
    /// What runs.
    pub(super) statements: &'s [Statement],
    /// What is written down with it.
    pub(super) then: Then,
}

/// What is written down at the end of a transaction.
#[derive(Debug, Clone)]
pub(super) enum Then {
    /// The step is recorded.
    Record,
    /// The step is recorded, and the journal of its pieces closed, after this was written to it.
    RecordAfter(String),
    /// The piece is done.
    Piece(Place),
    /// This, whatever it is.
    Write(String),
}

/// Tries once.
pub(super) async fn try_part(worker: &mut Worker<'_, '_>, doing: &Doing<'_>, part: &Part<'_>) -> Tried {
    worker.watcher.seen.clear();
    match transaction(worker, doing, part).await {
        Ok(()) => Tried::Committed,
        Err(Stop::Lost(loss)) => Tried::Lost(loss),
        Err(stop @ (Stop::Cancelled | Stop::Stale { .. } | Stop::Failed(_))) => {
            if let Err(fault) = worker.session.tell("ROLLBACK").await {
                // The server rolls back when the session ends, and what comes next finds out that it has.
                tracing::warn!(why = fault.words(), "ROLLBACK was not confirmed");
            }
            Tried::RolledBack(stop)
        }
    }
}

async fn transaction(worker: &mut Worker<'_, '_>, doing: &Doing<'_>, part: &Part<'_>) -> Result<(), Stop> {
    let began = Instant::now();
    let before = pass_fence(worker, doing, part.statements).await?;
    if let Some(table) = doing.old_table().filter(|_| !part.statements.is_empty()) {
        worker.ask(&table).await?;
    }
    worker.set_again(&part.settings).await?;
    if !part.statements.is_empty() {
        reach("after-intent").await;
    }
    worker.run(part.statements).await?;
    if !part.statements.is_empty() {
        reach("after-effect").await;
    }
    if worker.cancel.is_cancelled() && !part.statements.is_empty() {
        return Err(Stop::Cancelled);
    }
    let took = began.elapsed();
    let written = match &part.then {
        Then::Record => record(worker, doing, took, &at_the_end(&before, doing.schema)),
        Then::RecordAfter(first) => {
            let end = worker.end_of_script();
            let rows = worker.ask(&format!("{end}; SELECT {}", at_the_end(&before, doing.schema))).await?;
            worker.tally.told_so(last_row(&rows));
            let close = doing.close_pieces();
            format!("{first}; {close}; {}", record(worker, doing, took, "'{}'::pg_catalog.jsonb"))
        }
        Then::Piece(place) => {
            format!("{}; SELECT {}; COMMIT", doing.piece_done(*place), at_the_end(&before, doing.schema))
        }
        Then::Write(sql) => format!("{sql}; COMMIT"),
    };
    if !written.is_ascii() {
        // The server reads the whole message in the encoding that the script has left behind.
        worker.cap("true").await?;
    }
    let sql = format!("{}; {}; {written}", worker.end_of_script(), fence_is_ours(doing));
    let messages = worker.ask(&sql).await.map_err(told)?;
    let records = matches!(part.then, Then::Record | Then::RecordAfter(_));
    if records && doing.step.direction == Direction::Down {
        exactly_one(&messages)?;
        let attempt = doing.attempt_done(took);
        worker.ask(&format!("{}{attempt}; COMMIT", doing.old_row(took))).await?;
    }
    if matches!(part.then, Then::Record | Then::Piece(_)) {
        worker.tally.told_so(last_row(&messages));
    }
    Ok(())
}

/// The record of a step. Forward, with the attempt and COMMIT; backward, these wait until it is known that there was one.
fn record(worker: &Worker<'_, '_>, doing: &Doing<'_>, took: std::time::Duration, seen: &str) -> String {
    let observed = worker.tally.observed();
    match doing.step.direction {
        Direction::Up => {
            let (record, attempt) = (doing.record(took, &observed, seen), doing.attempt_done(took));
            format!("{record}; {}{attempt}; COMMIT", doing.old_row(took))
        }
        Direction::Down => doing.close_record(took, &observed, seen),
    }
}

fn last_row(messages: &[SimpleQueryMessage]) -> Option<&str> {
    messages.iter().rev().find_map(
        |message| {
            if let SimpleQueryMessage::Row(row) = message { row.get(0) } else { None }
        },
    )
}

/// Opens the transaction, and goes on only if no higher fence was seen. The row stays locked until the end: whoever
/// comes with another fence waits.
async fn pass_fence(
    worker: &mut Worker<'_, '_>,
    doing: &Doing<'_>,
    statements: &[Statement],
) -> Result<Before, Stop> {
    let table = format!("{}.fence", identifier(doing.schema));
    let fence = format!("SELECT epoch, pg_catalog.pg_current_wal_insert_lsn() FROM {table} FOR UPDATE");
    let rows = worker.open(&fence, &before(statements)).await?;
    let (first, files) = rows.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
    let column = |at: usize| first.and_then(|row| row.get(at)?.clone());
    let Some(seen) = column(0).and_then(|epoch| epoch.parse::<u64>().ok()) else {
        let hint = "put its one row back: a run with a higher fence follows";
        let message = format!("{table} is empty or damaged");
        return Err(Stop::Failed(Box::new(failure(FailureKind::Agent, message, hint))));
    };
    let ours = doing.command.fence;
    match seen {
        seen if seen > ours => return Err(Stop::Stale { seen }),
        seen if seen == ours => {}
        _ => drop(worker.ask(&format!("UPDATE {table} SET epoch = {ours}")).await?),
    }
    Ok(Before::read(&column(1).unwrap_or_default(), files))
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
