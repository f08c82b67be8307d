//! ALTER TABLE after writes that deferred constraints still have to look at.

use super::{Context, Found, HazardInfo, Rule, alone};
use crate::catalog::{Constraint, ConstraintKind, RelId};
use crate::report::Severity;
use crate::syntax::{Ast, ObjectKind, Write, WriteKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "pending-trigger-events",
        title: "ALTER TABLE fails after writes whose constraints are still deferred",
        severity: Severity::Medium,
        page: include_str!("../../hazards/pending-trigger-events/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if !context.inside || alone::concurrently(context.ast).is_some() {
        return Vec::new();
    }
    let found = altered(context).into_iter().filter_map(|table| {
        let written = context.transaction.written.get(&table)?;
        let key = written.iter().find_map(|write| deferred(context, table, write))?;
        let name = context.name(table);
        let message = format!(
            "rows of {name} were written in this transaction and {key} is checked at its end: the server refuses \
             {} until then",
            context.kind.words()
        );
        Some(Found::new(name, message))
    });
    found.collect()
}

/// The tables for which the server looks at pending events.
fn altered(context: &Context<'_>) -> Vec<RelId> {
    let named = match context.ast {
        Ast::AlterTable(alter) => context.named(&alter.relation),
        Ast::CreateIndex(create) => context.named(&create.table),
        Ast::Cluster { table: Some(table), .. } => context.named(table),
        Ast::Truncate(truncate) => {
            return truncate.tables.iter().filter_map(|(name, _)| context.named(name)).collect();
        }
        Ast::Drop(drop) if drop.kind == ObjectKind::Table => {
            return context.effects.locks.keys().filter_map(|subject| subject.id).collect();
        }
        _ => None,
    };
    named.into_iter().collect()
}

/// The constraint that waits for the end of the transaction to look at such a write.
fn deferred(context: &Context<'_>, table: RelId, write: &Write) -> Option<String> {
    let waits = |c: &Constraint| {
        c.enforced && (c.initially_deferred || (c.deferrable && context.transaction.deferred))
    };
    let names = |columns: &[String]| columns.iter().any(|column| write.columns.contains(column));
    let own = context.relation(table)?.constraints.iter().find(|constraint| {
        let new_values = match write.kind {
            WriteKind::Insert | WriteKind::Merge => true,
            WriteKind::Update => names(&constraint.columns()),
            WriteKind::Delete => false,
        };
        let kind = matches!(
            constraint.kind,
            ConstraintKind::Foreign { .. } | ConstraintKind::Unique { .. } | ConstraintKind::Exclude { .. }
        );
        kind && waits(constraint) && new_values
    });
    if let Some(own) = own {
        return Some(own.name.clone());
    }
    context.after.dependents_of(table).into_iter().find_map(|other| {
        let other = context.relation(other)?;
        let key = other.constraints.iter().find(|constraint| {
            let ConstraintKind::Foreign { to, to_columns, .. } = &constraint.kind else { return false };
            let old_values = match write.kind {
                WriteKind::Delete | WriteKind::Merge => true,
                WriteKind::Update => names(to_columns),
                WriteKind::Insert => false,
            };
            *to == table && waits(constraint) && old_values
        })?;
        Some(format!("{} of {}", key.name, other.name))
    })
}
