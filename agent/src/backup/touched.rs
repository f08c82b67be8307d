//! The rows of some tables: those that the statements of a run touch, and of what these depend on.
//!
//! What is touched is named by the plan; what hangs on it is asked in the snapshot that pg_dump is given: partitions and
//! children, tables that keys with an action write to, tables that foreign keys refer to (so that it can be restored by
//! itself), and pgbelay's own. Whatever may reach further than that (a trigger, a rule, a function in a default) makes it
//! the whole database: too much is never wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use pgbelay_core::plan::Touches;
use tokio_postgres::SimpleQueryRow;

use super::contents::Contents;
use crate::database::{Fault, Session, Target, literal};

/// About the longest pattern: a longer one makes a larger machine of the server's regular expressions.
const PATTERN: usize = 4_000;

/// All patterns together: what Linux lets a program have as arguments is 2 MiB by default, and this is half of it.
const PATTERNS: usize = 1 << 20;

/// Which tables have their rows in a backup.
#[derive(Debug)]
pub(super) enum Rows {
    /// All of them; why, although less was asked for.
    All(String),
    /// Some.
    Some(Selected),
}

/// Some tables of a database.
#[derive(Debug)]
pub(super) struct Selected {
    /// Their oids.
    pub(super) oids: BTreeSet<u32>,
    /// Their names with their schemas, as SQL has them, in order.
    pub(super) names: Vec<String>,
    /// What tells pg_dump to leave out the rows of all others.
    pub(super) excluded: Vec<String>,
}

/// Finds out which tables have to have their rows in the backup. `session` has the snapshot.
///
/// # Errors
/// The server does not answer.
pub(super) async fn rows(
    session: &Session,
    target: &Target,
    touches: &Touches,
    contents: &Contents,
) -> Result<Rows, Fault> {
    let all = |why: String| Ok(Rows::All(format!("full in place of touched, because {why}")));
    let (names, writes) = match touches {
        Touches::Untold { why } => return all(format!("it cannot be told what is touched: {why}")),
        Touches::Relations { names, writes } => (names, *writes),
    };
    let (mut start, missing) = find(session, names).await?;
    if let Some(missing) = missing {
        return all(format!("{missing}, which the plan touches, is not there under this name yet"));
    }
    if let Some(trigger) = first(session, EVENT_TRIGGERS).await? {
        return all(format!("what event trigger {trigger} touches cannot be told"));
    }
    start.extend(oids(session, &own(&target.schema)).await?);
    let written = oids(session, &closure(&start, if writes { WRITTEN } else { BELOW })).await?;
    if writes && let Some(what) = first(session, &reaching(&written)).await? {
        return all(format!("what {what} touches cannot be told"));
    }
    let wanted = oids(session, &closure(&written, NEEDED)).await?;
    let there: BTreeSet<u32> = contents.tables.iter().map(|(oid, _)| *oid).collect();
    let selected = split(session, wanted.intersection(&there).copied().collect()).await?;
    let length: usize = selected.excluded.iter().map(String::len).sum();
    if length > PATTERNS {
        return all(
            "pg_dump does not take a list as long as that of the tables that are not touched".to_owned()
        );
    }
    Ok(Rows::Some(selected))
}

/// The relations of the names, or the tables of those that are indexes; and the first that is not there.
async fn find(session: &Session, names: &[String]) -> Result<(BTreeSet<u32>, Option<String>), Fault> {
    let mut found = BTreeSet::new();
    if names.is_empty() {
        return Ok((found, None));
    }
    let values: Vec<_> = names.iter().map(|name| format!("({})", literal(name))).collect();
    let sql = format!(
        "SELECT n.name, coalesce(i.indrelid, c.oid) FROM (VALUES {}) n (name) \
         LEFT JOIN pg_catalog.pg_namespace s ON s.nspname = (pg_catalog.parse_ident(n.name))[1] \
         LEFT JOIN pg_catalog.pg_class c \
           ON c.relnamespace = s.oid AND c.relname = (pg_catalog.parse_ident(n.name))[2] \
         LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid",
        values.join(", ")
    );
    for row in &session.ask(&sql).await? {
        match number(row, 1) {
            Some(oid) => found.insert(oid),
            None => return Ok((found, row.get(0).map(str::to_owned))),
        };
    }
    Ok((found, None))
}

/// Functions that run with every change of the schema. Those of extensions look after the extension.
const EVENT_TRIGGERS: &str = "SELECT pg_catalog.quote_ident(e.evtname) FROM pg_catalog.pg_event_trigger e \
    WHERE e.evtenabled <> 'D' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
      WHERE d.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass AND d.objid = e.oid AND d.deptype = 'e') \
    ORDER BY 1 LIMIT 1";

/// pgbelay's own tables: each run writes to them.
fn own(schema: &str) -> String {
    format!(
        "SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND n.nspname = {}",
        literal(schema)
    )
}

/// Partitions and children.
const BELOW: &str = "SELECT inhparent AS it, inhrelid AS next FROM pg_catalog.pg_inherits";

/// These, and tables that a foreign key with an action writes to.
const WRITTEN: &str = "SELECT inhparent AS it, inhrelid AS next FROM pg_catalog.pg_inherits \
    UNION ALL SELECT confrelid, conrelid FROM pg_catalog.pg_constraint WHERE contype = 'f' \
      AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))";

/// Partitions and children, and tables that foreign keys refer to.
const NEEDED: &str = "SELECT inhparent AS it, inhrelid AS next FROM pg_catalog.pg_inherits \
    UNION ALL SELECT conrelid, confrelid FROM pg_catalog.pg_constraint WHERE contype = 'f'";

