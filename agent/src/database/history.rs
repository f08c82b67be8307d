//! The history tables of other migration tools, as they are. Changes nothing, and judges nothing: what the rows mean is
//! known to `pgbelay_core::history`.
//!
//! Only tables of a known shape are read, and of them only the columns that count: others may hold output of tools.

use std::collections::BTreeMap;

use pgbelay_core::history::{Column, Field, MAX_ROWS, MAX_TEXT, Shape, TABLES, Table, Type};

use super::connect::{ConnectError, connect};
use super::fault::Fault;
use super::quote::{identifier, literal};
use super::session::{OWN_PATH, Session};
use super::target::Target;

/// Longest answer, in bytes of text. A message has room for a little more.
const MAX_BYTES: usize = 3 << 20;

/// Why the tables cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// There is no session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server did not answer a question.
    #[error("the history tables could not be read: {0}")]
    Query(String),
    /// They are larger than is sent.
    #[error("the history tables hold {0} bytes; at most {MAX_BYTES} are read")]
    TooLarge(usize),
}

impl From<Fault> for HistoryError {
    fn from(fault: Fault) -> Self {
        Self::Query(fault.words())
    }
}

/// Row-level security must not hide rows: it is an error instead.
const OPEN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = '2s'; \
    SET LOCAL statement_timeout = '15s'; SET LOCAL row_security = off";

/// Reads every table that has the name of a history table, in whatever schema the agent's user can see.
///
/// # Errors
/// The database cannot be reached or read.
pub async fn history(target: &Target) -> Result<Vec<Table>, HistoryError> {
    let session = connect(target, "pgbelay-agent history").await?;
    let tables = read(&session, target).await;
    session.close().await;
    let tables = tables?;
    let text = |table: &Table| table.rows.iter().flatten().flatten().map(String::len).sum::<usize>();
    match tables.iter().map(text).sum() {
        bytes if bytes > MAX_BYTES => Err(HistoryError::TooLarge(bytes)),
        _ => Ok(tables),
    }
}

async fn read(session: &Session, target: &Target) -> Result<Vec<Table>, Fault> {
    session.tell(&format!("{OPEN}; {OWN_PATH}")).await?;
    let mut tables = find(session, &target.schema).await?;
    for table in &mut tables {
        if let Some(shape) = table.shape() {
            table.rows = rows(session, table, shape).await?;
        }
    }
    session.tell("ROLLBACK").await?;
    Ok(tables)
}

/// One table, without its rows. Needs an open transaction.
pub(super) async fn find_table(session: &Session, schema: &str, name: &str) -> Result<Option<Table>, Fault> {
    let only = format!("n.nspname = {} AND c.relname = {}", literal(schema), literal(name));
    Ok(found(session, &only).await?.into_iter().next())
}

/// The same, for a session that is not in a transaction.
pub(super) async fn find_all(session: &Session, own: &str) -> Result<Vec<Table>, Fault> {
    session.tell(&format!("{OPEN}; {OWN_PATH}")).await?;
    let tables = find(session, own).await;
    // The path comes back with the end of the transaction.
    session.tell("ROLLBACK").await?;
    tables
}

/// The tables by name, with their columns and without their rows.
async fn find(session: &Session, own: &str) -> Result<Vec<Table>, Fault> {
    let mut names: Vec<String> =
        TABLES.iter().flat_map(|shape| shape.names).map(|name| literal(name)).collect();
    names.dedup();
    let wanted = format!(
        "c.relname IN ({}) AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
         AND n.nspname <> {}",
        names.join(", "),
        literal(own),
    );
    found(session, &wanted).await
}

async fn found(session: &Session, wanted: &str) -> Result<Vec<Table>, Fault> {
    let sql = format!(
        "SELECT n.nspname, c.relname, a.attname, t.typname \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
           JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
           JOIN pg_type t ON t.oid = a.atttypid \
         WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND {wanted} \
           AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') \
         ORDER BY n.nspname, c.relname, a.attnum"
    );
    let mut found: BTreeMap<(String, String), Vec<Column>> = BTreeMap::new();
    for row in session.ask(&sql).await? {
        let text = |at| row.get(at).unwrap_or_default().to_owned();
        let column = Column { name: text(2), kind: text(3) };
        found.entry((text(0), text(1))).or_default().push(column);
    }
    let table = |((schema, name), columns)| Table { schema, name, columns, rows: Vec::new() };
    Ok(found.into_iter().map(table).collect())
}

/// What a table of a known shape holds now, in the order of its tool. Needs an open transaction.
pub(super) async fn rows(
    session: &Session,
    table: &Table,
    shape: &Shape,
) -> Result<Vec<Vec<Option<String>>>, Fault> {
    let there = |name: &str| table.columns.iter().any(|column| column.name == name);
    let cells: Vec<String> =
        shape.read().map(|field| if there(field.name) { cell(field) } else { "NULL".to_owned() }).collect();
    let sql = format!(
        "SELECT {} FROM {}.{} ORDER BY {} LIMIT {}",
        cells.join(", "),
        identifier(&table.schema),
        identifier(&table.name),
        order(shape),
        MAX_ROWS + 1,
    );
    let width = shape.read().count();
    let rows = session.ask(&sql).await?;
    Ok(rows.iter().map(|row| (0..width).map(|at| row.get(at).map(str::to_owned)).collect()).collect())
}

/// Moments without a time zone are in that of the session, which is where the tools have them from.
fn cell(field: &Field) -> String {
    let name = identifier(field.name);
    match field.kind {
        Type::Text => format!("pg_catalog.left({name}::text, {MAX_TEXT})"),
        Type::Integer => format!("{name}::text"),
        Type::Boolean => format!("{name}::text"),
        Type::Moment => format!(
            "CASE WHEN pg_catalog.isfinite({name}) \
             THEN pg_catalog.floor(EXTRACT(epoch FROM {name}::timestamptz) * 1000)::int8::text END"
        ),
        Type::Bytes => format!("pg_catalog.left(pg_catalog.encode({name}, 'hex'), {MAX_TEXT})"),
    }
}

/// The same on every server, whatever its collation.
fn order(shape: &Shape) -> String {
    let by = |name: &&str| {
        let field = shape.fields.iter().find(|field| field.name == *name);
        let is_text = field.is_some_and(|field| field.kind == Type::Text);
        format!("{}{}", identifier(name), if is_text { " COLLATE \"C\"" } else { "" })
    };
    shape.order.iter().map(by).collect::<Vec<_>>().join(", ")
}
