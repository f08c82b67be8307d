//! REFRESH MATERIALIZED VIEW without CONCURRENTLY.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;
use crate::syntax::Ast;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "refresh-materialized-view",
        title: "REFRESH MATERIALIZED VIEW stops readers for as long as the query runs",
        severity: Severity::Medium,
        page: include_str!("../../hazards/refresh-materialized-view/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::Refresh { concurrently: false, with_data: true, .. } = context.ast else { return Vec::new() };
    let loads = context.loads(|cause| matches!(cause, Cause::Refresh { concurrently: false }));
    let found = loads.iter().map(|load| {
        let name = load.object();
        let message = format!("nobody can read {name} until its query is through and the result is stored");
        Found { message, ..load.found() }
    });
    found.collect()
}
