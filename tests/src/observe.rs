//! What a statement really does: the relations that it locks, rewrites, scans and builds indexes on, observed on a
//! server. The statements are the corpus in `tests/truth` (see [`corpus`]).
//!
//! The statement runs in a transaction that is rolled back. Before the rollback, in the same transaction, these are
//! looked at and compared with what was there before it:
//!
//! - **Locks**: `pg_locks` of the session; only relations that were there before, by the names they had.
//! - **Rewrites**: a table or materialised view with another relfilenode. One that is empty after having had pages was
//!   *truncated* instead, which is quick and destroys rows.
//! - **Index builds**: an index with a relfilenode that no relation had before. ALTER COLUMN TYPE makes indexes anew
//!   under a new OID; where it keeps their files they have the old relfilenode and nothing was built. Those of a
//!   rewritten table are part of the rewrite, those of a truncated one cost nothing.
//! - **Scans**: the counter of sequential scans (`pg_stat_get_xact_numscans`), less those that index builds make.
//!
//! # What the counters count
//!
//! Each found by trying, the same on the majors 12, 14, 15, 16, 17 and 18:
//!
//! - A scan that ALTER TABLE makes to check rows counts one, however many constraints it checks.
//! - An index build counts one for each index, whatever the access method. For an exclusion constraint it counts two,
//!   and looks each row up in the index: the second pass compares the rows. All that is the build here.
//! - In a rewrite the table counts one for being read and one more for each of its indexes.
//! - Validating a foreign key runs an outer join of both tables. Each counts one, as a sequential scan of the table or
//!   as an index scan of one of its indexes, whichever the planner likes; so an index scan counts as a scan of its
//!   table. Where the referencing table has no row with a value in the column, the join does not read the referenced
//!   one: the only work seen here that depends on the rows.
//! - ANALYZE reads its sample without being counted.
//! - Each partition counts by itself; the partitioned table never does.
//!
//! Scans of statements that have a query in them (SELECT, INSERT, REFRESH, CREATE TABLE AS, …), or that call code (DO,
//! CALL), are that query's, and kept apart.
//!
//! **Not here:** what the analyser says of the same statement, and the comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, anyhow};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use self::corpus::Case;
use self::relations::{Kind, Oid, Relation};

pub use self::reset::reset;

pub mod corpus;
mod relations;
mod reset;

/// What a statement did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Whether it ran.
    pub outcome: Outcome,
    /// The strongest lock on each table, view, sequence and the like, by `schema.name`.
    pub locks: BTreeMap<String, Mode>,
    /// The strongest lock on each index.
    pub index_locks: BTreeMap<String, Mode>,
    /// Work that grows with a relation's size.
    pub work: BTreeSet<(String, Work)>,
    /// Tables that lost all their rows by a new, empty file.
    pub truncated: BTreeSet<String>,
    /// Tables that the statement's own query read, where it is one that has a query.
    pub query_scans: BTreeSet<String>,
}

/// Whether a statement ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Done,
    /// It cannot run in a transaction block; with the server's words.
    RefusedInTransaction(String),
    /// The server refused it.
    Refused {
        /// The SQLSTATE.
        sqlstate: String,
        /// The server's words.
        message: String,
    },
}

/// Work that grows with a relation's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// The relation's file is written anew, with all its indexes.
    Rewrite,
    /// Every row is read.
    Scan,
    /// An index of the table is built.
    Index,
}

/// The modes of table locks, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "PostgreSQL's own names")]
pub enum Mode {
    AccessShare,
    RowShare,
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    Exclusive,
    AccessExclusive,
}

impl Mode {
    const ALL: [Self; 8] = [
        Self::AccessShare,
        Self::RowShare,
        Self::RowExclusive,
        Self::ShareUpdateExclusive,
        Self::Share,
        Self::ShareRowExclusive,
        Self::Exclusive,
        Self::AccessExclusive,
    ];
}

/// As in pg_locks: `AccessExclusiveLock`.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}Lock")
    }
}

