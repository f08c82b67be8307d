//! Whether a statement that stands alone took effect, told from the catalogue.
//!
//! Before it is sent, what is there is written down by oids ([`Evidence`]); afterwards the same is looked at again. What
//! an interrupted one leaves behind, an invalid index for one, is named and taken away before it is sent again.

use pgbelay_analysis::{Mark, QName};
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::quote::{identifier, literal};
use super::session::Session;

/// What the catalogue shows before a statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    /// The table that it is about.
    #[serde(default)]
    table: Option<u32>,
    /// The partition that it is about.
    #[serde(default)]
    partition: Option<u32>,
    /// The indexes of the table, or those that it names, or, for REINDEX, those that are not valid.
    #[serde(default)]
    indexes: Vec<u32>,
    /// Whether what it names was there.
    #[serde(default)]
    there: bool,
}

/// What became of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It took effect.
    Done,
    /// It did not, or it does no harm to send it again. First, these statements take away what it has left.
    NotDone {
        /// Each stands alone.
        cleanup: Vec<Cleanup>,
    },
    /// It took effect but for this last statement.
    Finish(Cleanup),
    /// Nothing shows it.
    Untold,
}

/// A statement that takes away or finishes what another one has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cleanup {
    /// What it is, for people.
    pub(crate) what: String,
    /// The invalid index that it drops.
    pub(crate) index: Option<u32>,
    /// The statement.
    pub(crate) sql: String,
}

/// Looks before a statement is sent. The session has the settings of the migration: names are found by its search_path.
pub(crate) async fn evidence(session: &Session, mark: &Mark) -> Result<Evidence, Fault> {
    let mut evidence = Evidence::default();
    match mark {
        Mark::NewIndex { table, .. } => {
            evidence.table = relation(session, table).await?;
            if let Some(table) = evidence.table {
                evidence.indexes = oids(session, &indexes_of(table)).await?;
            }
        }
        Mark::NoIndex { indexes } => {
            for index in indexes {
                evidence.indexes.extend(relation(session, index).await?);
            }
        }
        Mark::Reindexed { relation: name } => {
            evidence.indexes = oids(session, INVALID).await?;
            if let Some(name) = name {
                evidence.table = table_of(session, relation(session, name).await?).await?;
            }
        }
        Mark::Detached { table, partition } => {
            evidence.table = relation(session, table).await?;
            evidence.partition = relation(session, partition).await?;
            evidence.there = !detaching(session, &evidence).await?.is_empty();
        }
        Mark::Database(name) | Mark::NoDatabase(name) => {
            evidence.there = exists(session, "pg_database", "datname", name).await?;
        }
        Mark::Tablespace(name) | Mark::NoTablespace(name) => {
            evidence.there = exists(session, "pg_tablespace", "spcname", name).await?;
        }
        Mark::Repeatable | Mark::Nowhere | Mark::Opaque => {}
    }
    Ok(evidence)
}

/// What keeps a statement from doing what it is meant to: an index of its name that is not valid, or that is another
/// table's, over which `IF NOT EXISTS` would go as if it were the one that is wanted. Its name, and whether it is invalid.
pub(crate) async fn in_the_way(
    session: &Session,
    mark: &Mark,
    evidence: &Evidence,
) -> Result<Option<(String, bool)>, Fault> {
    let (Mark::NewIndex { index: Some(name), .. }, Some(table)) = (mark, evidence.table) else {
        return Ok(None);
    };
    let sql = format!(
        "{INDEXES} AND c.relname OPERATOR(pg_catalog.=) {} AND c.relnamespace OPERATOR(pg_catalog.=) \
         (SELECT relnamespace FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) {table})",
        literal(name)
    );
    let there: Vec<_> = session.ask(&sql).await?.iter().map(index).collect();
    let twin = there.iter().find(|index| !index.valid || index.table != table);
    Ok(twin.map(|index| (format!("{}.{}", identifier(&index.schema), identifier(&index.name)), !index.valid)))
}

const INVALID: &str = "SELECT indexrelid FROM pg_catalog.pg_index WHERE NOT indisvalid";

/// Looks after a statement was sent, when its answer never came or was an error. No other session of the run is left.
pub(crate) async fn effect(session: &Session, mark: &Mark, before: &Evidence) -> Result<Effect, Fault> {
    let not_done = Effect::NotDone { cleanup: Vec::new() };
    let gone = |there: bool| if before.there && !there { Effect::Done } else { not_done.clone() };
    let made = |there: bool| if !before.there && there { Effect::Done } else { not_done.clone() };
    Ok(match mark {
        Mark::NewIndex { index, .. } => match before.table {
            Some(table) => new_index(&indexes(session, table, &before.indexes).await?, index.as_deref()),
            None => not_done,
        },
        Mark::NoIndex { .. } => {
            let left = remaining(session, &before.indexes).await?;
            if !before.indexes.is_empty() && left == 0 { Effect::Done } else { not_done }
        }
        Mark::Reindexed { .. } => Effect::NotDone { cleanup: half_built(session, before).await? },
        Mark::Detached { .. } => detached(session, before).await?,
        Mark::Database(name) => made(exists(session, "pg_database", "datname", name).await?),
        Mark::NoDatabase(name) => gone(exists(session, "pg_database", "datname", name).await?),
        Mark::Tablespace(name) => made(exists(session, "pg_tablespace", "spcname", name).await?),
        Mark::NoTablespace(name) => gone(exists(session, "pg_tablespace", "spcname", name).await?),
        Mark::Repeatable => not_done,
        Mark::Nowhere | Mark::Opaque => Effect::Untold,
    })
}

