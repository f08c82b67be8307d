//! How large tables are and how much they are used.
//!
//! The server measures files, for which it takes a lock that everybody but the owner of an ACCESS EXCLUSIVE lock gets at
//! once. Where somebody has that, the sizes of the last VACUUM or ANALYZE are taken.

use pgbelay_analysis::Size;
use serde::Deserialize;

use super::Trouble;
use super::ask::Asker;
use super::rows::Oid;

#[derive(Deserialize)]
pub(super) struct SizeRow {
    pub(super) relation: Oid,
    tuples: f64,
    pages: i64,
    bytes: u64,
    index_bytes: u64,
    writes: u64,
    seconds: Option<u64>,
}

/// In files.
pub(in crate::database) const MEASURED: [(&str, &str); 2] = [
    ("{bytes}", "coalesce(pg_table_size(c.oid), 0)"),
    ("{index_bytes}", "coalesce(pg_indexes_size(c.oid), 0)"),
];

/// In pages, as they were counted last.
pub(in crate::database) const NOTED: [(&str, &str); 2] = [
    (
        "{bytes}",
        "current_setting('block_size')::bigint * (c.relpages + coalesce((\
            SELECT x.relpages FROM pg_catalog.pg_class x WHERE x.oid = c.reltoastrelid), 0))",
    ),
    (
        "{index_bytes}",
        "current_setting('block_size')::bigint * coalesce((\
            SELECT sum(x.relpages) FROM pg_catalog.pg_index i \
            JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid), 0)::bigint",
    ),
];

pub(super) async fn ask(asker: &Asker<'_>) -> Result<Vec<SizeRow>, Trouble> {
    match asker.rows_if_possible("sizes", &filled(&MEASURED)).await? {
        Some(rows) => Ok(rows),
        None => asker.rows("sizes", &filled(&NOTED)).await,
    }
}

fn filled(values: &[(&str, &str)]) -> String {
    let sql = include_str!("sizes.sql").to_owned();
    values.iter().fold(sql, |sql, (name, value)| sql.replace(name, value))
}

impl SizeRow {
    pub(super) fn size(&self, major: u32) -> Size {
        // Before 14, a table that was never counted has 0 rows in 0 pages.
        let counted = self.tuples > 0.0 || self.tuples == 0.0 && (major >= 14 || self.pages > 0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate, checked to be no less than 0"
        )]
        let rows = counted.then_some(self.tuples as u64);
        Size {
            rows,
            bytes: self.bytes,
            index_bytes: self.index_bytes,
            writes: self.writes,
            seconds: self.seconds,
        }
    }
}
