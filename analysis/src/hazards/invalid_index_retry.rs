//! CREATE INDEX CONCURRENTLY IF NOT EXISTS.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "invalid-index-retry",
        title: "IF NOT EXISTS takes a failed index for a good one",
        severity: Severity::Medium,
        page: include_str!("../../hazards/invalid-index-retry/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::CreateIndex(create) = context.ast else { return Vec::new() };
    let Some(name) = create.name.as_ref().filter(|_| create.concurrently && create.if_not_exists) else {
        return Vec::new();
    };
    let dropped = context.before.iter().any(|ast| {
        matches!(ast, Ast::Drop(drop) if drop.kind == ObjectKind::Index
            && drop.names.iter().any(|dropped| dropped.name.name == *name))
    });
    let table = context.named(&create.table);
    if dropped || table.is_some_and(|table| !context.exists(table)) {
        return Vec::new();
    }
    let index = table.and_then(|table| context.relation(table)).and_then(|relation| relation.index(name));
    let shown = context.after.full_name(&create.table).to_string();
    if index.is_some_and(|index| !index.valid) {
        let message =
            format!("the index {name} is there and not valid: IF NOT EXISTS takes it for a good one");
        return vec![Found::new(shown, message).as_grave_as(Severity::High)];
    }
    let message = format!(
        "if building {name} fails, it stays behind and is not valid: IF NOT EXISTS takes it for a good one then"
    );
    vec![Found::new(shown, message)]
}
