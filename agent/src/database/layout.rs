//! pgbelay's own schema in the target database: the fence, the records, the attempts.

use super::fault::Fault;
use super::lock::Keys;
use super::quote::{identifier, literal};
use super::session::Session;

/// The tables and what guards them. The journal of pieces comes last: where it is, everything is.
const LAYOUT: &str = include_str!("layout.sql");

/// Makes what is missing of pgbelay's schema. Any number of agents may do it at once.
pub(crate) async fn ensure(session: &Session, schema: &str) -> Result<(), Fault> {
    if has(session, schema, "migration_pieces").await? {
        return Ok(());
    }
    let Keys(first, second) = Keys::of("layout", schema);
    let layout = LAYOUT.replace("{schema}", &identifier(schema));
    let sql = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '10s'; \
         SET LOCAL client_min_messages = warning; SET LOCAL search_path = pg_catalog; \
         SELECT pg_catalog.pg_advisory_xact_lock({first}, {second}); {layout}; COMMIT"
    );
    let made = session.tell(&sql).await;
    if made.is_err() {
        // Nothing to add to the error if this fails too: the session is gone.
        let _ = session.tell("ROLLBACK").await;
    }
    made
}

/// Whether the schema has what records and attempts are read from. An older agent may have made it.
pub(crate) async fn is_there(session: &Session, schema: &str) -> Result<bool, Fault> {
    let table = literal(&format!("{}.migration_attempts", identifier(schema)));
    let sql = format!(
        "SELECT FROM pg_catalog.pg_trigger \
         WHERE tgrelid = pg_catalog.to_regclass({table}) AND tgname = 'append_only'"
    );
    Ok(!session.ask(&sql).await?.is_empty())
}

/// Whether the schema has a table.
pub(crate) async fn has(session: &Session, schema: &str, table: &str) -> Result<bool, Fault> {
    let table = literal(&format!("{}.{table}", identifier(schema)));
    let rows = session.ask(&format!("SELECT pg_catalog.to_regclass({table}) IS NOT NULL")).await?;
    Ok(rows.first().and_then(|row| row.get(0)) == Some("t"))
}
