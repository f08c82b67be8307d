//! ALTER COLUMN TYPE that is free, but not for what uses the column.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "alter-column-type-rescan",
        title: "the free type change still scans the table or rebuilds an index",
        severity: Severity::Medium,
        page: include_str!("../../hazards/alter-column-type-rescan/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::TypeChangeRecheck { .. }))
}
