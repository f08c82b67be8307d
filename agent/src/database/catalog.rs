//! The schema of a database as [`Catalog`]: what migrations are judged against.
//!
//! Each kind of object is one query over the whole database, with the SQL in a file of its own. The server makes JSON of
//! the rows, so that each arrives as one of the structs of this module. Everything is seen in one transaction.
//!
//! Not here: judging. Texts of expressions are turned into expressions by `pgbelay_analysis`.

mod ask;
mod columns;
mod constraints;
mod expressions;
mod functions;
mod indexes;
mod members;
mod others;
mod parts;
mod relations;
mod rows;
mod settings;
pub(super) mod sizes;
mod types;
mod uses;

use std::time::Duration;

use pgbelay_analysis::{Catalog, ScriptError};
use pgbelay_core::database::Observation;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use self::ask::Asker;
use self::rows::Rows;
use self::settings::Source;
use super::connect::{ConnectError, connect};
use super::fault::Fault;
use super::inspect::{InspectError, observe};
use super::session::{ANSWER, within};
use super::target::Target;

/// How long reading may take: fifty thousand tables take less than a minute.
const READ: Duration = Duration::from_secs(120);

/// How often it is tried when the schema is changed under it.
const TRIES: u32 = 3;

/// What definitions are printed with, and how long they may take. The temporary schema comes last, so that nothing in it
/// hides the server's own catalogs.
const CANONICAL: &str = "SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL DateStyle = 'ISO, YMD'; \
    SET LOCAL IntervalStyle = 'postgres'; SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1; \
    SET LOCAL bytea_output = 'hex'; SET LOCAL quote_all_identifiers = off; SET LOCAL client_encoding = 'UTF8'; \
    SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL lock_timeout = '10s'; \
    SET LOCAL statement_timeout = '100s'";

/// What the server's list of sessions calls a reader.
const APPLICATION: &str = "pgbelay-agent catalog";

