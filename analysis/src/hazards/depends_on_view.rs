//! A column or table that cannot be changed because of a view.

use super::{Context, Found, HazardInfo, Rule, column_change};
use crate::catalog::RelId;
use crate::report::Severity;
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "depends-on-view",
        title: "the column cannot be changed because a view uses it",
        severity: Severity::Medium,
        page: include_str!("../../hazards/depends-on-view/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if context.effects.fails.is_none() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for change in column_change::refusable(context) {
        if let Some(view) = view_over(context, change.table, Some(change.column)) {
            let column = context.column(change.table, change.column);
            found.push(Found::new(column.clone(), format!("{} {column}: {view} reads it", change.refusal())));
        }
    }
    if let Ast::Drop(drop) = context.ast
        && drop.kind == ObjectKind::Table
        && !drop.cascade
    {
        for table in drop.names.iter().filter_map(|name| context.named(&name.name)) {
            if let Some(view) = view_over(context, table, None) {
                let name = context.name(table);
                found.push(Found::new(
                    name.clone(),
                    format!("the server refuses to drop {name}: {view} reads it"),
                ));
            }
        }
    }
    found
}

fn view_over(context: &Context<'_>, table: RelId, column: Option<&str>) -> Option<String> {
    context.after.dependents_of(table).into_iter().find_map(|other| {
        let other = context.relation(other)?;
        let rules = other.rules.iter().flat_map(|rule| &rule.uses);
        let reads =
            other.reads.iter().chain(rules).any(|used| {
                used.relation == table && column.is_none_or(|column| used.columns.contains(column))
            });
        reads.then(|| other.name.to_string())
    })
}
