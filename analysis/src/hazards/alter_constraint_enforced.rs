//! ALTER CONSTRAINT … ENFORCED.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "alter-constraint-enforced",
        title: "ENFORCED checks every row under an exclusive lock",
        severity: Severity::High,
        page: include_str!("../../hazards/alter-constraint-enforced/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::Enforce { .. }))
}
