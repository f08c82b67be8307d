//! ATTACH PARTITION of a table without the indexes of the parent.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "attach-partition-index-build",
        title: "ATTACH PARTITION builds the parent's missing indexes on the partition",
        severity: Severity::High,
        page: include_str!("../../hazards/attach-partition-index-build/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::AttachPartitionIndex { .. }))
}
