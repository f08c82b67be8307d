//! What a statement locks, works on, destroys and breaks, gathered while it is carried out.

use std::collections::BTreeMap;

use super::{Cause, Change};
use crate::catalog::{Name, RelId};
use crate::report::{Breakage, LockMode, Loss, WorkKind};

/// A relation in the words before the statement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    pub(crate) name: Name,
    /// Absent for what is in no catalog.
    pub(crate) id: Option<RelId>,
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Job {
    pub(crate) relation: Subject,
    pub(crate) kind: WorkKind,
    pub(crate) cause: Cause,
}

/// Everything that one statement does.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Effects {
    pub(crate) locks: BTreeMap<Subject, LockMode>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) losses: Vec<Loss>,
    pub(crate) breaks: Vec<Breakage>,
    pub(crate) changes: Vec<Change>,
    pub(crate) unknown: Vec<String>,
    /// What the server would say instead.
    pub(crate) fails: Option<String>,
    /// The oldest server that knows this, when it is newer than the one asked for.
    pub(crate) needs: Option<u32>,
    /// The server refuses it in a transaction, which its text alone does not tell.
    pub(crate) never_in_transaction: Option<String>,
}

impl Effects {
    /// Adds a lock; the strongest counts.
    pub(crate) fn lock(&mut self, relation: Subject, mode: LockMode) {
        let held = self.locks.entry(relation).or_insert(mode);
        *held = (*held).max(mode);
    }

    /// Adds a fact that is missing.
    pub(crate) fn unknown(&mut self, what: String) {
        if !self.unknown.contains(&what) {
            self.unknown.push(what);
        }
    }

    /// The first failure counts.
    pub(crate) fn fail(&mut self, why: String) {
        self.fails.get_or_insert(why);
    }

    /// Whether a relation is written anew.
    pub(crate) fn rewrites(&self, id: RelId) -> bool {
        self.jobs.iter().any(|job| job.kind == WorkKind::Rewrite && job.relation.id == Some(id))
    }

    /// Leaves out what a rewrite of the same relation does anyhow, and repetitions.
    pub(crate) fn settle(&mut self) {
        let rewritten: Vec<Subject> = self
            .jobs
            .iter()
            .filter(|job| job.kind == WorkKind::Rewrite)
            .map(|job| job.relation.clone())
            .collect();
        self.jobs.retain(|job| job.kind == WorkKind::Rewrite || !rewritten.contains(&job.relation));
        self.jobs.sort();
        self.jobs.dedup();
        self.losses.sort();
        self.losses.dedup();
        self.breaks.sort();
        self.breaks.dedup();
    }
}
