//! What a backup must hold, and what it needs to be restored: asked in the snapshot that pg_dump is given.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::parts::number;
use crate::database::{Fault, Session};

/// Opens the transaction in which the snapshot stays. Nothing may end it while pg_dump works; which of these a server
/// knows depends on its version.
const OPEN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = '10s'; \
    SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings WHERE name IN \
      ('idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout', 'statement_timeout')";

/// Where everything stands, and how the database was made.
const HEAD: &str = "SELECT pg_catalog.pg_export_snapshot(), pg_catalog.pg_current_wal_lsn(), \
      pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8), \
      pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, \
      pg_catalog.pg_get_userbyid(d.datdba) \
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";

/// Tables whose rows pg_dump writes: ordinary ones that no extension brought along. By oid, with their size and file.
const TABLES: &str = "SELECT c.oid, pg_catalog.pg_table_size(c.oid), c.relfilenode FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 1259 AND d.objid = c.oid AND d.deptype = 'e') ORDER BY c.oid";

/// The tables as they are now.
const FILES: &str = "SELECT c.oid, c.relfilenode, c.oid::pg_catalog.regclass FROM pg_catalog.pg_class c \
    WHERE c.relkind = 'r'";

/// Roles that own something or have been granted something.
const ROLES: &str = "SELECT DISTINCT pg_catalog.pg_get_userbyid(s.refobjid) FROM pg_catalog.pg_shdepend s \
    WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND s.dbid = \
      (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
    UNION SELECT pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database \
      WHERE datname = pg_catalog.current_database() ORDER BY 1";

/// Settings of the database, which pg_dump leaves out unless it makes the database.
const SETTINGS: &str = "SELECT pg_catalog.unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s \
    WHERE s.setrole = 0 AND s.setdatabase = \
      (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) ORDER BY 1";

/// Privileges on the database; no row: those that every database has.
const PRIVILEGES: &str = "SELECT coalesce(r.rolname, ''), pg_catalog.string_agg(a.privilege_type, ', ' ORDER BY 1) \
    FROM pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) a LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee \
    WHERE d.datname = pg_catalog.current_database() GROUP BY 1 ORDER BY 1";

/// Which library sorts texts, from the version on that has more than one for a database.
const fn collation(server: u32) -> Option<&'static str> {
    match server {
        170_000.. => Some(
            "SELECT CASE datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' END, datlocale \
             FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
        ),
        150_000.. => Some(
            "SELECT CASE datlocprovider WHEN 'i' THEN 'icu' END, daticulocale \
             FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()",
        ),
        _ => None,
    }
}

/// The database in the snapshot of a backup.
#[derive(Debug)]
pub(super) struct Contents {
    /// What pg_dump is given.
    pub(super) snapshot: String,
    /// Where the server's log of changes stands.
    pub(super) lsn: String,
    /// And in which of its histories.
    pub(super) timeline: u32,
    /// The tables by oid, with their bytes.
    pub(super) tables: Vec<(u32, u64)>,
    /// The file of each.
    files: BTreeMap<u32, u32>,
    /// What a database needs that this one can be restored to.
    pub(super) needs: Needs,
}

/// What a database needs that a backup can be restored to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Needs {
    pub(super) encoding: String,
    pub(super) collate: String,
    pub(super) ctype: String,
    pub(super) owner: String,
    /// `name=value`, as in `ALTER DATABASE … SET`.
    pub(super) settings: Vec<String>,
    pub(super) roles: Vec<String>,
    /// `icu` or `builtin`, with the locale; absent: the C library's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) provider: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) locale: Option<String>,
    /// Whether only those may connect who are named in `privileges`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) closed_to_public: bool,
    /// Privileges on the database by role; the empty role is everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) privileges: Vec<(String, String)>,
}

impl Contents {
    /// Opens a transaction in the session, which has to stay open for as long as pg_dump works, and looks.
    ///
    /// # Errors
    /// The server does not answer, or does not let the agent's user see it.
    pub(super) async fn look(session: &Session) -> Result<Self, Fault> {
        session.tell(OPEN).await?;
        let head = session.ask(HEAD).await?;
        let column = |at| head.first().and_then(|row| row.get(at)).unwrap_or_default().to_owned();
        let tables = session.ask(TABLES).await?;
        let (provider, locale) = match collation(session.version) {
            Some(sql) => {
                let rows = session.ask(sql).await?;
                let column = |at| rows.first().and_then(|row| row.get(at)).map(str::to_owned);
                (column(0), column(1))
            }
            None => (None, None),
        };
        let privileges = session.ask(PRIVILEGES).await?;
        let privilege =
            |row: &tokio_postgres::SimpleQueryRow| Some((row.get(0)?.to_owned(), row.get(1)?.to_owned()));
        let table = |row: &tokio_postgres::SimpleQueryRow| {
            Some((
                row.get(0)?.parse().ok()?,
                row.get(1).and_then(|size| size.parse().ok()).unwrap_or_default(),
            ))
        };
        Ok(Self {
            snapshot: column(0),
            lsn: column(1),
            timeline: u32::from_str_radix(&column(2), 16).unwrap_or_default(),
            tables: tables.iter().filter_map(table).collect(),
            files: tables.iter().filter_map(|row| pair(row, 0, 2)).collect(),
            needs: Needs {
                encoding: column(3),
                collate: column(4),
                ctype: column(5),
                owner: column(6),
                settings: texts(session, SETTINGS).await?,
                roles: texts(session, ROLES).await?,
                provider,
                locale,
                closed_to_public: !privileges.is_empty(),
                privileges: privileges.iter().filter_map(privilege).collect(),
            },
        })
    }

