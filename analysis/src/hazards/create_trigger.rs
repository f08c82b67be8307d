//! CREATE TRIGGER.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "create-trigger",
        title: "CREATE TRIGGER stops writes while it waits for its lock",
        severity: Severity::Medium,
        page: include_str!("../../hazards/create-trigger/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let tables = context.changes().filter_map(|change| match change {
        Change::TriggerCreated { table, .. } => Some(*table),
        _ => None,
    });
    tables.filter_map(|table| context.queued(table, Severity::Medium)).collect()
}
