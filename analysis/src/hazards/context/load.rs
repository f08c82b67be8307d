//! The work of a statement, put together as people see it: a table with its partitions is one thing.

use super::{Context, Found};
use crate::catalog::RelId;
use crate::report::{LockMode, WorkKind};
use crate::simulate::Cause;

/// Tables with fewer rows are gone through in no time.
const FEW_ROWS: u64 = 1000;

/// How many tables a message names.
const NAMED: usize = 3;

/// All work that a statement does for one reason.
#[derive(Debug, Clone)]
pub(crate) struct Load<'a> {
    pub(crate) kind: WorkKind,
    pub(crate) cause: &'a Cause,
    /// The tables, partitions counted to the table above them, each with how many relations it has.
    pub(crate) tables: Vec<(String, usize)>,
    /// The strongest lock on any of them.
    pub(crate) lock: Option<LockMode>,
    /// Together, when all are known.
    pub(crate) rows: Option<u64>,
}

impl Load<'_> {
    /// The table that it is about.
    pub(crate) fn object(&self) -> String {
        self.tables.first().map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// The tables, in words.
    pub(crate) fn subject(&self) -> String {
        let mut named: Vec<String> = self
            .tables
            .iter()
            .take(NAMED)
            .map(|(name, relations)| match relations {
                0 | 1 => name.clone(),
                more => format!("{name} with its {more} partitions"),
            })
            .collect();
        if self.tables.len() > NAMED {
            named.push(format!("{} more", self.tables.len() - NAMED));
        }
        let last = named.pop().unwrap_or_default();
        if named.is_empty() { last } else { format!("{} and {last}", named.join(", ")) }
    }

    /// What is done to them, in words.
    pub(crate) fn done(&self) -> &'static str {
        let several = self.tables.len() > 1;
        match (self.kind, several) {
            (WorkKind::Rewrite, false) => "is written anew",
            (WorkKind::Rewrite, true) => "are written anew",
            (WorkKind::Scan, false) => "is read from end to end",
            (WorkKind::Scan, true) => "are read from end to end",
            (WorkKind::Index, false) => "gets an index built",
            (WorkKind::Index, true) => "get an index built",
        }
    }

    /// Whether the words of the cause say what is done.
    fn says_it(&self) -> bool {
        let whole_table = matches!(
            self.cause,
            Cause::SetLogged
                | Cause::SetUnlogged
                | Cause::SetAccessMethod
                | Cause::SetTablespace
                | Cause::VacuumFull
                | Cause::Cluster
        );
        whole_table || self.kind == WorkKind::Index
    }

    /// A finding that says so, milder for a table that is known to be small.
    pub(crate) fn found(&self) -> Found {
        let about = self.rows.filter(|rows| *rows > 0).map(|rows| format!(" (about {rows} rows)"));
        let waits = match self.lock {
            Some(mode) if mode.blocks_reads() => "; reads and writes wait",
            Some(mode) if mode.blocks_writes() => "; writes wait",
            Some(_) | None => "",
        };
        let (subject, about) = (self.subject(), about.unwrap_or_default());
        let done = if self.says_it() { String::new() } else { format!(" {}", self.done()) };
        let message = format!("{subject}{about}{done}: {}{waits}", self.cause);
        let found = Found { waits: true, ..Found::new(self.object(), message) };
        if self.rows.is_some_and(|rows| rows < FEW_ROWS) { found.milder() } else { found }
    }
}

impl<'a> Context<'a> {
    /// The work whose cause passes, on relations that were there before the script and are not known
    /// to be empty.
    pub(crate) fn loads(&self, test: impl Fn(&Cause) -> bool) -> Vec<Load<'a>> {
        let mut found: Vec<Load<'a>> = Vec::new();
        for job in self.effects.jobs.iter().filter(|job| test(&job.cause)) {
            if job.relation.id.is_some_and(|id| !self.exists(id) || self.is_empty(id)) {
                continue;
            }
            let (table, lock, rows) = match job.relation.id {
                Some(id) => (self.name(self.above(id, &job.cause)), self.lock(id), self.rows(id)),
                None => (job.relation.name.to_string(), None, None),
            };
            let Some(load) = found.iter_mut().find(|load| load.cause == &job.cause) else {
                let tables = vec![(table, 1)];
                found.push(Load { kind: job.kind, cause: &job.cause, tables, lock, rows });
                continue;
            };
            load.lock = load.lock.max(lock);
            load.rows = load.rows.zip(rows).map(|(all, more)| all.saturating_add(more));
            match load.tables.iter_mut().find(|(name, _)| *name == table) {
                Some((_, relations)) => *relations += 1,
                None => load.tables.push((table, 1)),
            }
        }
        if found.iter().any(|load| load.tables.len() > 1) {
            let target = self.target().map(|id| self.name(id));
            for load in &mut found {
                // What the statement names comes first.
                load.tables.sort_by_key(|(name, _)| Some(name) != target.as_ref());
            }
        }
        found
    }

    /// One finding for each reason for work that passes.
    pub(crate) fn by_cause(&self, test: impl Fn(&Cause) -> bool) -> Vec<Found> {
        self.loads(test).iter().map(Load::found).collect()
    }

    /// Whether a relation is known to have no rows.
    pub(crate) fn is_empty(&self, id: RelId) -> bool {
        self.rows(id) == Some(0)
    }

    /// How many rows a relation has, when that is known.
    pub(crate) fn rows(&self, id: RelId) -> Option<u64> {
        self.after.get(id)?.size?.rows
    }

    /// The topmost table over a partition or child that the statement locks as well.
    fn above(&self, id: RelId, cause: &Cause) -> RelId {
        let on_its_own = matches!(
            cause,
            Cause::AttachPartition { .. }
                | Cause::AttachPartitionIndex { .. }
                | Cause::AttachPartitionForeignKey { .. }
                | Cause::DefaultPartition { .. }
        );
        let mut at = id;
        while let Some(parent) = self.parent(at).filter(|parent| !on_its_own && self.lock(*parent).is_some())
        {
            at = parent;
        }
        at
    }

    /// The table that a table is a partition or child of.
    pub(crate) fn parent(&self, id: RelId) -> Option<RelId> {
        let inheritance = &self.after.get(id)?.inheritance;
        let partitioned = inheritance.partition.as_ref().map(|partition| partition.parent);
        partitioned.or_else(|| inheritance.parents.first().copied())
    }
}
