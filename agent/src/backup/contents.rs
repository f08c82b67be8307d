//! What a backup must hold: every table of the database.

use std::collections::BTreeSet;

use crate::database::{Fault, Session};

/// Tables whose rows pg_dump writes: ordinary ones that no extension brought along. By oid, in order.
const TABLES: &str = "SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 1259 AND d.objid = c.oid AND d.deptype = 'e') ORDER BY c.oid";

/// The tables that are there.
pub(super) async fn tables(session: &Session) -> Result<Vec<u32>, Fault> {
    let rows = session.ask(TABLES).await?;
    Ok(rows.iter().filter_map(|row| row.get(0)?.parse().ok()).collect())
}

/// Where the server's log of changes stands.
pub(super) async fn lsn(session: &Session) -> Result<String, Fault> {
    let rows = session.ask("SELECT pg_catalog.pg_current_wal_lsn()").await?;
    Ok(rows.first().and_then(|row| row.get(0)).unwrap_or_default().to_owned())
}

/// How many tables an archive lacks, by its list. Those that came or went while it was made do not count.
pub(super) fn missing(list: &[u8], before: &[u32], after: &[u32]) -> usize {
    let listed = listed(&String::from_utf8_lossy(list));
    let after: BTreeSet<u32> = after.iter().copied().collect();
    before.iter().filter(|oid| after.contains(oid) && !listed.contains(oid)).count()
}

/// The oids of `3345; 0 16390 TABLE DATA public tasks owner`.
fn listed(list: &str) -> BTreeSet<u32> {
    let oid = |line: &str| {
        let (entry, _) = line.split_once(" TABLE DATA ")?;
        entry.rsplit(' ').next()?.parse().ok()
    };
    list.lines().filter(|line| !line.starts_with(';')).filter_map(oid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_list_is_missed() {
        let list =
            b"; Archive\n215; 1259 16390 TABLE public a belay\n3345; 0 16390 TABLE DATA public a belay\n\
            3346; 0 16395 TABLE DATA public TABLE DATA x belay\n";
        assert_eq!(missing(list, &[16390, 16395], &[16390, 16395]), 0);
        assert_eq!(missing(list, &[16390, 16400], &[16390, 16400]), 1);
        assert_eq!(missing(list, &[16390, 16400], &[16390]), 0, "it was dropped meanwhile");
    }
}
