//! CONCURRENTLY, which waits for every older transaction.

use super::{Context, Found, HazardInfo, Rule, alone};
use crate::catalog::RelId;
use crate::report::{LockMode, Severity};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "concurrently-waits-for-old-transactions",
        title: "CONCURRENTLY waits for every older transaction to end",
        severity: Severity::Low,
        page: include_str!("../../hazards/concurrently-waits-for-old-transactions/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Some(words) = alone::concurrently(context.ast) else { return Vec::new() };
    if context.effects.fails.is_some() {
        return Vec::new();
    }
    let message = |of: &str| format!("{words} waits for every transaction that is older, {of}");
    let is_table = |id: RelId| context.relation(id).is_some_and(|r| r.is_table() || r.has_storage());
    let mut locked = context.locked(LockMode::ShareUpdateExclusiveLock).map(|(id, _)| id);
    if let Some(table) =
        context.target().filter(|id| context.exists(*id)).or_else(|| locked.find(|id| is_table(*id)))
    {
        let name = context.name(table);
        return vec![Found::new(name.clone(), message(&format!("whether it uses {name} or not")))];
    }
    let unknown = context.effects.locks.keys().any(|subject| subject.id.is_none());
    if unknown && context.effects.locks.keys().all(|subject| subject.id.is_none()) {
        return vec![Found::of_all(message("whatever it uses"))];
    }
    Vec::new()
}
