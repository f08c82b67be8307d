//! ALTER COLUMN SET EXPRESSION of a stored column.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "set-generated-expression",
        title: "a new expression of a stored generated column rewrites the table",
        severity: Severity::High,
        page: include_str!("../../hazards/set-generated-expression/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::SetExpression { .. }))
}
