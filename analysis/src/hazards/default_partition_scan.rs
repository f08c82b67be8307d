//! A new partition beside a DEFAULT one.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "default-partition-scan",
        title: "a new partition scans the DEFAULT partition under an exclusive lock",
        severity: Severity::High,
        page: include_str!("../../hazards/default-partition-scan/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::DefaultPartition { .. }))
}
