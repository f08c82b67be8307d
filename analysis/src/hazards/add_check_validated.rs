//! ADD CHECK (and from PostgreSQL 18 on ADD NOT NULL) without NOT VALID.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "add-check-validated",
        title: "the new CHECK scans the whole table while nobody can read it",
        severity: Severity::High,
        page: include_str!("../../hazards/add-check-validated/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.by_cause(|cause| matches!(cause, Cause::AddCheck { .. }))
}
