//! Looking at a database: which one it is, what is applied, the fingerprint of its schema. Changes nothing.
//!
//! The fingerprint is made of rows that PostgreSQL writes about its own catalogs (`fingerprint.sql`) and hashed as they
//! come in, so that a large schema costs no memory here.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use pgbelay_core::database::{AppliedRecord, Observation, Unfinished};
use pgbelay_core::digest::Digest;
use pgbelay_core::plan::Direction;
use pgbelay_core::time::Timestamp;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use super::connect::{ConnectError, connect};
use super::fault::{Fault, Loss};
use super::quote::{identifier, literal};
use super::session::Session;
use super::target::Target;

/// How long a look may take: fifty thousand tables take some twenty seconds.
const LOOK: Duration = Duration::from_secs(120);

/// How often a look is tried when the schema is changed under it, or an echo of a cancelled statement hits it.
const TRIES: u32 = 3;

const FACTS: &str = include_str!("fingerprint.sql");

const CONDITIONS: &str = include_str!("conditions.sql");

/// What definitions are printed with: they must read the same whatever the server's or the user's defaults are.
const CANONICAL: &str = "SET LOCAL search_path = pg_catalog; SET LOCAL DateStyle = 'ISO, YMD'; \
    SET LOCAL IntervalStyle = 'postgres'; SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1; \
    SET LOCAL bytea_output = 'hex'; SET LOCAL quote_all_identifiers = off; SET LOCAL client_encoding = 'UTF8'; \
    SET LOCAL jit = off; SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '100s'";

/// Why a database could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// There is no session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server did not answer a question.
    #[error("the database could not be read: {why}")]
    Query {
        /// What it said.
        why: String,
    },
    /// The session ended meanwhile.
    #[error("the database could not be read: the connection was lost: {why}")]
    Lost {
        /// What happened.
        why: String,
        /// Whether somebody ended it.
        meant: bool,
    },
    /// A table is locked, and what depends on it cannot be read.
    #[error(
        "the schema could not be read: another session holds a table for itself, and its views cannot be described"
    )]
    Locked,
    /// A record that pgbelay did not write.
    #[error("record {id} of the applied migrations is damaged: its {field} is not valid")]
    Record {
        /// The record's id.
        id: String,
        /// The column.
        field: &'static str,
    },
}

impl From<Fault> for InspectError {
    fn from(fault: Fault) -> Self {
        if fault.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
            return Self::Locked;
        }
        match fault {
            Fault::Lost(Loss { why, meant }) => Self::Lost { why, meant },
            Fault::Sql(_) => Self::Query { why: fault.words() },
        }
    }
}

/// Looks at a database.
///
/// # Errors
/// It cannot be reached or read.
pub async fn inspect(target: &Target) -> Result<Observation, InspectError> {
    let session = connect(target, "pgbelay-agent inspect").await?;
    let seen = observe(&session, &target.schema).await;
    session.close().await;
    seen
}

/// Looks at a database through a session that is not in a transaction.
pub(crate) async fn observe(session: &Session, schema: &str) -> Result<Observation, InspectError> {
    observe_outlined(session, schema).await.map(|(seen, _)| seen)
}

/// The same, with the digest of the schema's objects by kind and name: what of the fingerprint survives a dump. PostgreSQL
/// writes some definitions in other words when they are read again (`CHECK (name IN (…))` of a varchar is one).
pub(crate) async fn observe_outlined(
    session: &Session,
    schema: &str,
) -> Result<(Observation, Digest), InspectError> {
    let mut tries = 1;
    loop {
        match timeout(LOOK, Box::pin(look(session, schema))).await {
            Ok(Ok(seen)) => return Ok(seen),
            Ok(Err(Looked::Record(error))) => return Err(error),
            Ok(Err(Looked::Fault(fault @ Fault::Lost(_)))) => return Err(fault.into()),
            Ok(Err(Looked::Fault(fault))) => {
                session.tell("ROLLBACK").await?;
                if tries >= TRIES || !passing(&fault) {
                    return Err(fault.into());
                }
                tries += 1;
            }
            Err(_) => return Err(Fault::Lost(Loss::broke(format!("no answer within {LOOK:?}"))).into()),
        }
    }
}

/// A catalog entry that went away during the look (XX000), an undefined object (42P01), a late cancel (57014).
fn passing(fault: &Fault) -> bool {
    fault.code().is_some_and(|code| ["XX000", "42P01", "42704", "57014"].contains(&code.code()))
}

enum Looked {
    Fault(Fault),
    Record(InspectError),
}