/// All that can be reached from relations by steps.
fn closure(start: &BTreeSet<u32>, steps: &str) -> String {
    format!(
        "WITH RECURSIVE steps AS MATERIALIZED ({steps}), reached (oid) AS ( \
           SELECT pg_catalog.unnest({}) UNION SELECT s.next FROM reached r JOIN steps s ON s.it = r.oid) \
         SELECT oid FROM reached",
        array(start)
    )
}

/// What runs when rows of these relations are written, and may reach any other: in words, the first one only. Functions in C
/// and of PostgreSQL itself compute.
fn reaching(written: &BTreeSet<u32>) -> String {
    let written = array(written);
    format!(
        "SELECT what FROM ( \
           SELECT 'trigger ' || pg_catalog.quote_ident(t.tgname) || ' of ' || t.tgrelid::pg_catalog.regclass AS what \
             FROM pg_catalog.pg_trigger t \
             WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgrelid = ANY ({written}) \
           UNION ALL SELECT 'rule ' || pg_catalog.quote_ident(r.rulename) || ' of ' || r.ev_class::pg_catalog.regclass \
             FROM pg_catalog.pg_rewrite r \
             WHERE r.ev_type <> '1' AND r.ev_enabled <> 'D' AND r.ev_class = ANY ({written}) \
           UNION ALL SELECT 'function ' || p.oid::pg_catalog.regprocedure || ', which ' || u.rel::pg_catalog.regclass \
               || ' uses,' \
             FROM (SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, oid, adrelid FROM pg_catalog.pg_attrdef \
               UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid, conrelid \
                 FROM pg_catalog.pg_constraint WHERE contype = 'c' \
               UNION ALL SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, oid, polrelid \
                 FROM pg_catalog.pg_policy) u (classid, objid, rel) \
             JOIN pg_catalog.pg_depend d ON d.classid = u.classid AND d.objid = u.objid \
               AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
             JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
             WHERE u.rel = ANY ({written}) AND p.provolatile = 'v' AND l.lanname NOT IN ('c', 'internal') \
         ) w ORDER BY what LIMIT 1"
    )
}

/// Everything whose rows pg_dump would write, by whether they are wanted. Materialized views are computed from rows that
/// may not be there: they come back without any.
const DUMPED: &str = "SELECT c.oid, n.nspname, c.relname, \
      pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' \
      AND n.nspname <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
        WHERE d.classid = 1259 AND d.objid = c.oid AND d.deptype = 'e') ORDER BY n.nspname, c.relname";

async fn split(session: &Session, oids: BTreeSet<u32>) -> Result<Selected, Fault> {
    let mut names = Vec::new();
    let mut rest: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in &session.ask(DUMPED).await? {
        let text = |at| row.get(at).unwrap_or_default().to_owned();
        if number(row, 0).is_some_and(|oid| oids.contains(&oid)) {
            names.push(text(3));
        } else {
            rest.entry(text(1)).or_default().push(text(2));
        }
    }
    let excluded = rest.iter().flat_map(|(schema, tables)| patterns(schema, tables)).collect();
    Ok(Selected { oids, names, excluded })
}

/// Patterns of pg_dump for tables of a schema: many in each, as the server compares every table with every pattern. What is
/// quoted stands for itself.
fn patterns(schema: &str, tables: &[String]) -> Vec<String> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let mut patterns = Vec::new();
    let mut open = String::new();
    for table in tables {
        if open.len() > PATTERN {
            patterns.push(std::mem::take(&mut open));
        }
        let before = if open.is_empty() { format!("{}.(", quoted(schema)) } else { "|".to_owned() };
        // A text takes what is written to it.
        let _ = write!(open, "{before}{}", quoted(table));
    }
    patterns.push(open);
    patterns.iter().filter(|pattern| !pattern.is_empty()).map(|pattern| format!("{pattern})")).collect()
}

fn array(oids: &BTreeSet<u32>) -> String {
    let oids: Vec<_> = oids.iter().map(u32::to_string).collect();
    format!("'{{{}}}'::pg_catalog.oid[]", oids.join(","))
}

async fn oids(session: &Session, sql: &str) -> Result<BTreeSet<u32>, Fault> {
    Ok(session.ask(sql).await?.iter().filter_map(|row| number(row, 0)).collect())
}

async fn first(session: &Session, sql: &str) -> Result<Option<String>, Fault> {
    Ok(session.ask(sql).await?.first().and_then(|row| row.get(0)).map(str::to_owned))
}

fn number(row: &SimpleQueryRow, at: usize) -> Option<u32> {
    row.get(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_many_tables_and_an_end() {
        let check = |tables: &[&str], expected: &[&str]| {
            let tables: Vec<_> = tables.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(patterns("s", &tables), expected);
        };
        check(&[], &[]);
        check(&["a"], &["\"s\".(\"a\")"]);
        check(&["a", "B \"b\".*"], &["\"s\".(\"a\"|\"B \"\"b\"\".*\")"]);
        let many: Vec<_> = (0..1_000).map(|n| format!("table_{n:04}")).collect();
        let patterns = patterns("s", &many);
        assert_eq!(patterns.len(), 4);
        assert!(patterns.iter().all(|pattern| pattern.len() < PATTERN + 100));
        assert_eq!(patterns.iter().map(|pattern| pattern.matches("table_").count()).sum::<usize>(), 1_000);
    }
}