    /// Tables that were emptied, written anew or dropped since the snapshot, by name or oid. Whoever does that does it to
    /// older snapshots too: before pg_dump had its locks, it may have read nothing where there were rows.
    ///
    /// # Errors
    /// The server does not answer.
    pub(super) async fn written_anew(&self, session: &Session) -> Result<Vec<String>, Fault> {
        let rows = session.ask(FILES).await?;
        let now: BTreeMap<u32, (u32, &str)> = rows
            .iter()
            .filter_map(|row| {
                pair(row, 0, 1).map(|(oid, file)| (oid, (file, row.get(2).unwrap_or_default())))
            })
            .collect();
        let changed = self.files.iter().filter_map(|(oid, file)| match now.get(oid) {
            Some((same, _)) if same == file => None,
            Some((_, name)) => Some((*name).to_owned()),
            None => Some(format!("a table that is gone ({oid})")),
        });
        Ok(changed.collect())
    }

    /// Forgets all tables but these: the rows of others are not backed up.
    pub(super) fn keep(&mut self, oids: &BTreeSet<u32>) {
        self.tables.retain(|(oid, _)| oids.contains(oid));
        self.files.retain(|oid, _| oids.contains(oid));
    }

    /// The bytes of all tables.
    pub(super) fn bytes(&self) -> u64 {
        self.tables.iter().map(|(_, bytes)| bytes).sum()
    }
}

fn pair(row: &tokio_postgres::SimpleQueryRow, one: usize, other: usize) -> Option<(u32, u32)> {
    Some((row.get(one)?.parse().ok()?, row.get(other)?.parse().ok()?))
}

async fn texts(session: &Session, sql: &str) -> Result<Vec<String>, Fault> {
    let rows = session.ask(sql).await?;
    Ok(rows.iter().filter_map(|row| row.get(0).map(str::to_owned)).collect())
}

/// How many tables have no rows in an archive, by its list and the names of its files.
pub(super) fn missing(list: &[u8], tables: &[(u32, u64)], files: &BTreeSet<u32>) -> usize {
    let listed = listed(&String::from_utf8_lossy(list));
    let there: BTreeSet<u32> =
        listed.into_iter().filter(|(entry, _)| files.contains(entry)).map(|(_, oid)| oid).collect();
    tables.iter().filter(|(oid, _)| !there.contains(oid)).count()
}

/// The numbers of entries with rows, which are those of their files.
pub(super) fn files<'n>(names: impl Iterator<Item = &'n str>) -> BTreeSet<u32> {
    names.filter_map(number).collect()
}

/// Entries and oids of `3345; 0 16390 TABLE DATA public tasks owner`.
fn listed(list: &str) -> Vec<(u32, u32)> {
    let entry = |line: &str| {
        let (start, _) = line.split_once(" TABLE DATA ")?;
        let (number, rest) = start.split_once(';')?;
        Some((number.parse().ok()?, rest.rsplit(' ').next()?.parse().ok()?))
    };
    list.lines().filter(|line| !line.starts_with(';')).filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_list_or_has_no_file_is_missed() {
        let list =
            b"; Archive\n215; 1259 16390 TABLE public a belay\n3345; 0 16390 TABLE DATA public a belay\n\
            3346; 0 16395 TABLE DATA public TABLE DATA x belay\n";
        let check = |tables: &[u32], names: &[&str], expected| {
            let tables: Vec<_> = tables.iter().map(|oid| (*oid, 1)).collect();
            assert_eq!(
                missing(list, &tables, &files(names.iter().copied())),
                expected,
                "{tables:?} {names:?}"
            );
        };
        let both = ["3345.dat.zst", "3346.dat", "toc.dat"];
        check(&[16390, 16395], &both, 0);
        check(&[16390, 16400], &both, 1);
        check(&[16390, 16395], &both[..1], 1);
    }
}
