//! ADD COLUMN with REFERENCES.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::ConstraintKind;
use crate::report::Severity;
use crate::simulate::{Cause, Change};
use crate::syntax::Ast;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "add-column-inline-fk",
        title: "a column added with REFERENCES locks both tables",
        severity: Severity::Medium,
        page: include_str!("../../hazards/add-column-inline-fk/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context.by_cause(|cause| matches!(cause, Cause::InlineForeignKey { .. }));
    if !found.is_empty() || !matches!(context.ast, Ast::AlterTable(_)) {
        return found;
    }
    context
        .changes()
        .filter_map(|change| {
            let Change::ConstraintAdded { table, constraint, new_columns: true, .. } = change else { return None };
            let ConstraintKind::Foreign { to, .. } = &constraint.kind else { return None };
            if !context.exists(*table) || to == table {
                return None;
            }
            let (severity, how_long) = context.without_end(Severity::Medium)?;
            let (name, peer) = (context.name(*table), context.name(*to));
            let message = format!(
                "{name} and {peer} are locked together: while the second waits for its turn, reads and writes of \
                 {name} wait too, {how_long}"
            );
            Some(Found::new(name, message).as_grave_as(severity))
        })
        .collect()
}
