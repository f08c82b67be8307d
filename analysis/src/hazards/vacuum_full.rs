//! VACUUM FULL.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Cause;
use crate::syntax::Ast;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "vacuum-full",
        title: "VACUUM FULL rewrites the table while nobody can read it",
        severity: Severity::High,
        page: include_str!("../../hazards/vacuum-full/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context.by_cause(|cause| *cause == Cause::VacuumFull);
    let everything = matches!(context.ast, Ast::Vacuum(vacuum) if vacuum.full && vacuum.tables.is_empty());
    if found.is_empty() && everything && !context.after.is_whole() {
        let message =
            "every table of the database is written anew, one after the other; reads and writes wait";
        return vec![Found::of_all(message)];
    }
    found
}
