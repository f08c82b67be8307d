//! CREATE, ALTER and DROP POLICY.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{AlterAction, Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "policy-change",
        title: "changing a policy locks the table exclusively and changes who sees which rows",
        severity: Severity::Medium,
        page: include_str!("../../hazards/policy-change/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let drops_column = |action: &AlterAction| matches!(action, AlterAction::DropColumn { .. });
    if matches!(context.ast, Ast::AlterTable(alter) if alter.actions.iter().any(drops_column)) {
        return Vec::new();
    }
    let tables = context.changes().filter_map(|change| match change {
        Change::PolicyChanged { table, .. } => Some(*table),
        Change::Renamed { object, .. } if object.kind == ObjectKind::Policy => object.relation,
        _ => None,
    });
    tables.filter_map(|table| context.queued(table, Severity::Medium)).collect()
}
