//! ADD COLUMN that is computed and stored.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "add-column-generated-stored",
        title: "a stored generated column rewrites the whole table",
        severity: Severity::High,
        page: include_str!("../../hazards/add-column-generated-stored/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::GeneratedStored { .. }))
}
