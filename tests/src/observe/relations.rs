//! What the server knows of its relations at one moment of a transaction.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use super::Mode;

/// A relation's OID.
pub(super) type Oid = u32;

/// A relation outside of the system's schemas.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// `schema.name`, unquoted; temporary ones are in `pg_temp`.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// 0 where there is no storage.
    pub(super) filenode: Oid,
    pub(super) bytes: i64,
    /// Sequential scans of a table, index scans of an index, that the statistics have not been told yet.
    pub(super) scans: i64,
}

/// The kinds of relation, as far as they differ here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A table or materialised view.
    Stored,
    /// A partitioned table, view, foreign table or sequence.
    Other,
    Index {
        table: Oid,
        exclusion: bool,
    },
}

impl Relation {
    pub(super) fn is_index(&self) -> bool {
        matches!(self.kind, Kind::Index { .. })
    }

    pub(super) fn is_index_of(&self, oid: Oid) -> bool {
        matches!(self.kind, Kind::Index { table, .. } if table == oid)
    }
}

const RELATIONS: &str = "\
    SELECT c.oid, CASE WHEN n.nspname LIKE 'pg\\_temp\\_%' THEN 'pg_temp' ELSE n.nspname END || '.' || c.relname, \
           c.relkind::text, coalesce(pg_relation_filenode(c.oid), 0::oid), \
           CASE WHEN c.relkind IN ('r', 'm', 'i') THEN pg_relation_size(c.oid) ELSE 0 END, \
           pg_stat_get_xact_numscans(c.oid), coalesce(i.indrelid, 0::oid), coalesce(i.indisexclusion, false) \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid \
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%' \
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I')";

/// Every relation outside of the system's schemas.
pub(super) async fn all(client: &Client) -> anyhow::Result<BTreeMap<Oid, Relation>> {
    let mut relations = BTreeMap::new();
    for row in client.query(RELATIONS, &[]).await? {
        let kind = match row.try_get::<_, &str>(2)? {
            "r" | "m" => Kind::Stored,
            "i" | "I" => Kind::Index { table: row.try_get(6)?, exclusion: row.try_get(7)? },
            _ => Kind::Other,
        };
        let relation = Relation {
            name: row.try_get(1)?,
            kind,
            filenode: row.try_get(3)?,
            bytes: row.try_get(4)?,
            scans: row.try_get(5)?,
        };
        relations.insert(row.try_get(0)?, relation);
    }
    Ok(relations)
}

/// The scans of `relations`, by their OIDs: of those that are dropped by then, too.
pub(super) async fn scans(client: &Client, oids: &[Oid]) -> anyhow::Result<BTreeMap<Oid, i64>> {
    let sql = "SELECT oid, pg_stat_get_xact_numscans(oid) FROM unnest($1::oid[]) oid";
    let rows = client.query(sql, &[&oids]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// The strongest lock that this session has on each relation.
pub(super) async fn locks(client: &Client) -> anyhow::Result<BTreeMap<Oid, Mode>> {
    let sql = "SELECT l.relation, l.mode FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
               WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted \
                 AND d.datname = current_database()";
    let mut locks = BTreeMap::new();
    for row in client.query(sql, &[]).await? {
        let mode: Mode = row.try_get::<_, &str>(1)?.parse()?;
        let strongest = locks.entry(row.try_get(0)?).or_insert(mode);
        *strongest = mode.max(*strongest);
    }
    Ok(locks)
}
