//! ADD EXCLUDE.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "add-exclusion-constraint",
        title: "an exclusion constraint is built under an exclusive lock and has no online form",
        severity: Severity::High,
        page: include_str!("../../hazards/add-exclusion-constraint/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::AddExclusion { .. }))
}
