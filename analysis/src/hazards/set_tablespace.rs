//! SET TABLESPACE.

use super::{Context, Found, HazardInfo, Rule, literals};
use crate::report::Severity;
use crate::simulate::Cause;
use crate::syntax::Ast;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "set-tablespace",
        title: "moving to another tablespace copies the table under an exclusive lock",
        severity: Severity::High,
        page: include_str!("../../hazards/set-tablespace/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context.by_cause(|cause| *cause == Cause::SetTablespace);
    if found.is_empty() && *context.ast == Ast::Other && moves_all(&literals::words(context.text)) {
        let message = "everything of its kind in the tablespace is copied, all of it locked at once; reads and writes wait";
        return vec![Found::of_all(message)];
    }
    found
}

/// ALTER TABLE ALL IN TABLESPACE … SET TABLESPACE.
fn moves_all(words: &[String]) -> bool {
    let starts = words.first().is_some_and(|word| word == "alter");
    starts && words.windows(3).any(|three| three == ["all", "in", "tablespace"])
}
