//! VALIDATE CONSTRAINT.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::RelId;
use crate::report::Severity;
use crate::simulate::{Cause, Change};
use crate::syntax::{AlterAction, Ast};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "validate-constraint",
        title: "VALIDATE CONSTRAINT reads the whole table",
        severity: Severity::Low,
        page: include_str!("../../hazards/validate-constraint/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::AlterTable(alter) = context.ast else { return Vec::new() };
    if context.has_statement_timeout() {
        return Vec::new();
    }
    let Some(table) = context.named(&alter.relation) else { return Vec::new() };
    let named = |name: &String| {
        alter.actions.iter().any(|a| matches!(a, AlterAction::ValidateConstraint { name: of } if of == name))
            && !is_of_this_transaction(context, table, name)
    };
    let loads = context.loads(|cause| matches!(cause, Cause::Validate { constraint } if named(constraint)));
    let found = loads.iter().map(|load| {
        let found = load.found();
        let message = format!("{}; VACUUM and other changes of the table wait", found.message);
        Found { message, ..found }
    });
    found.collect()
}

/// Whether the transaction added a constraint NOT VALID, this statement itself perhaps.
pub(super) fn is_of_this_transaction(context: &Context<'_>, table: RelId, name: &str) -> bool {
    let added_here = |change: &Change| {
        matches!(change, Change::ConstraintAdded { table: of, constraint, .. }
            if *of == table && constraint.name == name)
    };
    context.transaction.not_valid.contains(&(table, name.to_owned())) || context.changes().any(added_here)
}
