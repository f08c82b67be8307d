//! DROP COLUMN of a part of a constraint.

use super::drop_column_drops_index::dropped_columns;
use super::scope::listed;
use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::ConstraintKind;
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-column-drops-constraint",
        title: "dropping the column silently drops a constraint over several columns",
        severity: Severity::Medium,
        page: include_str!("../../hazards/drop-column-drops-constraint/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for change in context.changes() {
        let Change::ConstraintDropped { table, constraint, implied: true } = change else { continue };
        let dropped = dropped_columns(context, *table);
        let mut others: Vec<String> =
            constraint.columns().into_iter().filter(|column| !dropped.contains(column)).collect();
        others.sort();
        others.dedup();
        let counts = !matches!(constraint.kind, ConstraintKind::NotNull { .. });
        if counts && context.is_old(*table) && !dropped.is_empty() && !others.is_empty() {
            let table = context.old_name(*table);
            let message = format!(
                "the constraint {} on {table} goes too, which is also about {}",
                constraint.name,
                listed(&others)
            );
            found.push(Found::new(table, message));
        }
    }
    found
}
