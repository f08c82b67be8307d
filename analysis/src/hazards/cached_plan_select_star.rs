//! ADD COLUMN, as prepared statements see it.

use std::collections::BTreeSet;

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::RelId;
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "cached-plan-select-star",
        title: "a prepared SELECT * fails once after ADD COLUMN",
        severity: Severity::Info,
        page: include_str!("../../hazards/cached-plan-select-star/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let added = |change: &Change| match change {
        Change::ColumnAdded { table, .. } => Some(*table),
        _ => None,
    };
    let here: BTreeSet<RelId> = context.changes().filter_map(added).collect();
    here.iter()
        .filter(|table| context.is_old(**table) && !context.behind.columns.contains_key(*table))
        .map(|table| {
            let name = context.old_name(*table);
            let message = format!("a prepared SELECT * from {name} fails once after this");
            Found::new(name, message)
        })
        .collect()
}
