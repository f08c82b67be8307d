//! Locks: whom they keep waiting, and for how long.

use super::{Context, Found};
use crate::catalog::{RelId, RelationKind};
use crate::report::{LockMode, Severity};
use crate::syntax::{AlterAction, Ast, NewConstraint, NewConstraintKind, Write, WriteKind};

impl Context<'_> {
    /// The table that the statement names first.
    pub(crate) fn target(&self) -> Option<RelId> {
        let name = match self.ast {
            Ast::AlterTable(alter) => Some(&alter.relation),
            Ast::CreateIndex(create) => Some(&create.table),
            other => writes(other).first().map(|write| &write.table),
        };
        self.named(name?)
    }

    /// How grave it is that a lock is waited for, and for how long that may be: nothing where a
    /// lock_timeout is in force, and no more than low where nobody knows.
    pub(crate) fn without_end(&self, base: Severity) -> Option<(Severity, &'static str)> {
        match self.settings.lock_timeout {
            Some(0) => Some((base, "without end, as lock_timeout is 0")),
            Some(_) => None,
            None => Some((
                base.min(Severity::Low),
                "without end unless lock_timeout is set, which pgbelay does and other tools do not",
            )),
        }
    }

    /// A lock that is held for a moment only, but may be waited for without end, by everybody.
    pub(crate) fn queued(&self, table: RelId, base: Severity) -> Option<Found> {
        let mode = self.lock(table).filter(|_| self.exists(table))?;
        let (severity, how_long) = self.without_end(base)?;
        let who = if mode.blocks_reads() { "reads and writes" } else { "writes" };
        let (name, words) = (self.name(table), self.kind.words());
        let message = format!(
            "{words} takes {} on {name}: while it waits for its turn, {who} wait behind it, {how_long}",
            mode.as_str()
        );
        Some(Found::new(name, message).as_grave_as(severity))
    }

    /// Existing relations that the statement locks at least so strongly.
    pub(crate) fn locked(&self, at_least: LockMode) -> impl Iterator<Item = (RelId, LockMode)> + '_ {
        let known = self.effects.locks.iter().filter_map(|(subject, mode)| Some((subject.id?, *mode)));
        known.filter(move |(id, mode)| *mode >= at_least && self.exists(*id))
    }

    /// The partitioned table, or the one with children, that a table belongs to; else itself.
    pub(crate) fn root(&self, id: RelId) -> RelId {
        let mut at = id;
        while let Some(parent) = self.parent(at) {
            at = parent;
        }
        at
    }

    /// Whether a relation is a partitioned table.
    pub(crate) fn is_partitioned(&self, id: RelId) -> bool {
        self.after.get(id).is_some_and(|relation| relation.kind == RelationKind::Partitioned)
    }

    /// Whether a statement that goes through rows follows in the same transaction, as far as its text
    /// tells.
    pub(crate) fn work_follows(&self) -> bool {
        self.inside && self.rest.iter().take_while(|ast| !super::super::alone::runs_alone(ast)).any(works)
    }
}

/// What a statement writes, if it is about rows.
pub(crate) fn writes(ast: &Ast) -> &[Write] {
    if let Ast::Dml(dml) = ast { &dml.writes } else { &[] }
}

fn works(ast: &Ast) -> bool {
    if let Ast::AlterTable(alter) = ast {
        return alter.actions.iter().any(|action| {
            let checks = |added: &NewConstraint| {
                !added.not_valid && !matches!(added.kind, NewConstraintKind::UsingIndex { .. })
            };
            matches!(
                action,
                AlterAction::AlterType { .. }
                    | AlterAction::SetNotNull { .. }
                    | AlterAction::ValidateConstraint { .. }
            ) || matches!(action, AlterAction::AddConstraint(added) if checks(added))
        });
    }
    let many = |write: &Write| write.kind != WriteKind::Insert || !write.values_only;
    writes(ast).iter().any(many)
        || matches!(ast, Ast::Refresh { .. } | Ast::Cluster { .. } | Ast::Reindex(_))
        || matches!(ast, Ast::Copy(copy) if copy.from)
}
