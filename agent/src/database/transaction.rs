//! A transaction in which migrations are run: how it opens, how statements are sent, watched and cancelled.
//!
//! What a migration may have left behind in the session (role, settings, temporary tables, prepared statements) is put
//! back as each transaction opens, where it costs no round trip: each migration runs as if in a session of its own.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use pgbelay_analysis::Statement;
use pgbelay_core::command::{Failure, FailureKind};
use pgbelay_core::plan::ExecutionSettings;
use pgbelay_core::time::Span;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;
use tokio_util::sync::CancellationToken;

use super::blockers::Watcher;
use super::fault::{Fault, Loss, failure, sql_failure};
use super::script::may_change_settings;
use super::session::{CHECK_CLIENT, OWN_PATH, Session};
use super::tally::Tally;

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
const AS_NEW: &str = "SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP; \
    DISCARD SEQUENCES";

/// Why a transaction ended early. It is still open unless the session is lost.
#[derive(Debug)]
pub(super) enum Stop {
    /// The session is gone.
    Lost(Loss),
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
    /// What that may grow to in the course of the transaction: to wait longer costs others less than to do all that was
    /// done once more.
    pub(super) longest_lock: Duration,
    /// Longest time of one statement.
    pub(super) statement: Duration,
}

impl Limits {
    pub(super) fn of(settings: &ExecutionSettings) -> Self {
        Self::fixed(duration(settings.lock_timeout), duration(settings.statement_timeout))
    }

    /// What sets them, with `SET LOCAL` for a transaction or `SET` for a session.
    fn set(self, set: &str, checks_client: bool) -> String {
        let (lock, statement) = (self.lock.as_millis(), self.statement.as_millis());
        let check = if checks_client { CHECK_CLIENT } else { "" };
        format!(
            "{check}; {set} idle_in_transaction_session_timeout = {IDLE_MS}; {set} lock_timeout = {lock}; \
             {set} statement_timeout = {statement}"
        )
    }

    /// Limits that stay as they are.
    pub(super) fn fixed(lock: Duration, statement: Duration) -> Self {
        Self { lock, longest_lock: lock, statement }
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
    /// What policy says of the time of statements.
    pub(super) settings: &'a ExecutionSettings,
    /// What was seen.
    pub(super) tally: &'a mut Tally,
    /// Hears who is waited for.
    pub(super) waiting: &'a (dyn Fn(&[String]) + Send + Sync),
}

impl Worker<'_, '_> {
    /// What opens a transaction, with these limits, and then asks something. `anew` leaves nothing prepared that others
    /// have made, if anything may be. `after` runs with the migration's own path.
    pub(super) fn opening(&self, limits: Limits, (anew, then): (&str, &str), after: &str) -> String {
        let settings = limits.set("SET LOCAL", self.session.checks_client);
        format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {AS_NEW}; {OWN_PATH}; {settings}; {anew}; {then}; \
             RESET search_path; {after}"
        )
    }

    /// Sends statements of our own; all that came back, also when one of them failed.
    pub(super) async fn ask_all(&mut self, sql: &str) -> (Vec<SimpleQueryMessage>, Option<Stop>) {
        let (began, session) = (Instant::now(), self.session);
        let mut told = Vec::new();
        let answer = async {
            let mut messages = pin!(session.client.simple_query_raw(sql).await?);
            while let Some(message) = messages.next().await {
                told.push(message?);
            }
            Ok(())
        };
        let answer = self.watched(answer).await;
        let stop = answer.err().map(|fault| self.stop(fault, None, began.elapsed()));
        (told, stop)
    }

    /// Gets the session ready for a statement that stands alone: as new, with limits of its own, and with what the
    /// script has set before.
    pub(super) async fn prepare_alone(&mut self, before: &[&Statement]) -> Result<(), Stop> {
        self.as_new("SET").await?;
        for statement in before {
            self.execute(statement).await?;
        }
        if before.is_empty() { Ok(()) } else { self.cap("false").await }
    }

    /// Makes settings again that earlier pieces of a script have made.
    pub(super) async fn set_again(&mut self, settings: &[&Statement]) -> Result<(), Stop> {
        for statement in settings {
            self.execute(statement).await?;
        }
        if settings.is_empty() { Ok(()) } else { self.cap("true").await }
    }

    /// Runs a statement outside of any transaction. Nothing is sent with it: the server would take the message for one.
    pub(super) async fn execute_alone(&mut self, statement: &Statement) -> Result<(), Stop> {
        let began = Instant::now();
        let rows = self.execute(statement).await?;
        self.tally.statement(statement, began.elapsed(), rows);
        Ok(())
    }

    /// Runs a statement of our own outside of any transaction.
    pub(super) async fn alone(&mut self, sql: &str) -> Result<(), Stop> {
        self.as_new("SET").await?;
        self.ask(sql).await.map(drop)
    }

