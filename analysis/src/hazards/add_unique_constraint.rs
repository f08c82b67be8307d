//! ADD UNIQUE without USING INDEX.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "add-unique-constraint",
        title: "ADD UNIQUE builds its index while nobody can read the table",
        severity: Severity::High,
        page: include_str!("../../hazards/add-unique-constraint/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::AddUnique { .. }))
}
