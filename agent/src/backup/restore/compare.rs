//! Whether what was restored is what was backed up.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use super::super::manifest::Manifest;
use super::Stop;
use crate::database::{Session, literal, observe};

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
    pub(super) schema_not_compared: Option<String>,
}

/// Compares the session's database with a backup.
pub(super) async fn compare(
    session: &Session,
    expected: &BTreeMap<String, u64>,
    manifest: &Manifest,
    schema: &str,
) -> Result<Compared, Stop> {
    session.tell("SET row_security = off; SET statement_timeout = 0").await?;
    let mut compared = Compared { counted: 0, sampled: 0, rows: 0, schema_not_compared: None };
    let mut wrong = Vec::new();
    for (table, wanted) in expected {
        let sql = format!("SELECT pg_catalog.pg_table_size({}::pg_catalog.regclass)", literal(table));
        let size = number(session, &sql).await?;
        let differs = if size <= EXACT {
            compared.counted += 1;
            let found = number(session, &format!("SELECT pg_catalog.count(*) FROM ONLY {table}")).await?;
            (found != *wanted).then(|| format!("{table} has {found} rows in place of {wanted}"))
        } else {
            compared.sampled += 1;
            let percent = (100.0 * SAMPLE as f64 / size as f64).max(0.01);
            let sql = format!(
                "SELECT pg_catalog.count(*) FROM ONLY {table} TABLESAMPLE SYSTEM ({percent}) REPEATABLE (1)"
            );
            let found = number(session, &sql).await? as f64 * 100.0 / percent;
            let far = (found - *wanted as f64).abs() > TOLERANCE * *wanted as f64;
            far.then(|| format!("{table} has about {found:.0} rows by a sample, in place of {wanted}"))
        };
        wrong.extend(differs);
        compared.rows += wanted;
    }
    let seen = observe(session, schema).await.map_err(|error| {
        Stop::failed(
            format!("what was restored cannot be read: {error}"),
            "nothing that was there has changed",
        )
    })?;
    if seen.server_version / 10_000 != manifest.server_version / 10_000 {
        let (now, then) = (seen.server_version / 10_000, manifest.server_version / 10_000);
        compared.schema_not_compared = Some(format!(
            "the backup is of PostgreSQL {then}, and this server is {now}: they describe schemas differently"
        ));
    } else if seen.fingerprint != manifest.fingerprint {
        wrong.push("the schema is not the one that was backed up: its fingerprint is another one".to_owned());
    }
    if wrong.is_empty() {
        return Ok(compared);
    }
    wrong.truncate(MOST);
    let message = format!("what was restored is not what was backed up: {}", wrong.join("; "));
    let hint = "it was dropped again; restore another backup, and look into this one".to_owned();
    Err(Stop::Failed { message, hint, problems: wrong })
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
