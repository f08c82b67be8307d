//! ATTACH PARTITION of a table whose rows nothing proves to belong there.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "attach-partition",
        title: "ATTACH PARTITION scans the new partition under an exclusive lock",
        severity: Severity::High,
        page: include_str!("../../hazards/attach-partition/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| {
        matches!(cause, Cause::AttachPartition { .. } | Cause::AttachPartitionForeignKey { .. })
    })
}
