//! A transaction in which migrations are run: how it opens, how statements are sent, watched and cancelled.
//!
//! What a migration may have left behind in the session (role, settings, temporary tables, prepared statements) is put
//! back as each transaction opens, where it costs no round trip: each migration runs as if in a session of its own.

use std::pin::pin;
use std::time::Duration;

use pgbelay_analysis::{Script, Statement};
use pgbelay_core::command::{Failure, FailureKind};
use pgbelay_core::plan::ExecutionSettings;
use pgbelay_core::time::Span;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;
use tokio_util::sync::CancellationToken;

use super::blockers::Watcher;
use super::fault::{Fault, failure, sql_failure};
use super::script::may_change_settings;
use super::session::{CHECK_CLIENT, OWN_PATH, Session};

/// Added to the server's own timeouts: when it has not answered by then, the connection is dead. A COMMIT may take this
/// long as well: it has no timeout, and may wait for the disk or for a synchronous standby.
const GRACE: Duration = Duration::from_secs(60);

/// How long a statement runs before it is looked whether it waits for a lock, and how often after that.
const FIRST_LOOK: Duration = Duration::from_millis(200);
const NEXT_LOOK: Duration = Duration::from_millis(500);

/// How long the server may take to answer once the statement was cancelled.
const CANCELLED: Duration = Duration::from_secs(20);

/// Between two statements the agent does nothing but send the next. When it has stopped, the server ends the
/// transaction, and with it the locks.
const IDLE_MS: u32 = 60_000;

/// What puts a session back to how it began. Legal inside a transaction, which `DISCARD ALL` is not, and keeps advisory
/// locks, which `DISCARD ALL` does not.
const AS_NEW: &str = "SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; CLOSE ALL; DEALLOCATE ALL; \
    UNLISTEN *; DISCARD TEMP; DISCARD SEQUENCES";

/// Why a transaction ended early. It is still open unless the session is lost.
#[derive(Debug)]
pub(super) enum Stop {
    /// The session is gone.
    Lost(String),
    /// It was cancelled.
    Cancelled,
    /// The database has seen a higher fence.
    Stale {
        /// The fence that the database holds.
        seen: u64,
    },
    /// Something in it failed.
    Failed(Box<Failure>),
}

/// The limits of one transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Longest wait for one lock.
    pub(super) lock: Duration,
    /// Longest time of one statement.
    pub(super) statement: Duration,
}

impl Limits {
    pub(super) fn of(settings: &ExecutionSettings) -> Self {
        Self { lock: duration(settings.lock_timeout), statement: duration(settings.statement_timeout) }
    }
}

/// A length of time that is more than nothing, which PostgreSQL reads as "no limit", and not more than it takes.
pub(super) fn duration(span: Span) -> Duration {
    Duration::from_millis(u64::try_from(span.0).unwrap_or_default().clamp(1, i32::MAX as u64))
}

/// A session at work.
pub(super) struct Worker<'a, 't> {
    pub(super) session: &'a Session,
    pub(super) watcher: &'a mut Watcher<'t>,
    pub(super) cancel: &'a CancellationToken,
    pub(super) limits: Limits,
    /// Hears who is waited for.
    pub(super) waiting: &'a (dyn Fn(&[String]) + Send + Sync),
}

