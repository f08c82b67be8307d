//! DROP INDEX.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{Index, Key, RelId};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, Expr};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-index",
        title: "queries that use the index become slow",
        severity: Severity::Medium,
        page: include_str!("../../hazards/drop-index/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for change in context.changes() {
        let Change::IndexDropped { table, index, implied: false, .. } = change else { continue };
        let old = context.is_old(*table) && !context.is_new_index(*table, &index.name);
        if old && index.valid && !is_covered(context, *table, index) && !is_made_again(context, *table, index)
        {
            let name = context.old_name(*table);
            let also = if index.unique { ", and nothing keeps duplicates out" } else { "" };
            let message = format!("queries on {name} that use {} become slow{also}", index.name);
            found.push(Found::new(name, message));
        }
    }
    found
}

/// Whether another index does the same work.
fn is_covered(context: &Context<'_>, table: RelId, index: &Index) -> bool {
    context.relation(table).is_some_and(|table| {
        table.indexes.iter().any(|other| {
            other.valid
                && other.method == index.method
                && other.predicate == index.predicate
                && other.keys.starts_with(&index.keys)
                && (!index.unique || other.unique && other.keys.len() == index.keys.len())
        })
    })
}

/// Whether a later statement makes an index with these keys.
fn is_made_again(context: &Context<'_>, table: RelId, index: &Index) -> bool {
    let Some(table) = context.relation(table) else { return false };
    context.rest.iter().any(|ast| {
        let Ast::CreateIndex(made) = ast else { return false };
        let keys =
            made.elements.iter().zip(&index.keys).all(|(element, key)| match (&element.key, &key.key) {
                (Expr::Column(path), Key::Column(name)) => path.last() == Some(name),
                (expression, Key::Expression(of)) => expression == of,
                (_, Key::Column(_)) => false,
            });
        context.after.full_name(&made.table) == table.name
            && made.elements.len() >= index.keys.len()
            && keys
            && made.predicate == index.predicate
            && (!index.unique || made.unique && made.elements.len() == index.keys.len())
    })
}
