//! SET TABLESPACE.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "set-tablespace",
        title: "moving to another tablespace copies the table under an exclusive lock",
        severity: Severity::High,
        page: include_str!("../../hazards/set-tablespace/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::SetTablespace))
}
