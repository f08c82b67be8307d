//! How large relations are and how busy, and who holds locks on them now. Changes nothing, and waits for nobody for long.

use std::collections::BTreeMap;
use std::time::Duration;

use pgbelay_proto::wire::{LockHolder, Measured, RelationSize};
use tokio::time::{Instant, sleep};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use super::catalog::sizes::{MEASURED, NOTED};
use super::connect::{ConnectError, connect};
use super::fault::Fault;
use super::session::{ANSWER, Session, within};
use super::target::Target;

/// Why relations could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// There is no session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server did not answer a question.
    #[error("the relations could not be measured: {0}")]
    Query(String),
}

impl From<Fault> for MeasureError {
    fn from(fault: Fault) -> Self {
        Self::Query(fault.words())
    }
}

const OPEN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL lock_timeout = '1s'; \
    SET LOCAL statement_timeout = '15s'";

/// The relations of the names: without asking the server to read them, which it refuses for schemas that the agent's
/// user may not use.
const NAMED: &str = "(SELECT n.name, c.* FROM unnest($1::text[]) AS n (name) \
    JOIN pg_namespace s ON s.nspname = (parse_ident(n.name))[1] \
    JOIN pg_class c ON c.relnamespace = s.oid AND c.relname = (parse_ident(n.name))[2])";

/// What holds rows. Where the statistics were never reset, the start of the server stands in.
const SIZES: &str = "SELECT c.name, c.reltuples::float8, c.relpages::int8, {bytes}::int8, {index_bytes}::int8, \
      ({writes})::int8, \
      greatest(floor(extract(epoch FROM now() - coalesce(pg_stat_get_db_stat_reset_time(d.oid), \
        pg_postmaster_start_time()))), 1)::int8, \
      (SELECT count(*) FROM pg_constraint f \
        WHERE f.contype = 'f' AND f.confrelid = c.oid AND f.conrelid <> c.oid)::int8, \
      current_setting('server_version_num')::int8 \
    FROM {named} c \
    CROSS JOIN (SELECT oid FROM pg_database WHERE datname = current_database()) d \
    WHERE c.relkind IN ('r', 'm')";

/// Rows written, ever.
const WRITES: &str = "pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) \
    + pg_stat_get_tuples_deleted(c.oid)";

/// How long the writes are looked at. Sessions report what they did once in a second.
const LOOK: Duration = Duration::from_millis(1_500);

/// Sessions that have been in a transaction for a while: those that come and go are waited for in no time. What the
/// agent's user may not see may have been there for long, and so may prepared transactions.
const HOLDERS: &str = "SELECT coalesce(l.pid, 0), coalesce(a.usename::text, ''), coalesce(a.application_name, ''), \
      coalesce(a.state, ''), floor(extract(epoch FROM now() - a.xact_start))::int8, l.name, l.modes \
    FROM (SELECT l.pid, c.name, array_agg(DISTINCT l.mode) AS modes \
        FROM {named} c JOIN pg_locks l ON l.relation = c.oid \
        WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid() \
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
        GROUP BY l.pid, c.name) l \
    LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
    WHERE a.xact_start IS NULL OR a.xact_start < now() - interval '1 second' \
    ORDER BY a.xact_start, l.pid, l.name LIMIT 100";

/// Measures those of the relations that there are. Names are with their schema, quoted where SQL needs it.
///
/// # Errors
/// The database cannot be reached or read.
pub async fn measure(target: &Target, relations: &[String]) -> Result<Measured, MeasureError> {
    let session = connect(target, "pgbelay-agent measure").await?;
    let measured = measure_in(&session, relations).await;
    session.close().await;
    measured
}

