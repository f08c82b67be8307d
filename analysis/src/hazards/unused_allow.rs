//! A comment that allows a hazard which is not there.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "unused-allow",
        title: "an allow comment that nothing needs",
        severity: Severity::Info,
        page: include_str!("../../hazards/unused-allow/page.md"),
    },
    check,
};

/// Comments belong to the file and are judged when all statements are: what is found is with the
/// comment ([`crate::Allow::problem`]), not with a statement.
const fn check(_: &Context<'_>) -> Vec<Found> {
    Vec::new()
}
