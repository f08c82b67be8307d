//! A column that cannot be changed because another is computed from it.

use super::{Context, Found, HazardInfo, Rule, column_change};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "depends-on-generated-column",
        title: "the column cannot be changed because a generated column uses it",
        severity: Severity::Medium,
        page: include_str!("../../hazards/depends-on-generated-column/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if context.effects.fails.is_none() {
        return Vec::new();
    }
    let found = column_change::refusable(context).into_iter().filter_map(|change| {
        let table = context.relation(change.table)?;
        let generated = table.columns.iter().find(|other| {
            let expression = other.generated.as_ref().map(|generated| &generated.expression);
            other.name != change.column
                && expression.is_some_and(|expression| {
                    expression
                        .column_paths()
                        .iter()
                        .any(|path| path.last().is_some_and(|n| n == change.column))
                })
        })?;
        let column = context.column(change.table, change.column);
        let message = format!("{} {column}: {} is computed from it", change.refusal(), generated.name);
        Some(Found::new(column, message))
    });
    found.collect()
}
