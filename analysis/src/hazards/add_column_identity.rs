//! ADD COLUMN with an identity.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "add-column-identity",
        title: "an identity column rewrites the whole table",
        severity: Severity::High,
        page: include_str!("../../hazards/add-column-identity/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::Identity { .. }))
}
