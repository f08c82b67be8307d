//! Who holds the lock that a statement waits for, seen from a second session while it waits.
//!
//! The text of the other session's query can hold rows: policy says how much of it is told.

use std::time::Duration;

use pgbelay_analysis::LockMode;
use pgbelay_core::command::StrongLock;
use pgbelay_core::policy::QueryText;
use tokio::time::{Instant, timeout};
use tokio_postgres::SimpleQueryRow;

use super::connect::connect;
use super::quote::literal;
use super::session::Session;
use super::target::Target;

/// How long one look may take: while it lasts, nobody looks whether the statement has ended.
const LOOK: Duration = Duration::from_secs(2);

/// Most sessions that are named: who ends these finds the next ones.
const MOST: usize = 10;

/// Most locks of a migration that are looked at: those of one that takes more are taken one after the other anyway.
const MOST_LOCKS: usize = 200;

/// Shorter transactions are not waited for outside of the queue.
const LONG: Duration = Duration::from_secs(1);

/// Of a query, in characters.
const MOST_OF_QUERY: usize = 200;

/// What the second session is called in `pg_stat_activity`.
const APPLICATION: &str = "pgbelay-agent watch";

/// Looks for blockers. Connects when it is first needed, and gives up for good when that fails: it is only told to
/// people, and nothing depends on it.
pub(crate) struct Watcher<'a> {
    target: &'a Target,
    session: Option<Session>,
    useless: bool,
    /// No transaction can be long before this.
    quiet_until: Instant,
    /// Who was seen last.
    pub(crate) seen: Vec<String>,
}

impl<'a> Watcher<'a> {
    pub(crate) fn new(target: &'a Target) -> Self {
        Self { target, session: None, useless: false, quiet_until: Instant::now(), seen: Vec::new() }
    }

    /// Looks who blocks a server process; the sessions in words, if there are any.
    pub(crate) async fn look(&mut self, pid: i32) -> Option<&[String]> {
        if self.useless {
            return None;
        }
        let Ok(Some(found)) = timeout(LOOK, self.blockers(pid)).await else {
            (self.session, self.useless) = (None, true);
            tracing::debug!("no second session to look for blockers with");
            return None;
        };
        if found.is_empty() {
            return None;
        }
        self.seen = found;
        Some(&self.seen)
    }

    /// Sessions with long transactions that hold a lock which conflicts with one of these. `None`: nobody can look.
    pub(crate) async fn holders(
        &mut self,
        locks: &[StrongLock],
        own: i32,
        queries: QueryText,
    ) -> Option<Vec<Holder>> {
        if self.useless {
            return None;
        }
        let Ok(Some(found)) = timeout(LOOK, self.holding(locks, own, queries)).await else {
            (self.session, self.useless) = (None, true);
            tracing::debug!("no second session to look for blockers with");
            return None;
        };
        Some(found)
    }

    async fn holding(&mut self, locks: &[StrongLock], own: i32, queries: QueryText) -> Option<Vec<Holder>> {
        if self.is_quiet(own).await? {
            return Some(Vec::new());
        }
        let wanted = locks.iter().take(MOST_LOCKS).flat_map(|lock| {
            let conflicts = LockMode::ALL.into_iter().filter(|mode| mode.conflicts_with(lock.mode));
            conflicts.map(|mode| format!("({}, {})", literal(&lock.relation), literal(mode.as_str())))
        });
        let wanted: Vec<_> = wanted.collect();
        let long = LONG.as_millis();
        let sql = format!(
            "SELECT DISTINCT a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), a.usename, a.state, \
               pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start))::bigint, a.query \
             FROM (VALUES {}) w (relation, mode) \
             JOIN pg_catalog.pg_locks l ON l.relation = pg_catalog.to_regclass(w.relation) AND l.mode = w.mode \
             JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
             WHERE l.granted AND l.pid <> {own} AND l.locktype = 'relation' \
               AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
               AND a.xact_start < pg_catalog.clock_timestamp() - interval '{long} ms' \
               AND NOT (a.backend_type = 'autovacuum worker' AND a.query !~ 'to prevent wraparound') \
             ORDER BY 5 DESC LIMIT {MOST}",
            wanted.join(", ")
        );
        let rows = self.session().await?.ask(&sql).await.ok()?;
        Some(rows.iter().filter_map(|row| holder(row, queries)).collect())
    }

