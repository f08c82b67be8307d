//! Finding out what a lost session did: by the records, from a new session, once the old one is certainly over.
//!
//! Sessions of a run carry its command in their application's name. What is left of them is ended first. Then the
//! migrators' lock is taken, which the server gives up only after a session's transaction is over, and the fence's row,
//! which every transaction of a run holds. Whoever has both reads what will stay true.

use std::time::Duration;

use pgbelay_core::command::StepDone;
use pgbelay_proto::convert::WireCommand;
use tokio::time::{Instant, sleep, timeout};

use super::connect::{ConnectError, connect};
use super::fault::{Fault, Loss};
use super::layout;
use super::lock::{self, Keys, Locked};
use super::quote::identifier;
use super::records::done_by;
use super::session::{FLUSHES, OWN_PATH, Session};
use super::target::Target;

/// How long it is tried: a server that restarts is back by then, and a statement that was running has been ended.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(500);

/// How long one wait for the lock lasts before it is looked again for sessions to be ended.
const ROUND: Duration = Duration::from_secs(2);

/// Longest wait for the fence's row. Shorter than a session's patience for an answer.
const FENCE_WAIT_MS: u32 = 15_000;

/// How long the disk, and the standbys that are waited for, may take.
const DISK: Duration = Duration::from_secs(60);

/// What the sessions of a run are called.
pub(super) fn application(command: &WireCommand) -> String {
    format!("pgbelay-agent {}/{}", command.id, command.attempt)
}

/// The truth, and the session that holds the lock.
pub(super) struct Settled {
    pub(super) session: Session,
    /// What this run of the command has recorded.
    pub(super) done: Vec<StepDone>,
}

/// Finds out, reconnecting until the deadline.
pub(super) async fn settle(target: &Target, command: &WireCommand) -> Result<Settled, ConnectError> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match once(target, command, deadline).await {
            Err(error) if Instant::now() + PAUSE >= deadline => return Err(error),
            Err(error) => tracing::debug!(%error, "the database cannot be asked yet"),
            Ok(settled) => return Ok(settled),
        }
        sleep(PAUSE).await;
    }
}

/// Finds out with one connection.
pub(super) async fn once(
    target: &Target,
    command: &WireCommand,
    deadline: Instant,
) -> Result<Settled, ConnectError> {
    let application = application(command);
    let session = connect(target, &application).await?;
    loop {
        session.end_others(&application).await?;
        let round = deadline.min(Instant::now() + ROUND);
        match lock::take(&session, Keys::migrator(&target.schema), round, |_| ()).await? {
            Locked::Ours => break,
            Locked::Held(holder) if Instant::now() + PAUSE >= deadline => {
                return Err(ConnectError::Busy { holder });
            }
            Locked::Held(_) => {}
        }
    }
    let done = read(&session, &target.schema, command).await?;
    Ok(Settled { session, done })
}

async fn read(session: &Session, schema: &str, command: &WireCommand) -> Result<Vec<StepDone>, ConnectError> {
    if !layout::is_there(session, schema).await? {
        return Ok(Vec::new());
    }
    lock_fence(session, schema).await?;
    let done = done_by(session, schema, command).await?;
    if done.is_empty() {
        session.tell("ROLLBACK").await?;
    } else {
        // What was just read may not be on disk yet.
        confirm(session, schema).await?;
    }
    Ok(done)
}

/// Brings to disk what was committed before, also where its own COMMIT did not wait, or a wish to cancel ended its wait.
pub(super) async fn bring_to_disk(session: &Session, schema: &str) -> Result<(), ConnectError> {
    lock_fence(session, schema).await?;
    confirm(session, schema).await
}

/// Opens a transaction and locks the fence's row, which is written to the WAL behind all that was committed before: where
/// its COMMIT has waited for the disk, and for the standbys for which this user's COMMIT waits, all that is there, too.
/// Whatever the session was left in, and in any case so that the server says when that wait was cancelled.
async fn lock_fence(session: &Session, schema: &str) -> Result<(), Fault> {
    let sql = format!(
        "ROLLBACK; BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; \
         RESET ALL; {OWN_PATH}; SET LOCAL client_min_messages = warning; SET LOCAL lock_timeout = {FENCE_WAIT_MS}; {FLUSHES}; \
         SELECT 'fence' FROM {}.fence FOR UPDATE",
        identifier(schema)
    );
    let rows = session.ask(&sql).await?;
    // Of a wait before this one.
    session.gave_up_waiting();
    if rows.iter().any(|row| row.get(0) == Some("fence")) {
        return Ok(());
    }
    Err(Fault::Lost(Loss::broke(format!("{schema}.fence is empty or damaged"))))
}

/// Commits what [`lock_fence`] has opened, until the wait has come to its own end: a request to cancel that comes late, or
/// somebody else's, ends the wait for a standby, and COMMIT succeeds all the same.
async fn confirm(session: &Session, schema: &str) -> Result<(), ConnectError> {
    let confirmed = async {
        loop {
            session.client.batch_execute("COMMIT").await.map_err(Fault::from)?;
            if !session.gave_up_waiting() {
                return Ok(());
            }
            tracing::warn!("the wait for a standby was cancelled; waiting for it again");
            lock_fence(session, schema).await?;
        }
    };
    match timeout(DISK, confirmed).await {
        Ok(confirmed) => confirmed.map_err(|fault: Fault| fault.into()),
        Err(_) => Err(ConnectError::Unconfirmed { after: DISK }),
    }
}
