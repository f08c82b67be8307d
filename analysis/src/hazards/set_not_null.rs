//! SET NOT NULL that no CHECK proves.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "set-not-null",
        title: "SET NOT NULL scans the whole table while nobody can read it",
        severity: Severity::High,
        page: include_str!("../../hazards/set-not-null/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::SetNotNull { .. }))
}