impl From<Fault> for Looked {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

async fn look(session: &Session, schema: &str) -> Result<(Observation, Digest), Looked> {
    let table = format!("{}.migration_records", identifier(schema));
    let pieces = format!("{}.migration_pieces", identifier(schema));
    let sql = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {CANONICAL}; \
         SELECT (SELECT system_identifier FROM pg_control_system()), \
           (SELECT oid FROM pg_database WHERE datname = current_database()), \
           to_regclass({}) IS NOT NULL, ({CONDITIONS}), to_regclass({}) IS NOT NULL; {}",
        literal(&table),
        literal(&pieces),
        FACTS.replace("{schema}", &literal(schema)),
    );
    let stream = session.client.simple_query_raw(&sql).await.map_err(Fault::from)?;
    let mut stream = pin!(stream);
    let mut head = None;
    let (mut fingerprint, mut outline) = (Digest::of(""), Digest::of(""));
    while let Some(message) = stream.next().await {
        let SimpleQueryMessage::Row(row) = message.map_err(Fault::from)? else { continue };
        match &head {
            None => head = Some(row),
            Some(_) => {
                let fact = |at| row.get(at).unwrap_or_default().as_bytes();
                fingerprint = chained("pgbelay fingerprint 1", fingerprint, &[fact(0), fact(1), fact(2)]);
                outline = chained("pgbelay outline 1", outline, &[fact(0), fact(1)]);
            }
        }
    }
    let head =
        head.ok_or_else(|| Fault::Lost(Loss::broke("the server did not say which database this is")))?;
    let fact = |at| head.get(at).unwrap_or_default();
    let records = match fact(2) {
        "t" => records(session, &table).await?,
        _ => Vec::new(),
    };
    let unfinished = match fact(4) {
        "t" => unfinished(session, &pieces).await?,
        _ => Vec::new(),
    };
    session.tell("COMMIT").await?;
    let seen = Observation {
        server_version: session.version,
        system_identifier: format!("{}/{}", fact(0), fact(1)),
        fingerprint,
        conditions: Digest::of(fact(3)),
        records,
        unfinished,
    };
    Ok((seen, outline))
}

/// The digest of all facts up to this one.
fn chained(what: &str, before: Digest, fact: &[&[u8]]) -> Digest {
    Digest::of_parts(what, std::iter::once(before.as_bytes().as_slice()).chain(fact.iter().copied()))
}

async fn records(session: &Session, table: &str) -> Result<Vec<AppliedRecord>, Looked> {
    let sql = format!(
        "SELECT id, version, name, checksum, floor(extract(epoch FROM applied_at) * 1000)::bigint, \
           metadata @> '{{\"repeatable\": true}}', jsonb_exists(metadata, 'adopted') \
         FROM {table} WHERE success AND rolled_back_at IS NULL ORDER BY id"
    );
    let rows = session.ask(&sql).await?;
    rows.iter().map(|row| record(row).map_err(Looked::Record)).collect()
}

/// Migrations that have begun and have not come to their end.
async fn unfinished(session: &Session, pieces: &str) -> Result<Vec<Unfinished>, Looked> {
    let sql = format!(
        "SELECT version, direction, count(*) FILTER (WHERE state = 'done'), max(pieces), max(id) FILTER (WHERE state = 'intended') \
         FROM {pieces} WHERE closed_at IS NULL GROUP BY version, direction ORDER BY min(id)"
    );
    let rows = session.ask(&sql).await?;
    let one = |row: &SimpleQueryRow| {
        let column = |at| row.get(at).unwrap_or_default();
        let damaged = |field| InspectError::Record { id: format!("of piece {}", column(0)), field };
        Ok(Unfinished {
            version: column(0).parse().map_err(|_| damaged("version"))?,
            direction: if column(1) == "down" { Direction::Down } else { Direction::Up },
            done: column(2).parse().map_err(|_| damaged("piece"))?,
            pieces: column(3).parse().map_err(|_| damaged("pieces"))?,
            open: row.get(4).and_then(|id| id.parse().ok()),
        })
    };
    rows.iter().map(|row| one(row).map_err(Looked::Record)).collect()
}

fn record(row: &SimpleQueryRow) -> Result<AppliedRecord, InspectError> {
    let column = |at| row.get(at).unwrap_or_default();
    let damaged = |field| InspectError::Record { id: column(0).to_owned(), field };
    Ok(AppliedRecord {
        version: column(1).parse().map_err(|_| damaged("version"))?,
        name: column(2).to_owned(),
        checksum: column(3).parse().map_err(|_| damaged("checksum"))?,
        applied_at: Timestamp(column(4).parse().map_err(|_| damaged("applied_at"))?),
        repeatable: column(5) == "t",
        adopted: column(6) == "t",
    })
}