    /// Has the server run one statement of a migration; the number of rows that it tells. Rows are not kept.
    async fn execute(&mut self, statement: &Statement) -> Result<u64, Stop> {
        let began = Instant::now();
        let client = &self.session.client;
        let answer = async {
            let mut messages = pin!(client.simple_query_raw(&statement.text).await?);
            let mut rows = 0;
            while let Some(message) = messages.next().await {
                if let SimpleQueryMessage::CommandComplete(number) = message? {
                    rows = number;
                }
            }
            Ok(rows)
        };
        let answer = self.watched(answer).await;
        answer.map_err(|fault| self.stop(fault, Some(statement), began.elapsed()))
    }

    /// Puts the session back to how it began, inside the transaction.
    pub(super) async fn start_anew(&mut self) -> Result<(), Stop> {
        self.as_new("SET LOCAL").await
    }

    async fn as_new(&mut self, set: &str) -> Result<(), Stop> {
        self.session.now_prepared(false);
        let sql = format!("{AS_NEW}; DEALLOCATE ALL; {}", self.limits.set(set, self.session.checks_client));
        self.ask(&sql).await.map(drop)
    }

    /// What ends a step before its record is written: the limits hold again, deferred constraints are checked while
    /// their failure can still be told from a failure of the record, and the session is its own user's again.
    pub(super) fn end_of_script(&self) -> String {
        format!(
            "SET client_encoding = 'UTF8'; {}; SET CONSTRAINTS ALL IMMEDIATE; \
             SET SESSION AUTHORIZATION DEFAULT; RESET ROLE; {OWN_PATH}",
            self.limits.set("SET LOCAL", self.session.checks_client)
        )
    }

    /// Runs statements, one after the other.
    pub(super) async fn run(&mut self, statements: &[Statement]) -> Result<(), Stop> {
        let all_began = Instant::now();
        for (at, statement) in statements.iter().enumerate() {
            if self.cancel.is_cancelled() {
                return Err(Stop::Cancelled);
            }
            self.wait_longer(all_began.elapsed()).await?;
            let began = Instant::now();
            let rows = self.within_its_time(statement).await?;
            self.tally.statement(statement, began.elapsed(), rows);
            // After the last, the end of the script does it, where it costs no round trip.
            if may_change_settings(statement.kind) && at + 1 < statements.len() {
                self.cap("true").await?;
            }
        }
        Ok(())
    }

    /// Lets statements wait for a lock for as long as the transaction has been at work.
    async fn wait_longer(&mut self, worked: Duration) -> Result<(), Stop> {
        let lock = worked.min(self.limits.longest_lock);
        if lock <= self.limits.lock {
            return Ok(());
        }
        let before = std::mem::replace(&mut self.limits.lock, lock);
        // A migration that has lowered its own keeps that.
        let sql = format!(
            "SELECT pg_catalog.set_config('lock_timeout', '{}', true) FROM pg_catalog.pg_settings s \
             WHERE s.name OPERATOR(pg_catalog.=) 'lock_timeout' \
               AND s.setting::pg_catalog.int8 OPERATOR(pg_catalog.=) {}",
            lock.as_millis(),
            before.as_millis()
        );
        self.ask(&sql).await.map(drop)
    }

    /// Runs a statement within the time that policy has for its kind.
    async fn within_its_time(&mut self, statement: &Statement) -> Result<u64, Stop> {
        let usual = self.limits.statement;
        let limit = match self.settings.statement_timeouts.get(statement.kind.as_str()) {
            Some(span) => duration(*span),
            None => return self.execute(statement).await,
        };
        self.limits.statement = limit;
        let ran = async {
            self.ask(&format!("SET LOCAL statement_timeout = {}", limit.as_millis())).await?;
            self.execute(statement).await
        };
        let ran = ran.await;
        self.limits.statement = usual;
        let rows = ran?;
        self.ask(&format!("SET LOCAL statement_timeout = {}", usual.as_millis())).await?;
        Ok(rows)
    }

    /// A migration may lower its timeouts, but not raise them: no statement ever waits for a lock without a limit.
    /// Runs with the migration's own path: each operator is named with its schema. `local`: for the transaction alone.
    pub(super) async fn cap(&mut self, local: &str) -> Result<(), Stop> {
        let Limits { lock, statement, .. } = self.limits;
        let sql = format!(
            "SET client_encoding = 'UTF8'; SELECT pg_catalog.set_config(s.name, l.ms::pg_catalog.text, {local}) \
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
        let (mut cancelled, mut looked) = (false, now);
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
                    let now = Instant::now();
                    if let Some(blockers) = self.watcher.look(self.session.pid).await {
                        self.tally.waited(now - looked, blockers);
                        (self.waiting)(blockers);
                    }
                    looked = now;
                }
                () = sleep_until(deadline) => {
                    return Err(Fault::Lost(Loss::broke("the server did not answer in time")));
                }
            }
        }
    }

    fn stop(&self, fault: Fault, statement: Option<&Statement>, took: Duration) -> Stop {
        let error = match fault {
            Fault::Lost(loss) => return Stop::Lost(loss),
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
