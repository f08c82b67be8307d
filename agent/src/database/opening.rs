//! How the transaction of a step opens: the session as new, the fence seen and held, what is there noted.
//!
//! Where definitions follow definitions, the next transaction is opened by the message that commits the one before: a round
//! trip less. Nothing of a migration runs in it by that. Invariant: it is used, for the step that it was opened for, only
//! if the server has confirmed all of it; in every other case it is rolled back, and the step opens one of its own.

use pgbelay_analysis::Statement;
use pgbelay_core::command::FailureKind;
use pgbelay_core::plan::Direction;
use tokio_postgres::SimpleQueryMessage;

use super::fault::failure;
use super::prepared::{FENCE, are_left_alone, fence, prepare};
use super::quote::identifier;
use super::records::Doing;
use super::step::{Part, Then};
use super::tally::{Before, before};
use super::transaction::{Limits, Stop, Worker};

/// A transaction that is open, and in which nothing has happened yet.
#[derive(Debug)]
pub(super) struct Opened {
    /// What was there when it began.
    pub(super) before: Before,
}

/// The step for which a transaction may be opened with the COMMIT of the one before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next<'s> {
    statements: &'s [Statement],
    limits: Limits,
}

impl<'s> Next<'s> {
    /// `None` where it has to open its own.
    pub(super) fn of(direction: Direction, statements: &'s [Statement], limits: Limits) -> Option<Self> {
        let may = direction == Direction::Up && are_left_alone(statements);
        may.then_some(Self { statements, limits })
    }

    /// What opens it, while pgbelay's statements, and no others, are prepared.
    pub(super) fn opening(&self, worker: &Worker<'_, '_>) -> String {
        worker.opening(self.limits, ("", FENCE), &before(self.statements, true))
    }
}

/// Whether what is prepared stays prepared while statements run, for the record. Not when that was tried, and what they call
/// dropped it.
fn relies_on_prepared(doing: &Doing<'_>, part: &Part<'_>) -> bool {
    doing.step.direction == Direction::Up
        && doing.retries == 0
        && matches!(part.then, Then::Record | Then::RecordAfter(_))
        && are_left_alone(part.statements)
}

/// Opens the transaction, and goes on only if no higher fence was seen; whether it raised the fence.
pub(super) async fn pass_fence(
    worker: &mut Worker<'_, '_>,
    doing: &Doing<'_>,
    part: &Part<'_>,
) -> Result<(Before, bool), Stop> {
    let table = format!("{}.fence", identifier(doing.schema));
    let prepared = relies_on_prepared(doing, part);
    let (anew, fence) = match (prepared, worker.session.is_prepared()) {
        (true, true) => (String::new(), FENCE.to_owned()),
        (true, false) => (prepare(doing.schema), FENCE.to_owned()),
        // What could use them finds none: what it writes with them would pass for pgbelay's own.
        (false, _) => ("DEALLOCATE ALL".to_owned(), fence(doing.schema)),
    };
    let opening = worker.opening(worker.limits, (&anew, &fence), &before(part.statements, prepared));
    let messages = worker.ask(&opening).await?;
    worker.session.now_prepared(prepared);
    let Some((seen, before)) = read(&messages) else {
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
    Ok((before, seen != ours))
}

/// Reads what an opening gives: the fence, and what is there.
fn read(messages: &[SimpleQueryMessage]) -> Option<(u64, Before)> {
    let rows = messages.iter().filter_map(|message| {
        let SimpleQueryMessage::Row(row) = message else { return None };
        Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
    });
    let rows: Vec<Vec<Option<String>>> = rows.collect();
    let (first, files) = rows.split_first()?;
    let column = |at: usize| first.get(at)?.clone();
    let seen = column(0)?.parse().ok()?;
    Some((seen, Before::read(&column(1).unwrap_or_default(), files)))
}

/// Cuts what came back at the COMMIT that follows the record: what came until then, and what came after it. The record is
/// the first that has columns to give, with or without a row; then come its own end, and the one of COMMIT.
pub(super) fn at_commit(
    messages: &[SimpleQueryMessage],
) -> (&[SimpleQueryMessage], Option<&[SimpleQueryMessage]>) {
    let ends = messages
        .iter()
        .enumerate()
        .skip_while(|(_, message)| !matches!(message, SimpleQueryMessage::RowDescription(_)))
        .filter(|(_, message)| matches!(message, SimpleQueryMessage::CommandComplete(_)));
    match ends.map(|(at, _)| at).nth(1).and_then(|commit| messages.split_at_checked(commit + 1)) {
        Some((until, after)) => (until, Some(after)),
        None => (messages, None),
    }
}

/// Takes over the transaction that was opened with a COMMIT, if all of it is as it should be; else it is rolled back.
pub(super) async fn take_over(
    worker: &Worker<'_, '_>,
    doing: &Doing<'_>,
    after: &[SimpleQueryMessage],
    stop: Option<&Stop>,
) -> Option<Opened> {
    let opened = match (stop, read(after)) {
        (None, Some((seen, before))) if seen == doing.command.fence && worker.session.is_prepared() => {
            return Some(Opened { before });
        }
        (None, opened) => format!("{opened:?}"),
        (Some(stop), _) => format!("{stop:?}"),
    };
    tracing::debug!(opened, "the next transaction is opened again");
    worker.session.roll_back().await;
    None
}
