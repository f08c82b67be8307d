//! One session on the server. Every question to it has a deadline.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, NoTls, SimpleQueryMessage, SimpleQueryRow};
use tokio_util::task::AbortOnDropHandle;

use super::fault::{Fault, Loss};
use super::quote::literal;

/// For questions that the server answers from its catalogs or its memory.
pub(crate) const ANSWER: Duration = Duration::from_secs(20);

/// Lets the server look, while a statement runs, whether its client is still there. PostgreSQL 14 and newer, on the
/// systems that can tell.
pub(crate) const CHECK_CLIENT: &str = "SET client_connection_check_interval = 5000";

/// Operators and functions of our own statements are PostgreSQL's: what others put into schemas that everybody may write
/// to is never found. Migrations run with the path of the agent's user instead, which `RESET search_path` brings back.
pub(crate) const OWN_PATH: &str = "SET search_path = pg_catalog, pg_temp";

/// Makes the COMMIT of a transaction wait for the disk where it waits for nothing.
pub(crate) const FLUSHES: &str = "SELECT pg_catalog.set_config('synchronous_commit', 'local', true) \
    WHERE pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'off'";

/// Where in the server's code the only notice comes from that says that a COMMIT has not waited to the end. Its text is in
/// the server's language; this is not.
const WAITS_FOR_STANDBYS: &str = "SyncRepWaitForLSN";

/// For saying goodbye; after that the socket is closed all the same.
const GOODBYE: Duration = Duration::from_secs(1);

/// For the little that a request to cancel takes: a connection and sixteen bytes.
const CANCEL: Duration = Duration::from_secs(5);

/// A session. Dropping it closes the socket at once, whatever the server is doing.
pub(crate) struct Session {
    pub(crate) client: Client,
    /// The server's process.
    pub(crate) pid: i32,
    /// The server's number of its version.
    pub(crate) version: u32,
    /// Whether the server can look, while a statement runs, if its client is still there.
    pub(crate) checks_client: bool,
    prepared: AtomicBool,
    gave_up: Arc<AtomicBool>,
    link: AbortOnDropHandle<()>,
}

impl Session {
    /// Drives a connection. Notices are dropped: they can hold rows. But for one, which is noted.
    pub(super) fn new<S, T>(client: Client, mut connection: tokio_postgres::Connection<S, T>) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let gave_up = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&gave_up);
        let drive = async move {
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notice(notice) = message
                    && notice.routine() == Some(WAITS_FOR_STANDBYS)
                {
                    noted.store(true, Ordering::Release);
                }
            }
        };
        let link = AbortOnDropHandle::new(tokio::spawn(drive));
        let prepared = AtomicBool::new(false);
        Self { client, pid: 0, version: 0, checks_client: false, prepared, gave_up, link }
    }

    /// Runs one or more statements; the rows of all of them, as text.
    pub(crate) async fn ask(&self, sql: &str) -> Result<Vec<SimpleQueryRow>, Fault> {
        let messages = within(ANSWER, self.client.simple_query(sql)).await?;
        let row = |message| if let SimpleQueryMessage::Row(row) = message { Some(row) } else { None };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    /// What tells one life of the server from the next: when it was started, and when it last recovered from a crash,
    /// which sets all counters back.
    pub(crate) async fn life(&self) -> Result<String, Fault> {
        let sql = "SELECT pg_catalog.pg_postmaster_start_time(), \
                   pg_catalog.pg_stat_get_bgwriter_stat_reset_time()";
        let rows = self.ask(sql).await?;
        let column = |at| rows.first().and_then(|row| row.get(at)).unwrap_or_default();
        Ok(format!("{} {}", column(0), column(1)))
    }

    /// Runs one or more statements.
    pub(crate) async fn tell(&self, sql: &str) -> Result<(), Fault> {
        within(ANSWER, self.client.batch_execute(sql)).await
    }

    /// Rolls back. A request to cancel that comes late may end that, and leave the transaction as it is: then once more. What
    /// is not rolled back by that ends with the session, and what is sent next finds out that it has.
    pub(super) async fn roll_back(&self) {
        for _ in 0..2 {
            match self.tell("ROLLBACK").await {
                Ok(()) => return,
                Err(fault) => tracing::warn!(why = fault.words(), "ROLLBACK was not confirmed"),
            }
        }
        self.abandon();
    }

    /// Whether pgbelay's own statements are prepared, and no others are.
    pub(super) fn is_prepared(&self) -> bool {
        self.prepared.load(Ordering::Relaxed)
    }

    pub(super) fn now_prepared(&self, are: bool) {
        self.prepared.store(are, Ordering::Relaxed);
    }

    /// Whether a COMMIT since the last look has stopped waiting for a standby because it was cancelled: it has succeeded,
    /// on this server alone.
    pub(super) fn gave_up_waiting(&self) -> bool {
        self.gave_up.swap(false, Ordering::Acquire)
    }

    /// Asks the server to end the statement that is running. Whether it does shows in the statement's result.
    pub(crate) async fn cancel(&self) {
        let asked = timeout(CANCEL, self.client.cancel_token().cancel_query(NoTls)).await;
        if !matches!(asked, Ok(Ok(()))) {
            tracing::warn!(pid = self.pid, "the request to cancel a statement did not reach the server");
        }
    }

    /// Closes the socket, whatever the server is doing.
    pub(crate) fn abandon(&self) {
        self.link.abort();
    }

    /// Ends other sessions of this database and user, by their application's name.
    pub(crate) async fn end_others(&self, application: &str) -> Result<(), Fault> {
        let sql = format!(
            "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
             WHERE application_name = {} AND usename = current_user \
               AND datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid()",
            literal(application)
        );
        self.tell(&sql).await
    }

    /// Ends the session in good order.
    pub(crate) async fn close(self) {
        let Self { client, link, .. } = self;
        drop(client);
        // After the deadline the handle is dropped, and the socket with it.
        let _ = timeout(GOODBYE, link).await;
    }
}

/// Waits for an answer.
pub(crate) async fn within<T>(
    deadline: Duration,
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Fault> {
    match timeout(deadline, answer).await {
        Ok(answer) => answer.map_err(Fault::from),
        Err(_) => Err(Fault::Lost(Loss::broke(format!("no answer within {deadline:?}")))),
    }
}
