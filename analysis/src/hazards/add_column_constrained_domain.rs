//! ADD COLUMN of a domain with constraints.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "add-column-constrained-domain",
        title: "a column of a domain with constraints rewrites the whole table",
        severity: Severity::High,
        page: include_str!("../../hazards/add-column-constrained-domain/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::ConstrainedDomain { .. }))
}