async fn measure_in(session: &Session, relations: &[String]) -> Result<Measured, MeasureError> {
    session.tell(OPEN).await?;
    session.tell("SAVEPOINT sizes").await?;
    let found = match rows(session, &filled(&MEASURED), relations).await {
        Ok(found) => found.iter().filter_map(|row| size(row, 0)).collect(),
        // Somebody has one of them for himself, and its files are not to be looked at. What was never counted is then
        // of no known size.
        Err(fault) if fault.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            session.tell("ROLLBACK TO SAVEPOINT sizes").await?;
            let found = rows(session, &filled(&NOTED), relations).await?;
            found.iter().filter_map(|row| size(row, 1)).collect()
        }
        Err(fault) => return Err(fault.into()),
    };
    session.tell("ROLLBACK").await?;
    let relations_now = now(session, found, relations).await?;
    let holders = rows(session, HOLDERS, relations).await?;
    Ok(Measured { relations: relations_now, holders: holders.iter().filter_map(holder).collect() })
}

/// A relation, and the rows that were ever written to it.
type Sized = (RelationSize, u64);

/// Looks at the writes again a little later: an average hides what was made yesterday, or has moved here.
async fn now(
    session: &Session,
    found: Vec<Sized>,
    relations: &[String],
) -> Result<Vec<RelationSize>, MeasureError> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let started = Instant::now();
    sleep(LOOK).await;
    let sql = format!("SELECT c.name, ({WRITES})::int8 FROM {NAMED} c WHERE c.relkind IN ('r', 'm')");
    let again = rows(session, &sql, relations).await?;
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    let later: BTreeMap<String, u64> =
        again.iter().filter_map(|row| Some((row.try_get(0).ok()?, number(row, 1)?))).collect();
    let measured = found.into_iter().map(|(size, before)| {
        let written = later.get(&size.relation).map_or(0, |writes| writes.saturating_sub(before));
        let seen = written.saturating_mul(1_000).div_ceil(ms);
        RelationSize { writes_per_second: size.writes_per_second.max(seen), ..size }
    });
    Ok(measured.collect())
}

fn filled(values: &[(&str, &str)]) -> String {
    let sql = SIZES.replace("{writes}", WRITES);
    values.iter().fold(sql, |sql, (name, value)| sql.replace(name, value))
}

async fn rows(session: &Session, sql: &str, names: &[String]) -> Result<Vec<Row>, Fault> {
    let sql = sql.replace("{named}", NAMED);
    within(ANSWER, session.client.query_typed(&sql, &[(&names, Type::TEXT_ARRAY)])).await
}

fn number(row: &Row, at: usize) -> Option<u64> {
    u64::try_from(row.try_get::<_, i64>(at).ok()?).ok()
}

/// `least_pages`: what has fewer is of no known size.
fn size(row: &Row, least_pages: i64) -> Option<Sized> {
    let (tuples, pages): (f64, i64) = (row.try_get(1).ok()?, row.try_get(2).ok()?);
    if pages < least_pages {
        return None;
    }
    // Before 14, a table that was never counted has 0 rows in 0 pages.
    let counted = tuples > 0.0 || tuples == 0.0 && (number(row, 8)? >= 140_000 || pages > 0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate, checked to be no less than 0"
    )]
    let rows = counted.then_some(tuples as u64);
    let (writes, seconds) = (number(row, 5)?, number(row, 6)?);
    let size = RelationSize {
        relation: row.try_get(0).ok()?,
        rows,
        bytes: number(row, 3)?,
        index_bytes: number(row, 4)?,
        writes_per_second: writes.div_ceil(seconds.max(1)),
        referenced_by: u32::try_from(number(row, 7)?).ok()?,
    };
    Some((size, writes))
}

fn holder(row: &Row) -> Option<LockHolder> {
    Some(LockHolder {
        pid: row.try_get(0).ok()?,
        user: row.try_get(1).ok()?,
        application: row.try_get(2).ok()?,
        state: row.try_get(3).ok()?,
        seconds: number(row, 4),
        relation: row.try_get(5).ok()?,
        modes: row.try_get(6).ok()?,
    })
}