impl Worker<'_, '_> {
    /// Opens a transaction; the first column of the last row that `then` gives in it.
    pub(super) async fn open(&mut self, then: &str) -> Result<Option<String>, Stop> {
        let settings = self.settings();
        let sql = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {AS_NEW}; {OWN_PATH}; {settings}; {then}; \
             RESET search_path"
        );
        let messages = self.ask(&sql).await?;
        Ok(messages.iter().rev().find_map(|message| {
            if let SimpleQueryMessage::Row(row) = message { row.get(0).map(str::to_owned) } else { None }
        }))
    }

    fn settings(&self) -> String {
        let Limits { lock, statement } = self.limits;
        let (lock, statement) = (lock.as_millis(), statement.as_millis());
        let check = if self.session.checks_client { CHECK_CLIENT } else { "" };
        format!(
            "{check}; SET LOCAL idle_in_transaction_session_timeout = {IDLE_MS}; SET LOCAL lock_timeout = {lock}; \
             SET LOCAL statement_timeout = {statement}"
        )
    }

    /// Puts the session back to how it began, inside the transaction.
    pub(super) async fn start_anew(&mut self) -> Result<(), Stop> {
        let sql = format!("{AS_NEW}; {}", self.settings());
        self.ask(&sql).await.map(drop)
    }

    /// What ends a step before its record is written: the limits hold again, deferred constraints are checked while
    /// their failure can still be told from a failure of the record, and the session is its own user's again.
    pub(super) fn end_of_script(&self) -> String {
        format!(
            "SET client_encoding = 'UTF8'; {}; SET CONSTRAINTS ALL IMMEDIATE; \
             SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; {OWN_PATH}",
            self.settings()
        )
    }

    /// Runs the statements of a script, one after the other.
    pub(super) async fn run(&mut self, script: &Script) -> Result<(), Stop> {
        for (at, statement) in script.statements.iter().enumerate() {
            if self.cancel.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            let began = Instant::now();
            let client = &self.session.client;
            let answer = self.watched(client.batch_execute(&statement.text)).await;
            answer.map_err(|fault| self.stop(fault, Some(statement), began.elapsed()))?;
            // After the last, the end of the script does it, where it costs no round trip.
            if may_change_settings(statement.kind) && at + 1 < script.statements.len() {
                self.cap_timeouts().await?;
            }
        }
        Ok(())
    }

    /// A migration may lower its timeouts, but not raise them: no statement ever waits for a lock without a limit.
    /// Runs with the migration's own path: each operator is named with its schema.
    pub(super) async fn cap_timeouts(&mut self) -> Result<(), Stop> {
        let Limits { lock, statement } = self.limits;
        let sql = format!(
            "SET client_encoding = 'UTF8'; SELECT pg_catalog.set_config(s.name, l.ms::pg_catalog.text, true) \
             FROM (VALUES ('lock_timeout', {}), ('statement_timeout', {})) l (name, ms), pg_catalog.pg_settings s \
             WHERE s.name OPERATOR(pg_catalog.=) l.name \
               AND (s.setting::pg_catalog.int8 OPERATOR(pg_catalog.=) 0 \
                 OR s.setting::pg_catalog.int8 OPERATOR(pg_catalog.>) l.ms)",
            lock.as_millis(),
            statement.as_millis()
        );
        self.ask(&sql).await.map(drop)
    }

    /// Sends statements of our own.
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Stop> {
        let began = Instant::now();
        let client = &self.session.client;
        let answer = self.watched(client.simple_query(sql)).await;
        answer.map_err(|fault| self.stop(fault, None, began.elapsed()))
    }

    /// Waits for an answer, and meanwhile looks who is in the way, and whether it is still wanted.
    async fn watched<T>(
        &mut self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Fault> {
        let mut answer = pin!(answer);
        let now = Instant::now();
        let mut deadline = now + self.limits.lock.max(self.limits.statement) + GRACE;
        let mut looks = interval_at(now + FIRST_LOOK.min(self.limits.lock / 2), NEXT_LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut cancelled = false;
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer.map_err(Fault::from),
                () = self.cancel.cancelled(), if !cancelled => {
                    cancelled = true;
                    deadline = deadline.min(Instant::now() + CANCELLED);
                    self.session.cancel().await;
                }
                _ = looks.tick() => {
                    if let Some(blockers) = self.watcher.look(self.session.pid).await {
                        (self.waiting)(blockers);
                    }
                }
                () = sleep_until(deadline) => {
                    return Err(Fault::Lost("the server did not answer in time".to_owned()));
                }
            }
        }
    }

    fn stop(&self, fault: Fault, statement: Option<&Statement>, took: Duration) -> Stop {
        let error = match fault {
            Fault::Lost(why) => return Stop::Lost(why),
            Fault::Sql(error) => error,
        };
        let place = statement.map(|statement| (statement.text.as_str(), statement.position.line));
        let told = sql_failure(&error, place);
        if *error.code() != SqlState::QUERY_CANCELED {
            return Stop::Failed(Box::new(Failure { blockers: self.blockers(&told), ..told }));
        }
        if self.cancel.is_cancelled() {
            return Stop::Cancelled;
        }
        Stop::Failed(Box::new(if took.saturating_add(took / 10) >= self.limits.statement {
            let limit = Span(i64::try_from(self.limits.statement.as_millis()).unwrap_or(i64::MAX));
            let message = format!("a statement took longer than {limit}");
            let hint = "split the migration, or raise statement_timeout in the policy; then make a new plan";
            Failure {
                line: told.line,
                sqlstate: told.sqlstate,
                ..failure(FailureKind::StatementTimeout, message, hint)
            }
        } else {
            let hint = "find out who ended it (pg_cancel_backend), then run it again";
            let message = "somebody else cancelled a statement on the server";
            Failure { line: told.line, sqlstate: told.sqlstate, ..failure(FailureKind::Sql, message, hint) }
        }))
    }

    fn blockers(&self, told: &Failure) -> Vec<String> {
        if told.kind == FailureKind::LockTimeout { self.watcher.seen.clone() } else { Vec::new() }
    }
}
