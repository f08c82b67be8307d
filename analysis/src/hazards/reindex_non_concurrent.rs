//! REINDEX without CONCURRENTLY.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;
use crate::syntax::{Ast, ReindexTarget};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "reindex-non-concurrent",
        title: "REINDEX stops writes, and reads that would use the index",
        severity: Severity::High,
        page: include_str!("../../hazards/reindex-non-concurrent/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context.by_cause(|cause| matches!(cause, Cause::Reindex { concurrently: false }));
    if !found.is_empty() {
        return found;
    }
    // What is in no catalog has indexes all the same.
    let Ast::Reindex(reindex) = context.ast else { return found };
    if reindex.concurrently || context.after.is_whole() {
        return found;
    }
    let what = match &reindex.target {
        ReindexTarget::Index(name) if context.after.index(name).found().is_none() => {
            format!("the index {name}")
        }
        ReindexTarget::Schema(name) => format!("every index in schema {name}"),
        ReindexTarget::Database => "every index of the database".to_owned(),
        ReindexTarget::Index(_) | ReindexTarget::Table(_) => return found,
    };
    vec![Found::of_all(format!("{what} is built anew; writes wait, and reads that would use it"))]
}
