//! CLUSTER.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;
use crate::syntax::Ast;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "cluster",
        title: "CLUSTER rewrites the table while nobody can read it",
        severity: Severity::High,
        page: include_str!("../../hazards/cluster/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context.by_cause(|cause| *cause == Cause::Cluster);
    let everything = matches!(context.ast, Ast::Cluster { table: None, .. });
    if found.is_empty() && everything && !context.after.is_whole() {
        let message = "every table that was clustered before is written anew; reads and writes wait";
        return vec![Found::of_all(message)];
    }
    found
}
