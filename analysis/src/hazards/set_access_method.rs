//! SET ACCESS METHOD.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "set-access-method",
        title: "changing the access method rewrites the table",
        severity: Severity::High,
        page: include_str!("../../hazards/set-access-method/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::SetAccessMethod))
}
