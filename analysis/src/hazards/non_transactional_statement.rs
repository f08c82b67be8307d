//! A statement that is refused in a transaction, in a script with others.

use super::{Context, Found, HazardInfo, Rule, alone};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "non-transactional-statement",
        title: "the statement fails inside a transaction",
        severity: Severity::Medium,
        page: include_str!("../../hazards/non-transactional-statement/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if context.inside || alone::concurrently(context.ast).is_some() || !alone::has_company(context) {
        return Vec::new();
    }
    let message = format!(
        "{} stands beside other statements: pgbelay commits what is before it and runs it by itself, tools that run \
         the whole file in one transaction fail here",
        context.kind.words()
    );
    vec![Found::of_all(message).as_grave_as(Severity::Info)]
}
