//! One try of one part of a step: one transaction, in which the fence is checked, the SQL run and written down what was
//! done. The part is a whole step, which is recorded, or one of its pieces, which is journalled.
//!
//! A step of one statement takes three round trips: open, statement, record and COMMIT; two where it was opened by the one
//! before.

use std::time::Duration;

use pgbelay_analysis::{Statement, StatementKind};
use pgbelay_core::command::FailureKind;
use pgbelay_core::plan::Direction;
use tokio::time::Instant;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use super::fault::{Loss, failure};
use super::opening::{Next, Opened, at_commit, pass_fence, take_over};
use super::pieces::Place;
use super::prepared::{are_left_alone, prepare};
use super::quote::{identifier, literal};
use super::records::Doing;
use super::session::FLUSHES;
use super::tally::{Before, at_the_end};
use super::transaction::{Stop, Worker};
use crate::failpoint::reach;

/// What came of one try.
#[derive(Debug)]
pub(super) enum Tried {
    /// It is committed and written down. `later`: COMMIT did not wait for the disk.
    Committed {
        /// Whether it did not.
        later: bool,
        /// The transaction that was opened with it.
        opened: Option<Opened>,
    },
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

/// COMMIT does not wait for the disk. What is in doubt by that is at the end of the WAL: a server that goes down loses the
/// record with the step, and nothing that others have committed after it. The next COMMIT that waits brings it to disk.
const LATER: &str = "SET LOCAL synchronous_commit = off; ";

/// What has taken so long is not done once more for the sake of one wait for the disk.
const LONG: Duration = Duration::from_secs(1);

/// Whether a step may be lost with the server until the next one is on disk: it is done again quickly, and consists of
/// definitions, which neither hold rows nor reach out of the database.
fn comes_to_disk_later(part: &Part<'_>, took: Duration) -> bool {
    let reaches_out = |kind: StatementKind| {
        matches!(
            kind,
            StatementKind::CreateExtension
                | StatementKind::AlterExtension
                | StatementKind::CreateSubscription
                | StatementKind::AlterSubscription
                | StatementKind::DropSubscription
                | StatementKind::CreateRole
                | StatementKind::AlterRole
                | StatementKind::DropRole
                | StatementKind::CreateDatabase
                | StatementKind::AlterDatabase
                | StatementKind::DropDatabase
                | StatementKind::AlterSystem
                | StatementKind::CreateEventTrigger
                | StatementKind::DropEventTrigger
                | StatementKind::CreateOther
                | StatementKind::AlterOther
        )
    };
    matches!(part.then, Then::Record)
        && took < LONG
        && are_left_alone(part.statements)
        && !part.statements.iter().any(|statement| reaches_out(statement.kind))
}

/// Where a transaction is among others.
#[derive(Debug, Default)]
pub(super) struct Among<'s> {
    /// It was opened with the COMMIT of the one before.
    pub(super) opened: Option<Opened>,
    /// What is to be opened with its own COMMIT.
    pub(super) next: Option<Next<'s>>,
    /// Other steps follow, with which this one may come to disk.
    pub(super) later: bool,
}

/// Tries once.
pub(super) async fn try_part(
    worker: &mut Worker<'_, '_>,
    doing: &Doing<'_>,
    part: &Part<'_>,
    among: Among<'_>,
) -> Tried {
    worker.watcher.seen.clear();
    match transaction(worker, doing, part, among).await {
        Ok((later, opened)) => Tried::Committed { later, opened },
        Err(Stop::Lost(loss)) => Tried::Lost(loss),
        Err(stop @ (Stop::Cancelled | Stop::Stale { .. } | Stop::Failed(_))) => {
            worker.session.now_prepared(false);
            worker.session.roll_back().await;
            Tried::RolledBack(stop)
        }
    }
}

/// Runs one; whether its COMMIT did not wait for the disk, and the one that was opened with it.
async fn transaction(
    worker: &mut Worker<'_, '_>,
    doing: &Doing<'_>,
    part: &Part<'_>,
    among: Among<'_>,
) -> Result<(bool, Option<Opened>), Stop> {
    let began = Instant::now();
    let (before, raised) = match among.opened {
        Some(Opened { before }) => (before, false),
        None => pass_fence(worker, doing, part).await?,
    };
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
    if raised {
        // A fence that was raised is never lower again, whatever the script or the server says of COMMIT.
        worker.ask(FLUSHES).await?;
    }
    let later = among.later && !raised && doing.old.is_none() && comes_to_disk_later(part, took);
    let written = written(worker, doing, part, (took, &before, later)).await?;
    // Nobody's time begins before a wait that is not its own: PostgreSQL's now() is when the message came.
    let next = among.next.filter(|_| later);
    let opened = write_down(worker, doing, part, (took, &written, next)).await?;
    Ok((later, opened))
}

