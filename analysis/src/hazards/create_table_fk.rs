//! A new table with a foreign key to one that is in use.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{ConstraintKind, RelId};
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "create-table-fk",
        title: "CREATE TABLE with a foreign key stops writes on the referenced table",
        severity: Severity::Low,
        page: include_str!("../../hazards/create-table-fk/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut peers: Vec<RelId> = Vec::new();
    for change in context.changes() {
        if let Change::ConstraintAdded { table, constraint, .. } = change
            && let ConstraintKind::Foreign { to, .. } = &constraint.kind
            && !context.exists(*table)
            && context.exists(*to)
            && context.relation(*table).is_some()
            && context.lock(*to).is_some_and(|mode| mode.blocks_writes())
            && !peers.contains(to)
        {
            peers.push(*to);
        }
    }
    if peers.is_empty() {
        return Vec::new();
    }
    let why = match context.without_end(Severity::Low) {
        Some((_, how_long)) => format!("while the lock is waited for, {how_long}"),
        None if context.work_follows() => "until the work that follows in the transaction is done".to_owned(),
        None => return Vec::new(),
    };
    let found = peers.into_iter().map(|peer| {
        let name = context.name(peer);
        Found::new(name.clone(), format!("the new foreign key to {name} makes its writes wait, {why}"))
    });
    found.collect()
}
