//! DROP COLUMN of a part of an index.

use super::scope::listed;
use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::RelId;
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-column-drops-index",
        title: "dropping the column silently drops an index that covers others too",
        severity: Severity::Medium,
        page: include_str!("../../hazards/drop-column-drops-index/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for change in context.changes() {
        let Change::IndexDropped { table, index, implied: true, .. } = change else { continue };
        let dropped = dropped_columns(context, *table);
        let mut others: Vec<String> =
            index.columns().into_iter().filter(|column| !dropped.contains(column)).collect();
        others.sort();
        others.dedup();
        let known = context.is_old(*table) && !index.constraint && !context.is_new_index(*table, &index.name);
        if known && !others.is_empty() && !dropped.is_empty() {
            let table = context.old_name(*table);
            let message = format!(
                "the index {} on {table} goes too, which also serves {}",
                index.name,
                listed(&others)
            );
            found.push(Found::new(table, message));
        }
    }
    found
}

/// Columns of a table that the statement drops.
pub(super) fn dropped_columns(context: &Context<'_>, table: RelId) -> Vec<String> {
    let dropped = context.changes().filter_map(|change| match change {
        Change::ColumnDropped { table: of, column } if *of == table => Some(column.name.clone()),
        _ => None,
    });
    dropped.collect()
}