/// An index that was not there before.
struct Index {
    oid: u32,
    table: u32,
    schema: String,
    name: String,
    valid: bool,
}

impl Index {
    fn drop(&self) -> Cleanup {
        let name = format!("{}.{}", identifier(&self.schema), identifier(&self.name));
        let what = format!("dropping the invalid index {}.{} that was left", self.schema, self.name);
        Cleanup { what, index: Some(self.oid), sql: format!("DROP INDEX CONCURRENTLY IF EXISTS {name}") }
    }
}

/// What the new indexes of a table say of the statement that was to make one.
fn new_index(new: &[Index], wanted: Option<&str>) -> Effect {
    let is_it = |index: &&Index| wanted.is_none_or(|name| index.name == name);
    let (valid, invalid): (Vec<_>, Vec<_>) = new.iter().filter(is_it).partition(|index| index.valid);
    match (valid.len(), invalid.as_slice()) {
        (1, []) => Effect::Done,
        (0, left) => Effect::NotDone { cleanup: left.iter().map(|index| index.drop()).collect() },
        // Somebody else has made indexes meanwhile, and this one has no name to be told by.
        (_, _) => Effect::Untold,
    }
}

/// Columns of [`Index`]; what somebody else is building now is left out: whoever builds without stopping writes holds this
/// lock on the table, and no session of this run is left.
const INDEXES: &str = "SELECT n.nspname, c.relname, i.indisvalid AND i.indisready, i.indexrelid, i.indrelid \
    FROM pg_catalog.pg_index i \
    JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
    WHERE (i.indisvalid OR NOT EXISTS (SELECT FROM pg_catalog.pg_locks l \
      WHERE l.relation OPERATOR(pg_catalog.=) i.indrelid AND l.granted \
        AND l.mode OPERATOR(pg_catalog.=) 'ShareUpdateExclusiveLock' \
        AND l.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() \
        AND l.database OPERATOR(pg_catalog.=) (SELECT oid FROM pg_catalog.pg_database \
          WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())))";

/// What an interrupted REINDEX CONCURRENTLY leaves: invalid indexes that the server has named after the old ones.
async fn half_built(session: &Session, before: &Evidence) -> Result<Vec<Cleanup>, Fault> {
    let table = before.table.map(|table| format!(" AND i.indrelid OPERATOR(pg_catalog.=) {table}"));
    let sql = format!(
        "{INDEXES} AND NOT i.indisvalid AND {} AND c.relname OPERATOR(pg_catalog.~) '_cc(new|old)[0-9]*$' \
           AND c.relkind OPERATOR(pg_catalog.=) 'i' AND n.nspname OPERATOR(pg_catalog.!~) '^pg_toast'{}",
        not_among("i.indexrelid", &before.indexes),
        table.unwrap_or_default()
    );
    Ok(session.ask(&sql).await?.iter().map(|row| index(row).drop()).collect())
}

async fn indexes(session: &Session, table: u32, before: &[u32]) -> Result<Vec<Index>, Fault> {
    let sql = format!(
        "{INDEXES} AND i.indrelid OPERATOR(pg_catalog.=) {table} AND {} ORDER BY i.indexrelid",
        not_among("i.indexrelid", before)
    );
    Ok(session.ask(&sql).await?.iter().map(index).collect())
}

/// Whether an index is there and is not valid.
pub(crate) async fn is_invalid(session: &Session, index: u32) -> Result<bool, Fault> {
    let sql = format!(
        "SELECT indexrelid FROM pg_catalog.pg_index WHERE indexrelid OPERATOR(pg_catalog.=) {index} AND NOT indisvalid"
    );
    Ok(!oids(session, &sql).await?.is_empty())
}

/// The table of an index; of a table itself.
async fn table_of(session: &Session, relation: Option<u32>) -> Result<Option<u32>, Fault> {
    let Some(relation) = relation else { return Ok(None) };
    let sql = format!(
        "SELECT coalesce((SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid OPERATOR(pg_catalog.=) {relation}), \
         {relation}::pg_catalog.oid)"
    );
    Ok(oids(session, &sql).await?.first().copied())
}

fn index(row: &tokio_postgres::SimpleQueryRow) -> Index {
    let text = |at| row.get(at).unwrap_or_default().to_owned();
    let number = |at| row.get(at).and_then(|text| text.parse().ok()).unwrap_or_default();
    Index { schema: text(0), name: text(1), valid: row.get(2) == Some("t"), oid: number(3), table: number(4) }
}

