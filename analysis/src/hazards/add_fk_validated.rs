//! ADD FOREIGN KEY without NOT VALID.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "add-fk-validated",
        title: "the new foreign key stops writes on both tables while it checks every row",
        severity: Severity::High,
        page: include_str!("../../hazards/add-fk-validated/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::AddForeignKey { .. }))
}
