//! ADD COLUMN with a CHECK.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "add-column-inline-check",
        title: "a CHECK written at a new column scans the whole table",
        severity: Severity::Medium,
        page: include_str!("../../hazards/add-column-inline-check/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::InlineCheck { .. }))
}
