//! Rows written under the lock of a schema change.

use super::rows::unbounded;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::LockMode;
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "backfill-in-ddl-transaction",
        title: "rows are rewritten while the lock of a schema change is held",
        severity: Severity::High,
        page: include_str!("../../hazards/backfill-in-ddl-transaction/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let held = context
        .transaction
        .held
        .iter()
        .find(|(id, mode)| **mode >= LockMode::ShareLock && context.is_old(**id));
    let Some((locked, mode)) = held.filter(|_| context.inside) else { return Vec::new() };
    unbounded(context)
        .into_iter()
        .map(|(table, _)| {
            let name = context.old_name(table);
            let locked = context.old_name(*locked);
            let message =
                format!("rows of {name} are written while the transaction holds {mode} on {locked}");
            Found::new(name, message)
        })
        .collect()
}
