//! A foreign key whose columns no index starts with.

use super::scope::{added_key, same_columns};
use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{ConstraintKind, Index, RelId};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, Expr};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "fk-without-index",
        title: "deletes and key updates on the referenced table scan the referencing one",
        severity: Severity::Medium,
        page: include_str!("../../hazards/fk-without-index/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for change in context.changes() {
        let Change::ConstraintAdded { table, constraint, .. } = change else { continue };
        let ConstraintKind::Foreign { columns, to, .. } = &constraint.kind else { continue };
        let temporary = context
            .relation(*table)
            .is_none_or(|table| table.persistence == crate::catalog::Persistence::Temporary || table.partial);
        if temporary || has_index(context, *table, columns) || gets_index(context, *table, columns) {
            continue;
        }
        let (name, other) = (context.old_name(*table), context.old_name(*to));
        let message = format!(
            "deletes and key updates on {other} read all of {name}: no index starts with {}",
            columns.join(", ")
        );
        found.push(Found::new(name, message));
    }
    found
}

fn has_index(context: &Context<'_>, table: RelId, columns: &[String]) -> bool {
    let serves = |index: &Index| {
        let keys: Option<Vec<String>> =
            index.keys.get(..columns.len()).map(|keys| keys.iter().filter_map(column).collect());
        index.valid
            && index.predicate.is_none()
            && matches!(index.method.as_str(), "btree" | "hash")
            && keys.is_some_and(|keys| same_columns(&keys, columns))
    };
    context.relation(table).is_some_and(|table| table.indexes.iter().any(serves))
}

fn column(key: &crate::catalog::IndexKey) -> Option<String> {
    match &key.key {
        crate::catalog::Key::Column(name) => Some(name.clone()),
        crate::catalog::Key::Expression(_) => None,
    }
}

/// Whether a later statement makes one.
fn gets_index(context: &Context<'_>, table: RelId, columns: &[String]) -> bool {
    let Some(name) = context.relation(table).map(|table| &table.name) else { return false };
    let index = context.following(&name.name).into_iter().any(|ast| {
        let Ast::CreateIndex(made) = ast else { return false };
        let keys: Option<Vec<String>> = made.elements.get(..columns.len()).map(|elements| {
            let plain = elements.iter().filter_map(|element| match &element.key {
                Expr::Column(path) => path.last().cloned(),
                _ => None,
            });
            plain.collect()
        });
        context.after.full_name(&made.table) == *name
            && made.predicate.is_none()
            && keys.is_some_and(|keys| same_columns(&keys, columns))
    });
    index
        || context.later_actions(table).any(|action| {
            added_key(action)
                .and_then(|(_, key)| key.get(..columns.len()))
                .is_some_and(|key| same_columns(key, columns))
        })
}