/// Why a schema could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server did not answer a question.
    #[error("the schema could not be read ({what}): {why}")]
    Query {
        /// Which part of it was asked for.
        what: &'static str,
        /// What it said.
        why: String,
    },
    /// A table is locked, and what depends on it cannot be read.
    #[error(
        "the schema could not be read ({what}): another session holds a table for itself; try again later"
    )]
    Locked {
        /// Which part of it was asked for.
        what: &'static str,
    },
    /// It took too long.
    #[error("the schema could not be read within {limit:?}")]
    TooSlow {
        /// How long it may take.
        limit: Duration,
    },
    /// The server shows an expression that is not in the grammar of this program.
    #[error(
        "the schema could not be read: {what} is not in the grammar that pgbelay knows ({grammar}): {text}",
        grammar = pgbelay_analysis::PARSER_GRAMMAR
    )]
    Expression {
        /// Which object's.
        what: String,
        /// The expression, cut when it is long.
        text: String,
    },
    /// The parser could not run.
    #[error("the schema could not be read")]
    Parser(#[from] ScriptError),
    /// The look afterwards failed.
    #[error(transparent)]
    Look(#[from] InspectError),
}

/// Reads the schema of a database over a session of its own.
///
/// # Errors
/// It cannot be reached or read.
pub async fn read_target(target: &Target) -> Result<Catalog, CatalogError> {
    let session = connect(target, APPLICATION).await?;
    let read = read(&session.client, Some(&target.schema)).await;
    session.close().await;
    read
}

/// Reads the schema of a database, and then looks at the database, over one session: for the look, the server has the
/// catalogs in its memory by then.
///
/// # Errors
/// It cannot be reached or read.
pub async fn read_and_look(target: &Target) -> Result<(Catalog, Observation), CatalogError> {
    let session = connect(target, APPLICATION).await?;
    let both = async {
        let catalog = read(&session.client, Some(&target.schema)).await?;
        Ok((catalog, observe(&session, &target.schema).await?))
    };
    let both = Box::pin(both).await;
    session.close().await;
    both
}

/// Reads the schema of a database in a transaction of its own; the session must not be in one. Its settings are those
/// that a new session of the same user has. `own_schema` (pgbelay's) is left out.
///
/// # Errors
/// It cannot be read.
pub async fn read(client: &Client, own_schema: Option<&str>) -> Result<Catalog, CatalogError> {
    let frame = Frame {
        open: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        close: "ROLLBACK",
        settings: Source::NewSession,
    };
    let mut tries = 1;
    loop {
        match frame.read(client, own_schema).await {
            Err(Trouble::Fault { what, fault }) if tries < TRIES && passing(&fault) => {
                tracing::debug!(what, why = fault.words(), "the schema was changed while it was read");
                tries += 1;
            }
            other => return other.map_err(CatalogError::from),
        }
    }
}

/// Reads the schema as the transaction that is open sees it, with the settings that it has. It goes on as if nothing had
/// happened.
///
/// # Errors
/// It cannot be read.
pub async fn read_in_transaction(client: &Client, own_schema: Option<&str>) -> Result<Catalog, CatalogError> {
    // Rolling back to it brings the settings back.
    let frame = Frame {
        open: "SAVEPOINT pgbelay_catalog",
        close: "ROLLBACK TO SAVEPOINT pgbelay_catalog; RELEASE SAVEPOINT pgbelay_catalog",
        settings: Source::Transaction,
    };
    Ok(frame.read(client, own_schema).await?)
}

/// A catalog entry that went away meanwhile (XX000), an undefined object (42P01, 42704).
fn passing(fault: &Fault) -> bool {
    fault.code().is_some_and(|code| ["XX000", "42P01", "42704"].contains(&code.code()))
}

/// What goes around the questions.
struct Frame {
    open: &'static str,
    close: &'static str,
    settings: Source,
}

impl Frame {
    async fn read(&self, client: &Client, own_schema: Option<&str>) -> Result<Catalog, Trouble> {
        let all = timeout(READ, Box::pin(self.rows(client, own_schema)));
        let rows = all.await.unwrap_or(Err(Trouble::Told(CatalogError::TooSlow { limit: READ })))?;
        // Parsing tens of thousands of expressions is no work for a thread that others wait for.
        let built = spawn_blocking(|| rows.into_catalog()).await;
        built
            .unwrap_or_else(|error| {
                Err(CatalogError::Query { what: "putting it together", why: error.to_string() })
            })
            .map_err(Trouble::Told)
    }

    async fn rows(&self, client: &Client, own_schema: Option<&str>) -> Result<Rows, Trouble> {
        tell(client, self.open).await?;
        let rows = self.inside(client, own_schema).await;
        match rows {
            Ok(rows) => tell(client, self.close).await.map(|()| rows),
            Err(trouble) => {
                // If this fails too, the first trouble is the one to tell.
                let _ = tell(client, self.close).await;
                Err(trouble)
            }
        }
    }

    async fn inside(&self, client: &Client, own_schema: Option<&str>) -> Result<Rows, Trouble> {
        let asker = Asker::new(client, own_schema).await?;
        let settings = settings::ask(&asker, self.settings).await?;
        tell(client, CANONICAL).await?;
        Rows::ask(&asker, settings).await
    }
}

async fn tell(client: &Client, sql: &str) -> Result<(), Trouble> {
    let told = within(ANSWER, client.batch_execute(sql)).await;
    told.map_err(|fault| Trouble::Fault { what: "the transaction", fault })
}

/// What ends the reading.
enum Trouble {
    Fault { what: &'static str, fault: Fault },
    Told(CatalogError),
}

impl From<Trouble> for CatalogError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Told(error) => error,
            Trouble::Fault { what, fault } if fault.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                Self::Locked { what }
            }
            Trouble::Fault { what, fault } => Self::Query { what, why: fault.words() },
        }
    }
}
