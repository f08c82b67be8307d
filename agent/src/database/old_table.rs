//! The history table of the tool that the migrations come from. Migrations in the wild name it (GRANT, triggers, DELETE),
//! so it is made before the first of them runs; and where policy says so its rows are written like the tool does, each
//! in the transaction of its migration, so that both tools may be used during a move.

use pgbelay_core::command::FailureKind;
use pgbelay_core::history::{Part, TABLES, Table, Tool};
use pgbelay_core::plan::{Direction, OldTable};

use super::fault::{Fault, failure};
use super::history::find_all;
use super::quote::identifier;
use super::run::Ending;
use super::session::Session;

mod rows;

pub(super) use rows::Kept;

/// The table of this run.
#[derive(Debug)]
pub(crate) struct Old {
    pub(crate) tool: Tool,
    /// Where it is, or is to be, quoted.
    pub(crate) schema: String,
    /// Whether it is to be made.
    pub(crate) make: bool,
    /// Whether its rows are written.
    pub(crate) keep: bool,
}

/// What the tools make, by their sources. `{schema}` stands for the first schema of the search path.
const fn tables(tool: Tool) -> Option<&'static str> {
    match tool {
        Tool::GolangMigrate => Some(include_str!("old_table/golang_migrate.sql")),
        Tool::Sqlx => Some(include_str!("old_table/sqlx.sql")),
        Tool::Diesel => Some(include_str!("old_table/diesel.sql")),
        Tool::Dbmate => Some(include_str!("old_table/dbmate.sql")),
        Tool::Goose => Some(include_str!("old_table/goose.sql")),
        Tool::Flyway => Some(include_str!("old_table/flyway.sql")),
        Tool::SqlMigrate => Some(include_str!("old_table/sql_migrate.sql")),
        Tool::Refinery => Some(include_str!("old_table/refinery.sql")),
        Tool::Prisma => Some(include_str!("old_table/prisma.sql")),
        Tool::Liquibase => Some(include_str!("old_table/liquibase.sql")),
        // Its tables are in a schema of their own, which migrations do not name; the others have no layout.
        Tool::Sqitch | Tool::Rails | Tool::Alembic => None,
    }
}

/// The first schema of the path that migrations run with.
const FIRST_OF_PATH: &str = "BEGIN; RESET search_path; SELECT pg_catalog.current_schema(); ROLLBACK";

/// Looks where the table is. `is_fresh`: nothing is recorded in the database.
///
/// # Errors
/// The server does not answer; or rows are to be kept in a table that is not there, or not known.
pub(super) async fn find(
    session: &Session,
    own: &str,
    (wanted, direction): (Option<OldTable>, Direction),
    is_fresh: bool,
) -> Result<Option<Old>, Ending> {
    let Some(OldTable { tool, keep }) = wanted else { return Ok(None) };
    if tables(tool).is_none() || !keep && (!is_fresh || direction == Direction::Down) {
        return Ok(None);
    }
    let lost = |fault: Fault| Ending::Failed(super::run::lost(&fault));
    let all = find_all(session, own).await.map_err(lost)?;
    let path = session.ask(FIRST_OF_PATH).await.map_err(lost)?;
    let first = path.first().and_then(|row| row.get(0)).unwrap_or("public").to_owned();
    let named = |table: &&Table| {
        TABLES.iter().any(|shape| {
            shape.tool == tool
                && shape.part == Part::History
                && shape.names.first() == Some(&table.name.as_str())
        })
    };
    let there: Vec<_> = all.iter().filter(named).collect();
    let found = there.iter().find(|table| table.schema == first).or(there.first()).copied();
    match found {
        Some(table) if keep && table.shape().is_none_or(|shape| shape.tool != tool) => {
            Err(refused(format!("{} has not the columns of {tool}'s table", table.title())))
        }
        Some(table) => {
            let schema = identifier(&table.schema);
            Ok(keep.then_some(Old { tool, schema, make: false, keep }))
        }
        None if keep && !is_fresh => {
            Err(refused(format!("{tool}'s table is not there, and migrations were applied without it")))
        }
        None => Ok(Some(Old { tool, schema: identifier(&first), make: true, keep })),
    }
}

fn refused(why: String) -> Ending {
    let message = format!("the history table cannot be kept: {why}");
    let hint = "nothing was changed; put the table in order, or set keep_history_table: false in the policy";
    Ending::Failed(Box::new(failure(FailureKind::Agent, message, hint)))
}

impl Old {
    /// Makes the table, in a transaction that has begun. Where the agent's user may not, the migrations that name it will
    /// tell; those that do not need it are not kept from running.
    pub(super) fn made(&self) -> Option<String> {
        let sql = tables(self.tool).filter(|_| self.make)?.replace("{schema}", &self.schema);
        if self.keep {
            return Some(sql);
        }
        Some(format!(
            "DO $pgbelay$ BEGIN {sql} EXCEPTION WHEN insufficient_privilege OR invalid_schema_name THEN NULL; \
             END $pgbelay$"
        ))
    }
}
