//! CREATE TABLE … PARTITION OF.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::{LockMode, Severity};
use crate::syntax::Ast;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "create-partition-of",
        title: "CREATE TABLE PARTITION OF locks the whole parent table",
        severity: Severity::Medium,
        page: include_str!("../../hazards/create-partition-of/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::CreateTable(create) = context.ast else { return Vec::new() };
    let parent = create.partition_of.as_ref().and_then(|(parent, _)| context.named(parent));
    let Some(parent) = parent.filter(|parent| context.exists(*parent)) else { return Vec::new() };
    if context.lock(parent) != Some(LockMode::AccessExclusiveLock) {
        return Vec::new();
    }
    let name = context.name(parent);
    let message = format!(
        "{name} is locked with all its rows until the transaction ends: reads and writes wait, also those of other \
         partitions"
    );
    let found = Found::new(name, message);
    vec![if context.has_lock_timeout() { found.as_grave_as(Severity::Low) } else { found }]
}
