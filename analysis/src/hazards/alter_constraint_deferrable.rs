//! ALTER CONSTRAINT … DEFERRABLE.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{AlterAction, Ast};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "alter-constraint-deferrable",
        title: "ALTER CONSTRAINT locks the table exclusively for a moment",
        severity: Severity::Low,
        page: include_str!("../../hazards/alter-constraint-deferrable/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::AlterTable(alter) = context.ast else { return Vec::new() };
    let when = |of: &str| {
        alter.actions.iter().any(|action| {
            matches!(action, AlterAction::AlterConstraint { name, deferrable: Some(_), .. } if name == of)
        })
    };
    let tables = context.changes().filter_map(|change| match change {
        Change::ConstraintAltered { table, constraint, .. } if when(&constraint.name) => Some(*table),
        _ => None,
    });
    tables.filter_map(|table| context.queued(table, Severity::Low)).collect()
}
