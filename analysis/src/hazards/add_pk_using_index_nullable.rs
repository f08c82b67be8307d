//! ADD PRIMARY KEY USING INDEX over a column that may be null.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "add-pk-using-index-nullable",
        title: "a primary key from an index scans the table for nulls",
        severity: Severity::Medium,
        page: include_str!("../../hazards/add-pk-using-index-nullable/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::PrimaryKeyNotNull { using_index: true, .. }))
}
