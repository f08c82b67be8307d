//! CONCURRENTLY in a script with other statements.

use super::{Context, Found, HazardInfo, Rule, alone};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "concurrently-in-transaction",
        title: "CONCURRENTLY fails inside a transaction",
        severity: Severity::High,
        page: include_str!("../../hazards/concurrently-in-transaction/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Some(words) = alone::concurrently(context.ast) else { return Vec::new() };
    if !alone::has_company(context) {
        return Vec::new();
    }
    let message = format!(
        "{words} stands beside other statements: pgbelay commits what is before it and runs it by itself, tools that \
         run the whole file in one transaction fail here"
    );
    vec![Found::of_all(message).as_grave_as(Severity::Info)]
}