/// What is written down at the end of a transaction, with its COMMIT.
async fn written(
    worker: &mut Worker<'_, '_>,
    doing: &Doing<'_>,
    part: &Part<'_>,
    (took, before, later): (Duration, &Before, bool),
) -> Result<String, Stop> {
    Ok(match &part.then {
        Then::Record => {
            let disk = if later { LATER } else { "" };
            format!("{disk}{}", record(worker, doing, took, Some(before)))
        }
        Then::RecordAfter(first) => {
            let end = worker.end_of_script();
            let rows = worker.ask(&format!("{end}; SELECT {}", at_the_end(before, doing.schema))).await?;
            worker.tally.told_so(last_row(&rows).and_then(|row| row.get(0)));
            let close = doing.close_pieces();
            format!("{first}; {close}; {}", record(worker, doing, took, None))
        }
        Then::Piece(place) => {
            let (sure, done) = (fence_is_ours(doing), doing.piece_done(*place));
            format!("SELECT {sure}; {done}; SELECT {}; COMMIT", at_the_end(before, doing.schema))
        }
        // What is sent after this may reach out of the database: it must be known by then.
        Then::Write(sql) => format!("SELECT {}; {sql}; {FLUSHES}; COMMIT", fence_is_ours(doing)),
    })
}

/// Writes it down and commits; the transaction that was opened with that.
async fn write_down(
    worker: &mut Worker<'_, '_>,
    doing: &Doing<'_>,
    part: &Part<'_>,
    (took, written, next): (Duration, &str, Option<Next<'_>>),
) -> Result<Option<Opened>, Stop> {
    let records = matches!(part.then, Then::Record | Then::RecordAfter(_));
    let forward = records && doing.step.direction == Direction::Up;
    let opening =
        next.filter(|_| forward).map(|next| format!("; {}", next.opening(worker))).unwrap_or_default();
    let sql = format!("{}; {written}{opening}", worker.end_of_script());
    if !sql.is_ascii() {
        // The server reads the whole message in the encoding that the script has left behind.
        worker.cap("true").await?;
    }
    let (messages, stop) = worker.ask_all(&sql).await;
    let (messages, after) =
        if opening.is_empty() { (messages.as_slice(), None) } else { at_commit(&messages) };
    let stop = match (stop, after) {
        (Some(stop), None) => return Err(told(stop)),
        // It is committed, as the records tell.
        (Some(lost @ Stop::Lost(_)), Some(_)) => return Err(lost),
        (stop, _) => stop,
    };
    let row = last_row(messages);
    if forward && row.is_none() {
        // It is committed. Whether it is recorded, the records tell.
        return Err(Stop::Lost(Loss::broke("the record of the migration was not confirmed")));
    }
    // Only the record of a step forward tells.
    let all = row.and_then(|row| row.try_get(1).ok().flatten()) == Some("t");
    worker.session.now_prepared(all && doing.old_row(took).is_empty());
    if matches!(part.then, Then::Record | Then::Piece(_)) {
        worker.tally.told_so(row.and_then(|row| row.get(0)));
    }
    if records && doing.step.direction == Direction::Down {
        exactly_one(messages)?;
        let attempt = doing.attempt_done(took);
        worker.ask(&format!("{}{attempt}; COMMIT", doing.old_row(took))).await?;
    }
    Ok(match after {
        Some(after) => take_over(worker, doing, after, stop.as_ref()).await,
        None => None,
    })
}

/// The record of a step. Forward, with the attempt and COMMIT; backward, these wait until it is known that there was one.
fn record(worker: &Worker<'_, '_>, doing: &Doing<'_>, took: Duration, before: Option<&Before>) -> String {
    let observed = worker.tally.observed();
    match doing.step.direction {
        Direction::Up => {
            let anew =
                if worker.session.is_prepared() { String::new() } else { prepare(doing.schema) + "; " };
            let record = doing.record(took, &observed, before);
            format!("{anew}{record}; {}COMMIT", doing.old_row(took))
        }
        Direction::Down => {
            let seen = before.map(|before| at_the_end(before, doing.schema));
            let seen = seen.unwrap_or_else(|| "'{}'::pg_catalog.jsonb".to_owned());
            format!("SELECT {}; {}", fence_is_ours(doing), doing.close_record(took, &observed, &seen))
        }
    }
}

fn last_row(messages: &[SimpleQueryMessage]) -> Option<&SimpleQueryRow> {
    messages.iter().rev().find_map(
        |message| {
            if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None }
        },
    )
}

/// What a script that changed the fence fails with.
const FENCE_CHANGED: &str = "pgbelay: the migration changed the fence";

/// An expression for `true` that fails unless the fence is still the command's: a script can reach pgbelay's own tables in
/// ways that its text does not show. A cast is all that raises an error in plain SQL; its text is not constant, or it
/// would fail when it is planned.
pub(super) fn fence_is(ours: &str, schema: &str) -> String {
    let seen = format!("(SELECT epoch FROM {}.fence)", identifier(schema));
    format!(
        "CASE WHEN {seen} OPERATOR(pg_catalog.=) {ours} THEN true \
         ELSE pg_catalog.concat({}, {seen})::pg_catalog.bool END",
        literal(FENCE_CHANGED),
    )
}

fn fence_is_ours(doing: &Doing<'_>) -> String {
    fence_is(&doing.command.fence.to_string(), doing.schema)
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
