//! TRUNCATE.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::RelId;
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "truncate",
        title: "every row is gone, and with CASCADE those of other tables too",
        severity: Severity::High,
        page: include_str!("../../hazards/truncate/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let truncated: Vec<(RelId, bool)> = context
        .changes()
        .filter_map(|change| match change {
            Change::Truncated { table, implied } => Some((*table, *implied)),
            _ => None,
        })
        .collect();
    let is_child = |id: RelId| {
        context.was(id).is_some_and(|table| {
            let place = &table.inheritance;
            let parents = place.parents.iter().copied().chain(place.partition.iter().map(|p| p.parent));
            parents.into_iter().any(|parent| truncated.iter().any(|(other, _)| *other == parent))
        })
    };
    truncated
        .iter()
        .filter(|(id, _)| context.is_old(*id) && !is_child(*id))
        .map(|(id, implied)| {
            let name = context.old_name(*id);
            let why = if *implied { ", by CASCADE through a foreign key" } else { "" };
            Found::new(name.clone(), format!("every row of {name} is gone{why}"))
        })
        .collect()
}
