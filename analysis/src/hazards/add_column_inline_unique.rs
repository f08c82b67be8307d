//! ADD COLUMN with UNIQUE.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::ConstraintKind;
use crate::report::Severity;
use crate::simulate::{Cause, Change};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "add-column-inline-unique",
        title: "a column added with UNIQUE builds an index under an exclusive lock",
        severity: Severity::High,
        page: include_str!("../../hazards/add-column-inline-unique/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context.by_cause(|cause| matches!(cause, Cause::InlineUnique { .. }));
    if found.is_empty() { with_rewrite(context) } else { found }
}

/// A column that rewrites the table as well: that builds the index.
fn with_rewrite(context: &Context<'_>) -> Vec<Found> {
    context
        .changes()
        .filter_map(|change| {
            let Change::ConstraintAdded { table, constraint, new_columns: true, with_table: false, .. } =
                change
            else {
                return None;
            };
            let kind = matches!(constraint.kind, ConstraintKind::Unique { .. });
            if !kind
                || !context.exists(*table)
                || !context.effects.rewrites(*table)
                || context.is_empty(*table)
            {
                return None;
            }
            let (name, index) = (context.name(*table), &constraint.name);
            let message =
                format!("{name} gets the index {index} built with the new column; reads and writes wait");
            Some(Found::new(name, message))
        })
        .collect()
}
