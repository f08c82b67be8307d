//! One migrator at a time for each database: a session-level advisory lock.
//!
//! It is tried and polled rather than waited for: a session that waits for a lock inside a statement holds a snapshot,
//! and would hold up `CREATE INDEX CONCURRENTLY`. The server releases it when the session ends, after the session's
//! transaction is over: who gets it in a new session knows that nothing of the old one is still running.

use std::time::Duration;

use pgbelay_core::digest::Digest;
use rand::Rng as _;
use tokio::time::{Instant, sleep_until};

use super::fault::Fault;
use super::session::Session;

/// How long another migrator is waited for: longer than a short run takes, shorter than people's patience.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Between two tries, at most; half of it at least.
const POLL: Duration = Duration::from_millis(400);

/// The key of an advisory lock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys(pub(crate) i32, pub(crate) i32);

impl Keys {
    /// The key for one use of one pgbelay schema.
    pub(crate) fn of(purpose: &str, schema: &str) -> Self {
        let half = |text: &str| {
            let digest = Digest::of_parts("pgbelay lock 1", [text.as_bytes()]);
            let [a, b, c, d, ..] = *digest.as_bytes();
            i32::from_be_bytes([a, b, c, d])
        };
        Self(half(&format!("pgbelay {purpose}")), half(schema))
    }

    /// The key of the lock that a migrator holds.
    pub(crate) fn migrator(schema: &str) -> Self {
        Self::of("migrator", schema)
    }
}

/// What came of the wait for a lock.
pub(crate) enum Locked {
    /// It is ours until the session ends.
    Ours,
    /// Somebody else holds it: who, in words.
    Held(String),
}

/// Tries once.
async fn try_once(session: &Session, keys: Keys) -> Result<bool, Fault> {
    let Keys(first, second) = keys;
    let rows = session.ask(&format!("SELECT pg_catalog.pg_try_advisory_lock({first}, {second})")).await?;
    Ok(rows.first().and_then(|row| row.get(0)) == Some("t"))
}

/// Whether the session holds it.
pub(crate) async fn is_ours(session: &Session, keys: Keys) -> Result<bool, Fault> {
    let Keys(first, second) = keys;
    let sql = format!(
        "SELECT FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 2 \
           AND pid = pg_catalog.pg_backend_pid() AND classid = ({first}::bigint & 4294967295)::oid \
           AND objid = ({second}::bigint & 4294967295)::oid"
    );
    Ok(!session.ask(&sql).await?.is_empty())
}

/// Tries until the deadline. `waiting` hears who holds it.
pub(crate) async fn take(
    session: &Session,
    keys: Keys,
    deadline: Instant,
    mut waiting: impl FnMut(&str),
) -> Result<Locked, Fault> {
    loop {
        if try_once(session, keys).await? {
            return Ok(Locked::Ours);
        }
        let holder = holder(session, keys).await?;
        let pause = POLL.mul_f64(rand::rng().random_range(0.5..1.0));
        if Instant::now() + pause >= deadline {
            return Ok(Locked::Held(holder));
        }
        waiting(&holder);
        sleep_until(Instant::now() + pause).await;
    }
}

/// Who holds a lock, in words.
async fn holder(session: &Session, keys: Keys) -> Result<String, Fault> {
    let Keys(first, second) = keys;
    let sql = format!(
        "SELECT l.pid, a.application_name, a.usename, \
           pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - a.backend_start))::bigint \
         FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 \
           AND l.classid = ({first}::bigint & 4294967295)::oid AND l.objid = ({second}::bigint & 4294967295)::oid \
           AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
    );
    let rows = session.ask(&sql).await?;
    let Some(row) = rows.first() else { return Ok("a session that has just ended".to_owned()) };
    let column = |at| row.get(at).filter(|text| !text.is_empty()).unwrap_or("unknown");
    let (pid, application, user, age) = (column(0), column(1), column(2), column(3));
    Ok(format!("pid {pid} ({application}, user {user}, connected for {age} s)"))
}