impl FromStr for Mode {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mode = Self::ALL.into_iter().find(|mode| mode.to_string() == text);
        mode.with_context(|| format!("no mode of a table lock: {text}"))
    }
}

impl Work {
    /// As in reports: `rewrite`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rewrite => "rewrite",
            Self::Scan => "scan",
            Self::Index => "index",
        }
    }
}

/// Runs the setup of `case` in the empty database of `client` (see [`reset`]), then observes its statement and rolls it back.
///
/// # Errors
/// The setup failed, or the server is gone.
pub async fn observe(client: &Client, case: &Case) -> anyhow::Result<Observed> {
    prepare(client, case).await?;
    statement(client, case).await
}

/// Runs the setup of `case` in the empty database of `client`.
///
/// # Errors
/// The setup failed, or the server is gone.
pub async fn prepare(client: &Client, case: &Case) -> anyhow::Result<()> {
    for statement in &case.setup {
        let done = client.batch_execute(statement).await.map_err(explained);
        done.with_context(|| format!("the setup failed at {statement}"))?;
    }
    Ok(())
}

/// Observes the statement of `case`, whose setup has run, and rolls it back.
///
/// # Errors
/// The server is gone.
pub async fn statement(client: &Client, case: &Case) -> anyhow::Result<Observed> {
    client.batch_execute("BEGIN").await?;
    let before = relations::all(client).await?;
    let observed = match client.batch_execute(&case.run).await {
        Ok(()) => after(client, case, &before).await?,
        Err(error) => Observed::nothing(refusal(&error)?),
    };
    client.batch_execute("ROLLBACK").await?;
    Ok(observed)
}

/// Whether the statement ended as its case says: it was refused in the words of the case, or ran (outside of a
/// transaction at least) where the case has none. `Err` says what happened instead.
///
/// # Errors
/// It ended otherwise, or the regular expression is none.
pub async fn expected(client: &Client, case: &Case, observed: &Observed) -> anyhow::Result<()> {
    let matches = match (&case.refused, &observed.outcome) {
        (None, Outcome::Done | Outcome::RefusedInTransaction(_)) => true,
        (Some(regex), Outcome::Refused { message, .. } | Outcome::RefusedInTransaction(message)) => {
            client.query_one("SELECT $1::text ~ $2::text", &[message, regex]).await?.try_get(0)?
        }
        (Some(_), Outcome::Done) | (None, Outcome::Refused { .. }) => false,
    };
    matches.then_some(()).with_context(|| format!("unexpected: {:?}", observed.outcome))
}

impl Observed {
    fn nothing(outcome: Outcome) -> Self {
        Self {
            outcome,
            locks: BTreeMap::new(),
            index_locks: BTreeMap::new(),
            work: BTreeSet::new(),
            truncated: BTreeSet::new(),
            query_scans: BTreeSet::new(),
        }
    }
}

fn refusal(error: &tokio_postgres::Error) -> anyhow::Result<Outcome> {
    let error = error.as_db_error().with_context(|| format!("the server is gone: {error}"))?;
    let message = error.message().to_owned();
    Ok(if *error.code() == SqlState::ACTIVE_SQL_TRANSACTION {
        Outcome::RefusedInTransaction(message)
    } else {
        Outcome::Refused { sqlstate: error.code().code().to_owned(), message }
    })
}

/// The server's words, which the driver keeps apart.
fn explained(error: tokio_postgres::Error) -> anyhow::Error {
    let words = error.as_db_error().map(ToString::to_string);
    words.map_or_else(|| error.into(), |words| anyhow!(words))
}