fn indexes_of(table: u32) -> String {
    format!("SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid OPERATOR(pg_catalog.=) {table}")
}

async fn remaining(session: &Session, indexes: &[u32]) -> Result<usize, Fault> {
    let mut left = 0;
    for index in indexes {
        let sql = format!("SELECT oid FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) {index}");
        left += oids(session, &sql).await?.len();
    }
    Ok(left)
}

/// Rows of the inheritance of a partition, each with whether it is being detached.
async fn detaching(session: &Session, evidence: &Evidence) -> Result<Vec<bool>, Fault> {
    let (Some(table), Some(partition)) = (evidence.table, evidence.partition) else { return Ok(Vec::new()) };
    let pending = if session.version >= 140_000 { "inhdetachpending" } else { "false" };
    let sql = format!(
        "SELECT {pending} FROM pg_catalog.pg_inherits WHERE inhrelid OPERATOR(pg_catalog.=) {partition} \
         AND inhparent OPERATOR(pg_catalog.=) {table}"
    );
    Ok(session.ask(&sql).await?.iter().map(|row| row.get(0) == Some("t")).collect())
}

async fn detached(session: &Session, before: &Evidence) -> Result<Effect, Fault> {
    let not_done = Effect::NotDone { cleanup: Vec::new() };
    Ok(match detaching(session, before).await?.first() {
        None if before.there => Effect::Done,
        None | Some(false) => not_done,
        Some(true) => {
            let (table, partition) =
                (named(session, before.table).await?, named(session, before.partition).await?);
            let what = format!("finishing the detachment of {partition}");
            Effect::Finish(Cleanup {
                what,
                index: None,
                sql: format!("ALTER TABLE {table} DETACH PARTITION {partition} FINALIZE"),
            })
        }
    })
}

/// The name of a relation, with its schema, as SQL.
async fn named(session: &Session, oid: Option<u32>) -> Result<String, Fault> {
    let sql = format!(
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE c.oid OPERATOR(pg_catalog.=) {}",
        oid.unwrap_or_default()
    );
    let rows = session.ask(&sql).await?;
    let part = |at| rows.first().and_then(|row| row.get(at)).map(identifier).unwrap_or_default();
    Ok(format!("{}.{}", part(0), part(1)))
}

async fn relation(session: &Session, name: &QName) -> Result<Option<u32>, Fault> {
    let schema = name.schema.as_deref().map(|schema| format!("{}.", identifier(schema))).unwrap_or_default();
    let text = literal(&format!("{schema}{}", identifier(&name.name)));
    Ok(oids(session, &format!("SELECT pg_catalog.to_regclass({text})::pg_catalog.oid"))
        .await?
        .first()
        .copied())
}

async fn exists(session: &Session, catalog: &str, column: &str, name: &str) -> Result<bool, Fault> {
    let sql = format!(
        "SELECT oid FROM pg_catalog.{catalog} WHERE {column} OPERATOR(pg_catalog.=) {}",
        literal(name)
    );
    Ok(!oids(session, &sql).await?.is_empty())
}

async fn oids(session: &Session, sql: &str) -> Result<Vec<u32>, Fault> {
    let rows = session.ask(sql).await?;
    Ok(rows.iter().filter_map(|row| row.get(0)?.parse().ok()).collect())
}

fn not_among(column: &str, oids: &[u32]) -> String {
    let list: Vec<_> = oids.iter().map(ToString::to_string).collect();
    format!("{column} OPERATOR(pg_catalog.<>) ALL (ARRAY[{}]::pg_catalog.oid[])", list.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_index_is_told_by_its_name_or_by_being_the_only_one() {
        let index = |name: &str, valid| Index {
            oid: 1,
            table: 2,
            schema: "s".to_owned(),
            name: name.to_owned(),
            valid,
        };
        let left = |name: &str| Effect::NotDone { cleanup: vec![index(name, false).drop()] };
        for (new, wanted, expected) in [
            (vec![], Some("i"), Effect::NotDone { cleanup: vec![] }),
            (vec![index("i", true)], Some("i"), Effect::Done),
            (vec![index("other", true)], Some("i"), Effect::NotDone { cleanup: vec![] }),
            (vec![index("i", false), index("other", true)], Some("i"), left("i")),
            (vec![index("t_a_idx", true)], None, Effect::Done),
            (vec![index("t_a_idx", false)], None, left("t_a_idx")),
            (vec![index("t_a_idx", true), index("t_b_idx", true)], None, Effect::Untold),
            (vec![index("t_a_idx", true), index("t_b_idx", false)], None, Effect::Untold),
        ] {
            assert_eq!(new_index(&new, wanted), expected);
        }
        assert_eq!(index("a\"b", false).drop().sql, "DROP INDEX CONCURRENTLY IF EXISTS \"s\".\"a\"\"b\"");
    }
}
