//! LOCK TABLE.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::RelId;
use crate::report::{LockMode, Severity};
use crate::syntax::Ast;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "explicit-lock",
        title: "LOCK TABLE holds its lock until the migration ends",
        severity: Severity::Medium,
        page: include_str!("../../hazards/explicit-lock/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::LockTable(lock) = context.ast else { return Vec::new() };
    let Some((severity, how_long)) = context.without_end(Severity::Medium).filter(|_| !lock.nowait) else {
        return Vec::new();
    };
    let named: Vec<RelId> = lock.tables.iter().filter_map(|(name, _)| context.named(name)).collect();
    let strong = context.locked(LockMode::ShareLock).filter(|(id, _)| named.contains(id));
    let found = strong.map(|(id, mode)| {
        let who = if mode.blocks_reads() { "reads and writes" } else { "writes" };
        let (name, mode) = (context.name(id), mode.as_str());
        let message = format!(
            "{name} is held with {mode} until the transaction ends, and waited for {how_long}: {who} wait as long"
        );
        Found::new(name, message).as_grave_as(severity)
    });
    found.collect()
}
