//! ALTER CONSTRAINT … DEFERRABLE.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "alter-constraint-deferrable",
        title: "ALTER CONSTRAINT locks the table exclusively for a moment",
        severity: Severity::Low,
        page: include_str!("../../hazards/alter-constraint-deferrable/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let tables = context.changes().filter_map(|change| match change {
        Change::ConstraintAltered { table, enforced: None, .. } => Some(*table),
        _ => None,
    });
    tables.filter_map(|table| context.queued(table, Severity::Low)).collect()
}
