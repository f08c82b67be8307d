//! Some tables only, into a schema of the live database: for rows that somebody wants back, and looks at first.
//!
//! The backup is restored beside, as always; there the tables are moved into the schema, without what ties them to
//! others (foreign keys, triggers, policies), and that schema is copied over in one transaction.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::child::{self, Ended};
use super::server::Server;
use super::{NAME, Stop, Work, open};
use crate::database::{Fault, Session, Target, connect, identifier, literal};

/// How long a session that is ended is waited for, and how often it is looked.
const GONE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

/// Whether the schema is free.
pub(super) async fn may_be_made(server: &Server<'_>, schema: &str) -> Result<(), Stop> {
    let session = connect(server.target, NAME).await;
    let session = session.map_err(|error| Stop::failed(error.to_string(), "nothing was changed"))?;
    let sql = format!("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {}", literal(schema));
    let there = session.ask(&sql).await;
    session.close().await;
    if there?.is_empty() {
        return Ok(());
    }
    Err(Stop::failed(
        format!("there is a schema called {schema} already, and it was left alone"),
        "choose another one with --schema",
    ))
}

/// Copies tables from the restored database into a schema of the live one.
pub(super) async fn bring(
    work: &Work<'_>,
    restored: &Target,
    tables: &[String],
    schema: &str,
) -> Result<(), Stop> {
    let session = open(restored).await?;
    let mut found = Vec::new();
    for table in tables {
        let name = find(&session, table).await?;
        has_rows(work.manifest.with_rows.as_deref(), &name)?;
        found.push(name);
    }
    let mut sql = format!(
        "BEGIN; CREATE SCHEMA {0}; COMMENT ON SCHEMA {0} IS {1};",
        identifier(schema),
        literal(&work.mark())
    );
    for table in &found {
        sql.push_str(&loosened(&session, table).await?);
    }
    for table in &found {
        sql.push_str(&format!("ALTER TABLE {table} SET SCHEMA {};", identifier(schema)));
    }
    sql.push_str("COMMIT");
    session.tell(&sql).await?;
    session.close().await;
    work.control.say(0, 0, format!("restore: copying {} tables into schema {schema}", found.len()));
    let (dump, copy) = child::copy_of_schema(work.programs, restored, work.target, schema);
    match child::pipe(dump, copy, work.control).await {
        Ended::Well(_) => Ok(()),
        Ended::Cancelled => Err(Stop::Cancelled),
        Ended::Badly(failure) => Err(Stop::failed(
            failure.message,
            "nothing that was there has changed; types and functions that the tables use must be in the database",
        )),
    }
}

/// Ends what an earlier process, or one that was just ended, may still be at in the live database, and tells whether a
/// schema there says that it was restored.
pub(super) async fn marked(target: &Target, schema: &str, mark: &str) -> Result<bool, String> {
    let session = connect(target, NAME).await.map_err(|error| error.to_string())?;
    let found = is_marked(&session, schema, mark).await;
    session.close().await;
    found.map_err(|fault| fault.words())
}

async fn is_marked(session: &Session, schema: &str, mark: &str) -> Result<bool, Fault> {
    session.end_others(child::COPY).await?;
    // A session that is being ended may be committing.
    let deadline = Instant::now() + GONE;
    let others = format!(
        "SELECT 1 FROM pg_catalog.pg_stat_activity WHERE application_name = {} AND usename = current_user \
           AND datname = pg_catalog.current_database()",
        literal(child::COPY)
    );
    while !session.ask(&others).await?.is_empty() && Instant::now() < deadline {
        sleep(LOOK).await;
    }
    let sql = format!(
        "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {} \
           AND pg_catalog.obj_description(oid, 'pg_namespace') = {}",
        literal(schema),
        literal(mark)
    );
    Ok(!session.ask(&sql).await?.is_empty())
}

/// The table's name with its schema, as SQL has it.
async fn find(session: &Session, table: &str) -> Result<String, Stop> {
    let sql = format!(
        "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
           AND {} IN (c.relname, n.nspname || '.' || c.relname)",
        literal(table)
    );
    let rows = session.ask(&sql).await?;
    let name = |at: usize| rows.get(at).and_then(|row| row.get(0)).unwrap_or_default().to_owned();
    match rows.len() {
        0 => Err(Stop::failed(
            format!("the backup has no ordinary table {table}"),
            "nothing was changed; name its tables, with the schema where it is needed",
        )),
        1 => Ok(name(0)),
        _ => Err(Stop::failed(
            format!("the backup has more than one table {table}: {}, {}", name(0), name(1)),
            "nothing was changed; name it with its schema",
        )),
    }
}

/// Whether the rows of a table are in the backup. `with_rows`: the tables whose rows are; `None`: all of them.
fn has_rows(with_rows: Option<&[String]>, table: &str) -> Result<(), Stop> {
    if with_rows.is_none_or(|names| names.iter().any(|name| name == table)) {
        return Ok(());
    }
    Err(Stop::failed(
        format!("the backup has no rows of {table}: its run did not touch it"),
        "nothing was changed; its manifest names the tables that have rows (with_rows)",
    ))
}

/// What takes everything from a table that ties it to others.
async fn loosened(session: &Session, table: &str) -> Result<String, Stop> {
    let sql = format!(
        "SELECT pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I;', conrelid::pg_catalog.regclass, conname) \
           FROM pg_catalog.pg_constraint WHERE contype = 'f' AND conparentid = 0 \
             AND {0}::pg_catalog.regclass IN (conrelid, confrelid) \
         UNION SELECT pg_catalog.format('DROP TRIGGER %I ON %s;', tgname, tgrelid::pg_catalog.regclass) \
           FROM pg_catalog.pg_trigger WHERE tgrelid = {0}::pg_catalog.regclass AND NOT tgisinternal \
         UNION SELECT pg_catalog.format('DROP POLICY %I ON %s;', polname, polrelid::pg_catalog.regclass) \
           FROM pg_catalog.pg_policy WHERE polrelid = {0}::pg_catalog.regclass",
        literal(table)
    );
    let rows = session.ask(&sql).await?;
    Ok(rows.iter().filter_map(|row| row.get(0)).collect())
}
