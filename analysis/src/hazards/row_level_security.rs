//! ENABLE, DISABLE, FORCE and NO FORCE ROW LEVEL SECURITY.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "row-level-security",
        title: "switching row level security locks the table exclusively",
        severity: Severity::Medium,
        page: include_str!("../../hazards/row-level-security/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let tables = context.changes().filter_map(|change| match change {
        Change::RowSecurity { table, .. } => Some(*table),
        _ => None,
    });
    tables.filter_map(|table| context.queued(table, Severity::Medium)).collect()
}
