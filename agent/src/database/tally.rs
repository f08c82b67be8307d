//! What is seen while a step runs, for its record and its report.

use std::time::Duration;

use pgbelay_analysis::Statement;
use pgbelay_core::command::{Observed, ObservedLock, ObservedStatement};
use pgbelay_core::time::Span;
use serde::Deserialize;

use super::quote::literal;

/// Most statements, locks and names that are kept: a report stays a page.
const MOST: usize = 20;

/// What was seen of a step, all its pieces together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    seen: Observed,
    lock_wait: Duration,
}

/// What the server tells at the end of a transaction.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Told {
    #[serde(default)]
    locks: Vec<ObservedLock>,
    #[serde(default)]
    rewrites: Vec<String>,
    #[serde(default)]
    wal_bytes: u64,
}

fn span(time: Duration) -> Span {
    Span(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

impl Tally {
    /// A statement has ended. Of many, the slowest are kept.
    pub(crate) fn statement(&mut self, statement: &Statement, took: Duration, rows: u64) {
        let line = statement.position.line;
        let one = ObservedStatement { line, what: statement.kind.words(), took: span(took), rows };
        let all = &mut self.seen.statements;
        all.push(one);
        if all.len() > MOST
            && let Some(fastest) = all.iter().enumerate().min_by_key(|(_, one)| one.took).map(|(at, _)| at)
        {
            all.remove(fastest);
        }
    }

    /// Somebody was in the way for a while.
    pub(crate) fn waited(&mut self, time: Duration, blockers: &[String]) {
        self.lock_wait += time;
        for blocker in blockers {
            // The same session is told with another age each time: the last look counts.
            let known = self.seen.waited_for.iter_mut().find(|known| process(known) == process(blocker));
            match known {
                Some(known) => known.clone_from(blocker),
                None => add(&mut self.seen.waited_for, std::slice::from_ref(blocker)),
            }
        }
    }

    /// Somebody was ended for being in the way.
    pub(crate) fn ended(&mut self, sessions: &[String]) {
        add(&mut self.seen.ended, sessions);
    }

    /// What the server told of a transaction.
    pub(crate) fn told(&mut self, told: Told) {
        for lock in told.locks {
            if !self.seen.locks.contains(&lock) && self.seen.locks.len() < MOST {
                self.seen.locks.push(lock);
            }
        }
        add(&mut self.seen.rewrites, &told.rewrites);
        self.seen.wal_bytes = self.seen.wal_bytes.saturating_add(told.wal_bytes);
    }

    /// What the server told of a transaction, as it came.
    pub(crate) fn told_so(&mut self, json: Option<&str>) {
        match json.map(serde_json::from_str).transpose() {
            Ok(told) => self.told(told.unwrap_or_default()),
            Err(error) => tracing::debug!(%error, "what the server told of a transaction is not understood"),
        }
    }

    /// The server wrote WAL from here to there.
    pub(crate) fn wal(&mut self, before: &str, after: &str) {
        let bytes = |lsn: &str| {
            let (high, low) = lsn.split_once('/')?;
            Some((u64::from_str_radix(high, 16).ok()? << 32) + u64::from_str_radix(low, 16).ok()?)
        };
        if let (Some(before), Some(after)) = (bytes(before), bytes(after)) {
            self.seen.wal_bytes = self.seen.wal_bytes.saturating_add(after.saturating_sub(before));
        }
    }

    /// Whether it would be missed: something waited, was written anew, or took its time.
    pub(crate) fn is_notable(&self) -> bool {
        const LONG: Span = Span::seconds(1);
        let long = self.seen.statements.iter().any(|statement| statement.took >= LONG);
        long || !self.lock_wait.is_zero() || !self.seen.rewrites.is_empty() || !self.seen.ended.is_empty()
    }

    /// All of it.
    pub(crate) fn observed(&self) -> Observed {
        Observed { lock_wait: span(self.lock_wait), ..self.seen.clone() }
    }

    /// A transaction was rolled back: what it did is gone, and what it waited for is not.
    pub(crate) fn go_back_to(&mut self, earlier: &Self) {
        let Observed { waited_for, ended, .. } = std::mem::take(&mut self.seen);
        self.seen = Observed { waited_for, ended, ..earlier.seen.clone() };
    }
}

/// The process of a session in words.
fn process(words: &str) -> &str {
    words.split_once(" (").map_or(words, |(process, _)| process)
}

fn add(known: &mut Vec<String>, more: &[String]) {
    for one in more {
        if known.len() < MOST && !known.contains(one) {
            known.push(one.clone());
        }
    }
}

/// What was there when a transaction began, to be compared at its end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Before {
    /// Where the WAL was.
    pub(crate) lsn: String,
    /// Relations that may be written anew, and their files.
    files: Vec<(u32, u32)>,
}

impl Before {
    /// Reads the rows that [`before`] and the opening of a transaction give.
    pub(crate) fn read(lsn: &str, rows: &[Vec<Option<String>>]) -> Self {
        let number = |row: &[Option<String>], at: usize| row.get(at).cloned().flatten()?.parse::<u32>().ok();
        let file = |row: &Vec<Option<String>>| Some((number(row, 0)?, number(row, 1)?));
        Self { lsn: lsn.to_owned(), files: rows.iter().filter_map(file).collect() }
    }

    /// Constants for the relations and their files.
    pub(crate) fn files(&self) -> (String, String) {
        let array = |numbers: Vec<String>| format!("'{{{}}}'::pg_catalog.oid[]", numbers.join(","));
        let of = |one: fn(&(u32, u32)) -> u32| {
            array(self.files.iter().map(|file| one(file).to_string()).collect())
        };
        (of(|file| file.0), of(|file| file.1))
    }

    /// A constant for where the WAL was.
    pub(crate) fn lsn(&self) -> String {
        literal(if self.lsn.is_empty() { "0/0" } else { &self.lsn })
    }
}

/// Asks for the files of the relations that statements may write anew, by the prepared statement or without. Runs with
/// the migration's path.
pub(crate) fn before(statements: &[Statement], prepared: bool) -> String {
    use pgbelay_analysis::StatementKind as Kind;
    let may = |kind: Kind| {
        matches!(kind, Kind::AlterTable | Kind::Cluster | Kind::RefreshMaterializedView | Kind::Truncate)
    };
    let names: Vec<_> = statements
        .iter()
        .filter(|statement| may(statement.kind))
        .flat_map(|statement| statement.objects.iter().take(1))
        .map(|name| literal(name))
        .take(MOST)
        .collect();
    match names.as_slice() {
        [] => String::new(),
        names if prepared => format!("EXECUTE pgbelay_files (ARRAY[{}])", names.join(", ")),
        names => FILES.replace("$1", &format!("ARRAY[{}]", names.join(", "))),
    }
}

/// The files of relations. A view and a partitioned table have none.
pub(super) const FILES: &str = "SELECT n.relation::pg_catalog.oid, pg_catalog.pg_relation_filenode(n.relation) \
    FROM (SELECT pg_catalog.to_regclass(pg_catalog.unnest($1)) AS relation) n";

/// What the name of a relation looks like that has a schema, and not one of PostgreSQL's own.
const OF_OTHERS: &str = r#"'^(?!pg_)([^".]+|"([^"]|"")+")[.]'"#;

/// PostgreSQL's own relations have smaller numbers (FirstNormalObjectId). A step locks dozens of them, and to find out what
/// each is called takes the server longer than all else that it is asked here.
const FIRST_OF_OTHERS: u32 = 16_384;

/// An expression for what the server has to tell at the end of a transaction, as JSON.
pub(crate) fn at_the_end(before: &Before, schema: &str) -> String {
    let (relations, files) = before.files();
    seen((&relations, &files), &before.lsn(), schema)
}

/// The same, with expressions for what was before. It is asked in every step, so it joins nothing: `regclass` tells a
/// relation's name, and with our own path the schema of every relation that is neither PostgreSQL's own nor temporary.
pub(super) fn seen((relations, files): (&str, &str), lsn: &str, schema: &str) -> String {
    let schema = literal(schema);
    format!(
        "pg_catalog.jsonb_build_object('locks', (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object( \
             'relation', l.name, 'mode', l.mode)), '[]') \
           FROM (SELECT l.relation::pg_catalog.regclass::pg_catalog.text AS name, l.mode \
             FROM pg_catalog.pg_lock_status() l \
             WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() \
               AND l.relation OPERATOR(pg_catalog.>=) {FIRST_OF_OTHERS} \
               AND l.locktype OPERATOR(pg_catalog.=) 'relation' AND l.granted \
               AND l.mode OPERATOR(pg_catalog.<>) 'AccessShareLock' \
               AND l.relation::pg_catalog.regclass::pg_catalog.text OPERATOR(pg_catalog.~) {OF_OTHERS} \
               AND NOT pg_catalog.starts_with(l.relation::pg_catalog.regclass::pg_catalog.text, \
                 pg_catalog.concat(pg_catalog.quote_ident({schema}), '.')) \
             ORDER BY 1, 2 LIMIT {MOST}) l), \
         'rewrites', (SELECT coalesce(pg_catalog.jsonb_agg(b.oid::pg_catalog.regclass), '[]') \
           FROM ROWS FROM (pg_catalog.unnest({relations}), pg_catalog.unnest({files})) b (oid, file) \
           WHERE pg_catalog.pg_relation_filenode(b.oid::pg_catalog.regclass) OPERATOR(pg_catalog.<>) b.file), \
         'wal_bytes', pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), {lsn})::pg_catalog.int8)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_is_waited_for_is_told_once_with_its_last_age() {
        let mut tally = Tally::default();
        for seen in
            ["pid 7 (psql, idle for 1 s)", "pid 71 (psql, idle for 1 s)", "pid 7 (psql, idle for 2 s)"]
        {
            tally.waited(Duration::from_millis(5), &[seen.to_owned()]);
        }
        let seen = tally.observed();
        assert_eq!(seen.waited_for, ["pid 7 (psql, idle for 2 s)", "pid 71 (psql, idle for 1 s)"]);
        assert_eq!(seen.lock_wait, Span(15));
    }
}
