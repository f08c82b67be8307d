//! What a rule may look at: one statement, what it did, and the transaction around it.

mod load;
mod locks;

use std::collections::{BTreeMap, BTreeSet};

use crate::StatementKind;
use crate::catalog::{Catalog, Persistence, RelId, Relation, Server, Settings};
use crate::report::{LockMode, Severity};
use crate::simulate::{Change, Effects};
use crate::syntax::{Ast, QName, Write};

use super::{Ahead, Behind};

pub(crate) use locks::writes;

/// The transaction that a statement runs in, before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transaction {
    /// The strongest lock on each relation that was there before the script.
    pub(crate) held: BTreeMap<RelId, LockMode>,
    /// Constraints that it added NOT VALID: table and name.
    pub(crate) not_valid: BTreeSet<(RelId, String)>,
    /// Labels that it added to enums: type and label.
    pub(crate) labels: BTreeSet<(String, String)>,
    /// Tables that it altered, with the place of the last statement that did.
    pub(crate) altered: BTreeMap<RelId, usize>,
    /// Columns that it added, by table.
    pub(crate) columns: BTreeSet<(RelId, String)>,
    /// Indexes that it made, by table.
    pub(crate) indexes: BTreeSet<(RelId, String)>,
    /// Rows that it wrote, of relations that were there before the script.
    pub(crate) written: BTreeMap<RelId, Vec<Write>>,
    /// SET CONSTRAINTS … DEFERRED was in it.
    pub(crate) deferred: bool,
    /// The place of its first statement.
    pub(crate) first: usize,
}

/// One statement and everything around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) ast: &'a Ast,
    pub(crate) kind: StatementKind,
    /// The statement as written.
    pub(crate) text: &'a str,
    /// What it did; names in it are those before it.
    pub(crate) effects: &'a Effects,
    /// Relations that it changed or took away, as they were before.
    pub(crate) past: &'a BTreeMap<RelId, std::sync::Arc<Relation>>,
    /// The schema after it.
    pub(crate) after: &'a Catalog,
    /// The session's settings before it.
    pub(crate) settings: &'a Settings,
    pub(crate) server: Server,
    /// Relations that the script has made up to and with this statement.
    pub(crate) born: &'a BTreeSet<RelId>,
    /// What the transaction did before it. Empty for a statement that runs outside of one.
    pub(crate) transaction: &'a Transaction,
    /// Whether it runs in a transaction.
    pub(crate) inside: bool,
    /// The statements that came before it.
    pub(crate) before: &'a [Ast],
    /// The statements that follow.
    pub(crate) rest: &'a [Ast],
    /// All statements of the script by the names that they speak of.
    pub(crate) ahead: &'a Ahead,
    /// What the statements before it have made.
    pub(crate) behind: &'a Behind,
    /// What the script's statements have changed before this one.
    pub(crate) earlier: &'a [Change],
    /// The hazards that the script's statements had before this one.
    pub(crate) said: &'a BTreeSet<String>,
}

/// What a rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// What it is about, with its schema; a column as `public.orders.note`.
    pub(crate) object: Option<String>,
    /// Absent: that of the rule.
    pub(crate) severity: Option<Severity>,
    /// So many steps less grave than that.
    pub(crate) milder: u8,
    /// What happens here, a sentence without a full stop.
    pub(crate) message: String,
    /// Whether it is about the time that work takes.
    pub(crate) waits: bool,
}

impl Found {
    /// With the rule's own severity.
    pub(crate) fn new(object: impl Into<String>, message: impl Into<String>) -> Self {
        Self { object: Some(object.into()), ..Self::of_all(message) }
    }

    /// About no object that has a name here.
    pub(crate) fn of_all(message: impl Into<String>) -> Self {
        Self { object: None, severity: None, milder: 0, message: message.into(), waits: false }
    }

    /// With another severity than the rule's.
    #[expect(clippy::wrong_self_convention, reason = "it reads as a sentence")]
    pub(crate) const fn as_grave_as(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// One step less grave.
    pub(crate) const fn milder(mut self) -> Self {
        self.milder += 1;
        self
    }

    /// How grave it is for a rule of that severity.
    pub(crate) fn gravity(&self, of_rule: Severity) -> Severity {
        let full = self.severity.unwrap_or(of_rule);
        (0..self.milder).fold(full, |severity, _| match severity {
            Severity::High => Severity::Medium,
            Severity::Medium => Severity::Low,
            Severity::Low | Severity::Info => Severity::Info,
        })
    }
}

impl<'a> Context<'a> {
    /// Whether a relation was there before the script: others can be waiting for it.
    /// Temporary ones are nobody else's.
    pub(crate) fn exists(&self, id: RelId) -> bool {
        let temporary =
            self.after.get(id).is_some_and(|relation| relation.persistence == Persistence::Temporary);
        !temporary && !self.born.contains(&id)
    }

    /// The relation that a statement names, as it is after the statement.
    pub(crate) fn named(&self, name: &QName) -> Option<RelId> {
        self.after.relation(name).found()
    }

    /// A relation as it is after the statement, if it still is.
    pub(crate) fn relation(&self, id: RelId) -> Option<&'a Relation> {
        self.after.get(id)
    }

    /// The name of a relation before the statement, as far as that is known.
    pub(crate) fn name(&self, id: RelId) -> String {
        let locked = self.effects.locks.keys().find(|subject| subject.id == Some(id));
        match locked {
            Some(subject) => subject.name.to_string(),
            None => self.after.get(id).map(|relation| relation.name.to_string()).unwrap_or_default(),
        }
    }

    /// The statements that follow and speak of a name, whatever its schema. Of a name that needs quotes,
    /// all that follow.
    pub(crate) fn following(&self, name: &str) -> Vec<&'a Ast> {
        if name.contains('"') {
            return self.rest.iter().collect();
        }
        let bare = name.rsplit('.').next().unwrap_or(name);
        let here = self.before.len();
        let places = self.ahead.after(here, bare).iter();
        places.filter_map(|place| self.rest.get(place - here - 1)).collect()
    }

    /// The name of a column.
    pub(crate) fn column(&self, table: RelId, column: &str) -> String {
        format!("{}.{column}", self.name(table))
    }

    /// The lock that the statement takes on a relation.
    pub(crate) fn lock(&self, id: RelId) -> Option<LockMode> {
        self.effects.locks.iter().find(|(subject, _)| subject.id == Some(id)).map(|(_, mode)| *mode)
    }

    /// What the statement changed.
    pub(crate) fn changes(&self) -> impl Iterator<Item = &'a Change> + '_ {
        self.effects.changes.iter()
    }

    /// Whether a lock_timeout is in force: PostgreSQL's default is none.
    pub(crate) fn has_lock_timeout(&self) -> bool {
        self.settings.lock_timeout.is_some_and(|timeout| timeout > 0)
    }

    /// Whether a statement_timeout is in force.
    pub(crate) fn has_statement_timeout(&self) -> bool {
        self.settings.statement_timeout.is_some_and(|timeout| timeout > 0)
    }
}
