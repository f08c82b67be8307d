//! ALTER COLUMN TYPE, as clients see it.

use super::casts::changes_for_clients;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "alter-type-clients",
        title: "clients get another type, or values that were allowed are refused",
        severity: Severity::Medium,
        page: include_str!("../../hazards/alter-type-clients/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let changed = |change: &Change| match change {
        Change::TypeChanged { table, column, from: Some(from), to, .. }
            if context.is_old_column(*table, column) =>
        {
            let name = context.old_column(*table, column);
            changes_for_clients(context.after, from, to)
                .map(|what| Found::new(name.clone(), format!("{name} {what}")))
        }
        _ => None,
    };
    context.changes().filter_map(changed).collect()
}
