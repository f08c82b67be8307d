//! ADD COLUMN with a default that differs from row to row.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "add-column-volatile-default",
        title: "a volatile default rewrites the whole table",
        severity: Severity::High,
        page: include_str!("../../hazards/add-column-volatile-default/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = context.by_cause(|cause| matches!(cause, Cause::VolatileDefault { .. }));
    let perhaps = context.by_cause(|cause| matches!(cause, Cause::UnknownDefault { .. }));
    found.extend(perhaps.into_iter().map(Found::milder));
    found
}