    /// Whether no transaction in this database is long. Asked before each step: planning the question who holds what takes
    /// the server longer than most migrations do. And until the oldest transaction can have become long, or one that
    /// began right after the question, nothing has to be asked at all.
    async fn is_quiet(&mut self, own: i32) -> Option<bool> {
        let asked = Instant::now();
        if asked < self.quiet_until {
            return Some(true);
        }
        let sql = format!(
            "SELECT pg_catalog.ceil(extract(epoch FROM pg_catalog.clock_timestamp() - min(a.xact_start)) * 1000)::bigint \
             FROM pg_catalog.pg_stat_get_activity(NULL) a WHERE a.pid <> {own} \
               AND a.datid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
        );
        let rows = self.session().await?.ask(&sql).await.ok()?;
        let oldest = rows
            .first()?
            .get(0)
            .and_then(|age| age.parse().ok())
            .map_or(Duration::ZERO, Duration::from_millis);
        self.quiet_until = asked + LONG.saturating_sub(oldest);
        Some(oldest < LONG)
    }

    /// Ends a session that is in the way: its statement, or, where it does nothing in an open transaction, itself.
    /// Whether the server says that it did.
    pub(crate) async fn end(&mut self, holder: &Holder) -> bool {
        let how = if holder.active { "pg_cancel_backend" } else { "pg_terminate_backend" };
        let long = LONG.as_millis();
        // Only if it is still the same session.
        let sql = format!(
            "SELECT pg_catalog.{how}(pid) FROM pg_catalog.pg_stat_activity WHERE pid = {} AND usename = {} \
               AND xact_start < pg_catalog.clock_timestamp() - interval '{long} ms'{}",
            holder.pid,
            literal(&holder.user),
            if holder.active { "" } else { " AND state LIKE 'idle in transaction%'" }
        );
        let Some(session) = self.session().await else { return false };
        match timeout(LOOK, session.ask(&sql)).await {
            Ok(Ok(rows)) => rows.first().and_then(|row| row.get(0)) == Some("t"),
            Ok(Err(fault)) => {
                tracing::warn!(
                    why = fault.words(),
                    session = holder.words,
                    "a session in the way cannot be ended"
                );
                false
            }
            Err(_) => false,
        }
    }

    async fn session(&mut self) -> Option<&Session> {
        if self.session.is_none() {
            self.session = Some(Box::pin(connect(self.target, APPLICATION)).await.ok()?);
        }
        self.session.as_ref()
    }

    async fn blockers(&mut self, pid: i32) -> Option<Vec<String>> {
        let sql = format!(
            "SELECT b.pid, coalesce(nullif(a.application_name, ''), a.backend_type), a.usename, a.state, \
               pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change))::bigint \
             FROM (SELECT DISTINCT pg_catalog.unnest(pg_catalog.pg_blocking_pids({pid})) AS pid) b \
             LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid ORDER BY b.pid LIMIT {MOST}"
        );
        let rows = self.session().await?.ask(&sql).await.ok()?;
        Some(rows.iter().map(|row| words([0, 1, 2, 3, 4].map(|at| row.get(at)))).collect())
    }
}

/// A session that holds what a migration locks.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) pid: i32,
    pub(crate) user: String,
    /// Whether a statement of it runs.
    pub(crate) active: bool,
    /// Who it is, for people.
    pub(crate) words: String,
}

fn holder(row: &SimpleQueryRow, queries: QueryText) -> Option<Holder> {
    let mut words = words([0, 1, 2, 3, 4].map(|at| row.get(at)));
    let query = row.get(5).unwrap_or_default();
    let query = match queries {
        QueryText::None => String::new(),
        QueryText::Redacted => pgbelay_analysis::redacted(query, MOST_OF_QUERY),
        QueryText::Full => {
            query.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST_OF_QUERY).collect()
        }
    };
    if !query.is_empty() {
        words = format!("{words}: {query}");
    }
    Some(Holder {
        pid: row.get(0)?.parse().ok()?,
        user: row.get(2).unwrap_or_default().to_owned(),
        active: row.get(3) == Some("active"),
        words,
    })
}

fn words([pid, application, user, state, age]: [Option<&str>; 5]) -> String {
    let pid = pid.unwrap_or("?");
    if pid == "0" {
        return "a prepared transaction (see pg_prepared_xacts)".to_owned();
    }
    let application = application.unwrap_or("unknown application");
    let user = user.map(|user| format!(", user {user}")).unwrap_or_default();
    let doing = match (state, age) {
        (Some(state), Some(age)) => format!(", {state} for {age} s"),
        (Some(state), None) => format!(", {state}"),
        (None, _) => String::new(),
    };
    format!("pid {pid} ({application}{user}{doing})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocker_is_told_with_what_is_known_of_it() {
        let known = [Some("4711"), Some("psql"), Some("bob"), Some("idle in transaction"), Some("12")];
        assert_eq!(words(known), "pid 4711 (psql, user bob, idle in transaction for 12 s)");
        assert_eq!(words([Some("7"), None, None, None, None]), "pid 7 (unknown application)");
        assert!(words([Some("0"), None, None, None, None]).contains("prepared"));
    }
}
