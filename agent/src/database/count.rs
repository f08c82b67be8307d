//! What a rollback would destroy: rows of tables, values of columns.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_postgres::types::{ToSql, Type};

use super::connect::connect;
use super::quote::identifier;
use super::session::{ANSWER, OWN_PATH, Session, within};
use super::target::Target;

/// Longest count of one object.
const ONE: Duration = Duration::from_secs(60);

/// Longest count of all: a person waits for it.
const ALL: Duration = Duration::from_secs(300);

/// Which table the server takes a name for, as migrations would: with the path of the agent's user. No operator here.
const FOUND: &str = "SELECT $1::pg_catalog.text::pg_catalog.regclass::pg_catalog.oid::pg_catalog.text";

/// A table's full name, quoted.
const TABLE: &str = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.oid = $1::pg_catalog.text::pg_catalog.oid AND c.relkind IN ('r', 'p', 'm', 'f')";

/// A column's name, as the server reads the text.
const COLUMN: &str = "SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a \
    WHERE a.attrelid = $1::pg_catalog.text::pg_catalog.oid AND pg_catalog.parse_ident($2) = ARRAY[a.attname::text] \
      AND a.attnum > 0 AND NOT a.attisdropped";

/// Opens a transaction that can only read, and does not wait for locks for long.
fn open() -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL lock_timeout = '2s'; \
         SET LOCAL statement_timeout = {}",
        ONE.as_millis()
    )
}

/// Counts the rows of each table, or the values in each column that are not null. What cannot be counted has the
/// reason in words. Names are read as SQL reads them.
pub async fn count_loss(target: &Target, objects: &[(String, Option<String>)]) -> Vec<Result<u64, String>> {
    let session = match connect(target, "pgbelay-agent count").await {
        Ok(session) => session,
        Err(error) => return vec![Err(error.to_string()); objects.len()],
    };
    let deadline = Instant::now() + ALL;
    let mut counted = Vec::with_capacity(objects.len());
    for (table, column) in objects {
        let count = Box::pin(count(&session, table, column.as_deref()));
        counted.push(match timeout_at(deadline, count).await {
            Ok(Ok(rows)) => Ok(rows),
            Ok(Err(why)) => Err(why),
            Err(_) => Err("there was no time left to count it".to_owned()),
        });
    }
    session.close().await;
    counted
}

async fn count(session: &Session, table: &str, column: Option<&str>) -> Result<u64, String> {
    session.tell(&open()).await.map_err(|fault| fault.words())?;
    let counted = counted(session, table, column).await;
    session.tell("ROLLBACK").await.map_err(|fault| fault.words())?;
    counted
}

async fn counted(session: &Session, table: &str, column: Option<&str>) -> Result<u64, String> {
    let no_rows = || format!("{table} holds no rows of its own");
    session.tell("RESET search_path").await.map_err(|fault| fault.words())?;
    let found = text(session, FOUND, &[table]).await?.ok_or_else(no_rows)?;
    session.tell(OWN_PATH).await.map_err(|fault| fault.words())?;
    let full = text(session, TABLE, &[&found]).await?.ok_or_else(no_rows)?;
    let what = match column {
        None => "*".to_owned(),
        Some(column) => {
            let name = text(session, COLUMN, &[&found, column]).await?;
            identifier(&name.ok_or_else(|| format!("there is no column {column} in {table}"))?)
        }
    };
    let sql = format!("SELECT count({what}) FROM {full}");
    let rows = within(ONE * 2, session.client.query_typed(&sql, &[])).await.map_err(|fault| fault.words())?;
    let count = rows.first().and_then(|row| row.try_get::<_, i64>(0).ok());
    count.and_then(|count| u64::try_from(count).ok()).ok_or_else(|| "the server gave no number".to_owned())
}

/// What the server makes of names: a text, if there is one.
async fn text(session: &Session, sql: &str, names: &[&str]) -> Result<Option<String>, String> {
    let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
        names.iter().map(|name| (name as &(dyn ToSql + Sync), Type::TEXT)).collect();
    let rows = within(ANSWER, session.client.query_typed(sql, &parameters)).await;
    let rows = rows.map_err(|fault| fault.words())?;
    Ok(rows.first().and_then(|row| row.try_get(0).ok()))
}
