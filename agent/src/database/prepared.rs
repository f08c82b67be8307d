//! What pgbelay itself asks in each step, prepared once in a session: to plan it takes the server longer than to carry out
//! most migrations.
//!
//! Prepared statements belong to the session, and a migration may make, use and drop them as it likes. One that consists of
//! definitions finds these and no others; any other one finds none. So they are made anew, after all others were dropped,
//! as soon as it is not sure that they are all there are: [`Session::is_prepared`](super::session::Session::is_prepared)
//! says whether it is.

use pgbelay_analysis::{Statement, StatementKind};

use super::quote::identifier;
use super::step::fence_is;
use super::tally::{FILES, seen};

/// Tells what the fence holds and where the WAL is. The row stays locked until the end of the transaction: whoever comes
/// with another fence waits.
pub(super) const FENCE: &str = "EXECUTE pgbelay_fence";

/// An expression for whether pgbelay's statements, and no others, are prepared.
const ARE_ALL: &str = "(SELECT count(*) OPERATOR(pg_catalog.=) 4 AND bool_and(name OPERATOR(pg_catalog.=) \
    ANY (ARRAY['pgbelay_fence', 'pgbelay_files', 'pgbelay_record', 'pgbelay_repeat'])) \
    FROM pg_catalog.pg_prepared_statement())";

/// What becomes of the row of a repeatable migration that has run before: it keeps its place.
const REPEAT: &str = "ON CONFLICT (version) WHERE success AND rolled_back_at IS NULL DO UPDATE SET \
    name = excluded.name, checksum = excluded.checksum, applied_at = pg_catalog.clock_timestamp(), \
    duration_ms = excluded.duration_ms, backup_path = excluded.backup_path, metadata = excluded.metadata";

/// What the server says of a prepared statement that is not there.
pub(super) const NOT_THERE: &str = "26000";

/// The same as [`FENCE`], not prepared.
pub(super) fn fence(schema: &str) -> String {
    let fence = format!("{}.fence", identifier(schema));
    format!("SELECT epoch, pg_catalog.pg_current_wal_insert_lsn() FROM {fence} FOR UPDATE")
}

/// Drops whatever is prepared, and prepares them all. Runs with our own path.
pub(super) fn prepare(schema: &str) -> String {
    let fence = fence(schema);
    format!(
        "DEALLOCATE ALL; \
         PREPARE pgbelay_fence AS {fence}; \
         PREPARE pgbelay_files (pg_catalog.text[]) AS {FILES}; {}; {}",
        record("pgbelay_record", schema, ""),
        record("pgbelay_repeat", schema, REPEAT),
    )
}

/// The statement that records a step forward, with the attempt that did it. It gives what was observed, and whether
/// pgbelay's statements are all that is prepared. Where the fence is not the command's, it fails.
fn record(name: &str, schema: &str, conflict: &str) -> String {
    format!(
        "PREPARE {name} (pg_catalog.text, pg_catalog.text, pg_catalog.text, pg_catalog.int8, pg_catalog.text, \
           pg_catalog.jsonb, pg_catalog.jsonb, pg_catalog.int8, pg_catalog.text, pg_catalog.int4, pg_catalog.pg_lsn, \
           pg_catalog.oid[], pg_catalog.oid[]) AS \
         WITH r AS (INSERT INTO {own}.migration_records \
             (version, name, checksum, success, duration_ms, backup_path, metadata) \
           VALUES ($1, $2, $3, {}, $4, $5, pg_catalog.jsonb_set( \
             pg_catalog.jsonb_set($6, '{{xid}}', pg_catalog.to_jsonb(pg_catalog.txid_current())), '{{observed}}', \
             $7 OPERATOR(pg_catalog.||) CASE WHEN $11 IS NULL THEN '{{}}' ELSE {} END)) \
           {conflict} RETURNING metadata), \
         a AS (INSERT INTO {own}.migration_attempts (version, name, direction, checksum, command_id, attempt, \
             started_at, outcome, metadata) \
           SELECT $1, $2, 'up', $3, $9, $10, pg_catalog.transaction_timestamp(), 'done', \
             r.metadata OPERATOR(pg_catalog.-) 'observed' FROM r) \
         SELECT r.metadata OPERATOR(pg_catalog.->) 'observed', {ARE_ALL} FROM r",
        fence_is("$8", schema),
        seen(("$12", "$13"), "$11", schema),
        own = identifier(schema),
    )
}

/// Whether statements leave alone what is prepared, as far as they themselves are concerned. What they call may still not:
/// then the record fails, and the step is tried again without relying on it.
pub(super) fn are_left_alone(statements: &[Statement]) -> bool {
    let definition = |kind: StatementKind| {
        let name = kind.as_str();
        // These two run queries.
        !matches!(kind, StatementKind::CreateTableAs | StatementKind::CreateMaterializedView)
            && ["create-", "alter-", "drop-"].iter().any(|start| name.starts_with(start))
            || matches!(kind, StatementKind::Comment | StatementKind::Grant | StatementKind::Revoke)
    };
    statements.iter().all(|statement| definition(statement.kind))
}
