//! REPLICA IDENTITY, and user_catalog_table.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "replica-identity",
        title: "REPLICA IDENTITY and user_catalog_table lock the table exclusively",
        severity: Severity::Medium,
        page: include_str!("../../hazards/replica-identity/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let tables = context.changes().filter_map(|change| match change {
        Change::ReplicaIdentity { table } => Some(*table),
        Change::OptionsChanged { relation, names }
            if names.iter().any(|name| name == "user_catalog_table") =>
        {
            Some(*relation)
        }
        _ => None,
    });
    tables.filter_map(|table| context.queued(table, Severity::Medium)).collect()
}
