//! Several tables locked one after the other.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::RelId;
use crate::report::{LockMode, Severity};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "wide-lock-window",
        title: "one transaction locks several tables strongly, in an order that can deadlock",
        severity: Severity::Medium,
        page: include_str!("../../hazards/wide-lock-window/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if !context.inside || context.said.contains(RULE.info.id) || context.effects.fails.is_some() {
        return Vec::new();
    }
    let is_table = |id: RelId| context.relation(id).is_some_and(|relation| relation.is_table());
    let held: Vec<RelId> = context
        .transaction
        .held
        .iter()
        .filter(|(id, mode)| {
            **mode >= LockMode::ShareRowExclusiveLock && is_table(**id) && context.exists(**id)
        })
        .map(|(id, _)| context.root(*id))
        .collect();
    let Some(first) = held.first() else { return Vec::new() };
    let second = context
        .locked(LockMode::ShareRowExclusiveLock)
        .map(|(id, _)| id)
        .find(|id| is_table(*id) && !held.contains(&context.root(*id)));
    let Some(second) = second else { return Vec::new() };
    let (first, second) = (context.name(*first), context.name(second));
    let message = format!(
        "{second} is locked while the transaction holds {first}: as long as it waits for {second} it keeps {first}, \
         and whoever locks them the other way round meets a deadlock"
    );
    vec![Found::new(second, message)]
}
