//! CREATE INDEX without CONCURRENTLY.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "create-index-non-concurrent",
        title: "CREATE INDEX stops writes until the index is built",
        severity: Severity::High,
        page: include_str!("../../hazards/create-index-non-concurrent/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::CreateIndex { concurrently: false, .. }))
}
