//! SET LOGGED and SET UNLOGGED.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "set-logged-unlogged",
        title: "changing LOGGED or UNLOGGED rewrites the table",
        severity: Severity::High,
        page: include_str!("../../hazards/set-logged-unlogged/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::SetLogged | Cause::SetUnlogged))
}
