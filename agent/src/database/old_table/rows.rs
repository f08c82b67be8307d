//! The rows that each tool writes when a migration was applied, and when it was taken back.

use std::time::Duration;

use pgbelay_core::history::Tool;
use pgbelay_core::origin::Origin;

use super::Old;
use crate::database::quote::{identifier, literal, nullable};

/// What the row of a migration is made of.
pub(crate) struct Kept<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) took: Duration,
    /// pgbelay's own schema.
    pub(crate) own: &'a str,
}

impl Old {
    /// Says that a migration is applied.
    pub(crate) fn applied(&self, kept: &Kept<'_>) -> Option<String> {
        let Kept { origin, took, .. } = kept;
        let (schema, id) = (&self.schema, literal(&origin.id));
        let checksum = nullable(origin.checksum.as_deref());
        let (description, script) = (literal(&origin.description), literal(&origin.script));
        let milliseconds = i32::try_from(took.as_millis()).unwrap_or(i32::MAX);
        let sql = match self.tool {
            Tool::GolangMigrate => format!(
                "DELETE FROM {schema}.schema_migrations; \
                 INSERT INTO {schema}.schema_migrations (version, dirty) VALUES ({id}::int8, false)"
            ),
            Tool::Sqlx => format!(
                "INSERT INTO {schema}._sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES ({id}::int8, {description}, true, decode({checksum}, 'hex'), {})",
                i64::try_from(took.as_nanos()).unwrap_or(i64::MAX)
            ),
            Tool::Diesel => {
                format!("INSERT INTO {schema}.__diesel_schema_migrations (version) VALUES ({id})")
            }
            Tool::Dbmate => format!("INSERT INTO {schema}.schema_migrations (version) VALUES ({id})"),
            Tool::Goose => format!(
                "INSERT INTO {schema}.goose_db_version (version_id, is_applied) VALUES ({id}::int8, true)"
            ),
            Tool::Flyway => {
                let version = nullable(Some(origin.id.as_str()).filter(|id| !id.is_empty()));
                format!(
                    "INSERT INTO {schema}.flyway_schema_history (installed_rank, version, description, type, script, \
                       checksum, installed_by, execution_time, success) \
                     SELECT coalesce(max(installed_rank), 0) + 1, {version}, {description}, 'SQL', {script}, \
                       {checksum}::int4, current_user, {milliseconds}, true FROM {schema}.flyway_schema_history"
                )
            }
            Tool::SqlMigrate => {
                format!(
                    "INSERT INTO {schema}.gorp_migrations (id, applied_at) VALUES ({id}, clock_timestamp())"
                )
            }
            Tool::Refinery => format!(
                "INSERT INTO {schema}.refinery_schema_history (version, name, applied_on, checksum) \
                 VALUES ({id}::int8, {description}, \
                   to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), {checksum})"
            ),
            Tool::Prisma => format!(
                "INSERT INTO {schema}._prisma_migrations (id, checksum, finished_at, migration_name, started_at, \
                   applied_steps_count) \
                 VALUES (md5(concat(random(), clock_timestamp()))::uuid::text, {checksum}, clock_timestamp(), {id}, \
                   transaction_timestamp(), 1)"
            ),
            Tool::Liquibase => self.changeset(origin),
            Tool::Sqitch | Tool::Rails | Tool::Alembic => return None,
        };
        self.keep.then_some(sql)
    }

    /// A changeset that runs again has one row for all times.
    fn changeset(&self, origin: &Origin) -> String {
        let (schema, who) = (&self.schema, changeset(origin));
        let (author, filename) = (more(origin, "author"), more(origin, "filename"));
        let (id, checksum) = (literal(&origin.id), nullable(origin.checksum.as_deref()));
        let next = format!("(SELECT coalesce(max(orderexecuted), 0) + 1 FROM {schema}.databasechangelog)");
        format!(
            "UPDATE {schema}.databasechangelog SET dateexecuted = localtimestamp, orderexecuted = {next}, \
               exectype = 'RERAN', md5sum = {checksum} WHERE {who}; \
             INSERT INTO {schema}.databasechangelog (id, author, filename, dateexecuted, orderexecuted, exectype, \
               md5sum, description, comments, liquibase, deployment_id) \
             SELECT {id}, {author}, {filename}, localtimestamp, {next}, 'EXECUTED', {checksum}, 'sql', '', '4.28.0', \
               right(floor(extract(epoch FROM transaction_timestamp()) * 1000)::int8::text, 10) \
             WHERE NOT EXISTS (SELECT FROM {schema}.databasechangelog WHERE {who})"
        )
    }

    /// Says that a migration is not applied any more. Runs after its record was closed.
    pub(crate) fn taken_back(&self, kept: &Kept<'_>) -> Option<String> {
        let (schema, origin) = (&self.schema, kept.origin);
        let id = literal(&origin.id);
        let sql = match self.tool {
            Tool::GolangMigrate => format!(
                "DELETE FROM {schema}.schema_migrations; \
                 INSERT INTO {schema}.schema_migrations (version, dirty) \
                 SELECT version::int8, false FROM {}.migration_records \
                 WHERE success AND rolled_back_at IS NULL AND version ~ '^[0-9]{{1,18}}$' \
                 ORDER BY version::int8 DESC LIMIT 1",
                identifier(kept.own)
            ),
            Tool::Sqlx => format!("DELETE FROM {schema}._sqlx_migrations WHERE version = {id}::int8"),
            Tool::Diesel => format!("DELETE FROM {schema}.__diesel_schema_migrations WHERE version = {id}"),
            Tool::Dbmate => format!("DELETE FROM {schema}.schema_migrations WHERE version = {id}"),
            Tool::Goose => format!("DELETE FROM {schema}.goose_db_version WHERE version_id = {id}::int8"),
            Tool::Flyway => format!("DELETE FROM {schema}.flyway_schema_history WHERE version = {id}"),
            Tool::SqlMigrate => format!("DELETE FROM {schema}.gorp_migrations WHERE id = {id}"),
            Tool::Refinery => {
                format!("DELETE FROM {schema}.refinery_schema_history WHERE version = {id}::int8")
            }
            Tool::Prisma => format!(
                "UPDATE {schema}._prisma_migrations SET rolled_back_at = clock_timestamp() \
                 WHERE migration_name = {id} AND rolled_back_at IS NULL"
            ),
            Tool::Liquibase => format!("DELETE FROM {schema}.databasechangelog WHERE {}", changeset(origin)),
            Tool::Sqitch | Tool::Rails | Tool::Alembic => return None,
        };
        self.keep.then_some(sql)
    }
}

fn more(origin: &Origin, name: &str) -> String {
    literal(origin.more.get(name).map_or("", String::as_str))
}

fn changeset(origin: &Origin) -> String {
    format!(
        "id = {} AND author = {} AND filename = {}",
        literal(&origin.id),
        more(origin, "author"),
        more(origin, "filename")
    )
}