async fn after(client: &Client, case: &Case, before: &BTreeMap<Oid, Relation>) -> anyhow::Result<Observed> {
    let mut observed = Observed::nothing(Outcome::Done);
    for (oid, mode) in relations::locks(client).await? {
        let Some(relation) = before.get(&oid) else { continue };
        let locks = if relation.is_index() { &mut observed.index_locks } else { &mut observed.locks };
        locks.insert(relation.name.clone(), mode);
    }
    // Before anything else is read: reading the catalogs must not count.
    let scans = relations::scans(client, &before.keys().copied().collect::<Vec<_>>()).await?;
    let after = relations::all(client).await?;
    for (oid, old) in before.iter().filter(|(_, old)| old.kind == Kind::Stored) {
        let replaced = after.get(oid).is_some_and(|new| new.filenode != old.filenode);
        let emptied = after.get(oid).is_some_and(|new| new.bytes == 0) && (old.bytes > 0 || truncates(case));
        if replaced && emptied {
            observed.truncated.insert(old.name.clone());
        } else if replaced {
            observed.work.insert((old.name.clone(), Work::Rewrite));
        } else {
            let built: Vec<_> = built(*oid, before, &after).collect();
            let passes = Passes { built: needed(&built), counted: scanned(*oid, before, &scans, &built) };
            note(&mut observed, case, &old.name, passes);
        }
    }
    Ok(observed)
}

/// Passes over one table: those that index builds need, and all that were counted.
struct Passes {
    built: i64,
    counted: i64,
}

fn note(observed: &mut Observed, case: &Case, name: &str, passes: Passes) {
    if passes.built > 0 {
        observed.work.insert((name.to_owned(), Work::Index));
    }
    if passes.counted > passes.built {
        if has_query(case) {
            observed.query_scans.insert(name.to_owned());
        } else {
            observed.work.insert((name.to_owned(), Work::Scan));
        }
    }
}

/// The indexes built on `table`.
fn built<'a>(
    table: Oid,
    before: &BTreeMap<Oid, Relation>,
    after: &'a BTreeMap<Oid, Relation>,
) -> impl Iterator<Item = (Oid, &'a Relation)> {
    let files: BTreeSet<Oid> = before.values().map(|relation| relation.filenode).collect();
    let new = after.iter().filter(move |(_, index)| index.filenode != 0 && !files.contains(&index.filenode));
    new.filter(move |(_, index)| index.is_index_of(table)).map(|(oid, index)| (*oid, index))
}

/// The passes over the table that building these indexes needed.
fn needed(built: &[(Oid, &Relation)]) -> i64 {
    let second = |index: &Relation| matches!(index.kind, Kind::Index { exclusion: true, .. });
    built.iter().map(|(_, index)| 1 + i64::from(second(index))).sum()
}

/// The scans of `table` and of its indexes that were counted. Not those of an index that was built anew: the check of
/// an exclusion constraint looks each row up in it.
fn scanned(
    table: Oid,
    before: &BTreeMap<Oid, Relation>,
    scans: &BTreeMap<Oid, i64>,
    built: &[(Oid, &Relation)],
) -> i64 {
    let counts = |oid: &Oid, relation: &Relation| {
        *oid == table || relation.is_index_of(table) && built.iter().all(|(built, _)| built != oid)
    };
    let relations = before.iter().filter(|(oid, relation)| counts(oid, relation));
    relations.map(|(oid, relation)| scans.get(oid).copied().unwrap_or(0) - relation.scans).sum()
}

/// Whether the scans of the statement are those of a query that is in it.
fn has_query(case: &Case) -> bool {
    const KINDS: [&str; 12] = [
        "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "COPY", "EXPLAIN", "DECLARE", "REFRESH",
        "CALL", "DO",
    ];
    const QUERIES: [&str; 5] = ["SELECT", "TABLE", "VALUES", "WITH", "EXECUTE"];
    let upper = case.run.to_uppercase();
    let words: Vec<_> = upper.split_whitespace().collect();
    let makes = words.windows(2).any(|two| matches!(two, ["AS", query] if QUERIES.contains(query)));
    words.first().is_some_and(|first| KINDS.contains(first) || *first == "CREATE" && makes)
}

fn truncates(case: &Case) -> bool {
    case.run.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("TRUNCATE"))
}
