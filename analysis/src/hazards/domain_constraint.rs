//! A constraint of a domain that tables use.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "domain-constraint",
        title: "a constraint of a domain scans every table that uses it",
        severity: Severity::High,
        page: include_str!("../../hazards/domain-constraint/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::DomainConstraint { .. }))
}
