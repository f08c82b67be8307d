//! Whether what was restored is what was backed up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pgbelay_core::database::Observation;
use pgbelay_core::digest::Digest;
use tokio::time::timeout;

use super::super::manifest::Manifest;
use super::Stop;
use crate::database::{Session, literal, observe_outlined};

/// Tables up to this size have all of their rows counted.
const EXACT: u64 = 4 << 30;

/// Of larger ones, about so much is read.
const SAMPLE: u64 = 1 << 30;

/// How far an estimate from a sample may be off, in parts of the whole.
const TOLERANCE: f64 = 0.1;

/// For counting one table.
const COUNT: Duration = Duration::from_secs(30 * 60);

/// Most tables that are named.
const MOST: usize = 20;

/// What was compared.
pub(super) struct Compared {
    pub(super) counted: u64,
    pub(super) sampled: u64,
    pub(super) rows: u64,
    pub(super) schema_doubt: Option<String>,
}

/// Compares the session's database with a backup.
pub(super) async fn compare(
    session: &Session,
    expected: &BTreeMap<String, u64>,
    manifest: &Manifest,
    schema: &str,
) -> Result<Compared, Stop> {
    session.tell("SET row_security = off; SET statement_timeout = 0").await?;
    let mut compared = Compared { counted: 0, sampled: 0, rows: 0, schema_doubt: None };
    let mut wrong = Vec::new();
    let brought = brought_along(session).await?;
    for (table, wanted) in expected {
        compared.rows += wanted;
        // An extension fills its own tables, and the backup has only what was added to them.
        let oid = number(session, &format!("SELECT {}::pg_catalog.regclass::oid", literal(table))).await?;
        if brought.contains(&oid) {
            continue;
        }
        let size = number(session, &format!("SELECT pg_catalog.pg_table_size({oid}::oid)")).await?;
        if size > EXACT && is_near(session, table, (size, *wanted)).await? {
            compared.sampled += 1;
            continue;
        }
        compared.counted += 1;
        let found = number(session, &format!("SELECT pg_catalog.count(*) FROM ONLY {table}")).await?;
        if found != *wanted {
            wrong.push(format!("{table} has {found} rows in place of {wanted}"));
        }
    }
    let (seen, outline) = observe_outlined(session, schema).await.map_err(|error| {
        Stop::failed(
            format!("what was restored cannot be read: {error}"),
            "nothing that was there has changed",
        )
    })?;
    match against(&seen, outline, manifest) {
        Ok(doubt) => compared.schema_doubt = doubt,
        Err(what) => wrong.push(what),
    }
    if wrong.is_empty() {
        return Ok(compared);
    }
    wrong.truncate(MOST);
    let message = format!("what was restored is not what was backed up: {}", wrong.join("; "));
    let hint = "it was dropped again; restore another backup, and look into this one".to_owned();
    Err(Stop::Failed { message, hint, problems: wrong })
}

/// Whether a schema is the one that was backed up; why that is not certain, if it is not.
fn against(seen: &Observation, outline: Digest, manifest: &Manifest) -> Result<Option<String>, String> {
    let (now, then) = (seen.server_version / 10_000, manifest.server_version / 10_000);
    if now != then {
        return Ok(Some(format!(
            "not compared: the backup is of PostgreSQL {then}, and this server is {now}; they describe schemas differently"
        )));
    }
    if seen.fingerprint == manifest.fingerprint {
        return Ok(None);
    }
    if outline == manifest.outline {
        return Ok(Some(
            "all of its objects are there, and some of their definitions read otherwise than before: PostgreSQL writes \
             some expressions in other words when they were restored"
                .to_owned(),
        ));
    }
    Err("the schema is not the one that was backed up: it has other objects".to_owned())
}

/// The tables that extensions have brought along.
async fn brought_along(session: &Session) -> Result<BTreeSet<u64>, Stop> {
    let sql = "SELECT objid FROM pg_catalog.pg_depend WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass \
               AND deptype = 'e'";
    let rows = session.ask(sql).await?;
    Ok(rows.iter().filter_map(|row| row.get(0)?.parse().ok()).collect())
}

/// Whether a sample says that a large table has about as many rows as it should. Where it does not, they are counted.
async fn is_near(session: &Session, table: &str, (size, wanted): (u64, u64)) -> Result<bool, Stop> {
    let percent = (100.0 * SAMPLE as f64 / size as f64).max(0.01);
    let sql =
        format!("SELECT pg_catalog.count(*) FROM ONLY {table} TABLESAMPLE SYSTEM ({percent}) REPEATABLE (1)");
    let found = number(session, &sql).await? as f64 * 100.0 / percent;
    Ok((found - wanted as f64).abs() <= TOLERANCE * wanted as f64)
}

async fn number(session: &Session, sql: &str) -> Result<u64, Stop> {
    let failed = |why: String| {
        Stop::failed(format!("the rows could not be counted: {why}"), "nothing that was there has changed")
    };
    let answer = timeout(COUNT, session.client.simple_query(sql)).await;
    let messages = answer.map_err(|_| failed(format!("no answer within {COUNT:?}")))?;
    let messages = messages.map_err(|error| failed(crate::database::Fault::from(error).words()))?;
    let row = messages.iter().find_map(|message| {
        if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
            row.get(0)?.parse().ok()
        } else {
            None
        }
    });
    row.ok_or_else(|| failed("the server gave no number".to_owned()))
}
