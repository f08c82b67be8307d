//! ALTER TABLE right after another one on the same table.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::syntax::{AlterAction, AlterTable, Ast, NewConstraint, NewConstraintKind, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "multiple-alter-table",
        title: "several ALTER TABLE on one table where one would do",
        severity: Severity::Low,
        page: include_str!("../../hazards/multiple-alter-table/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::AlterTable(this) = context.ast else { return Vec::new() };
    let Some(table) = context.named(&this.relation).filter(|table| context.exists(*table)) else {
        return Vec::new();
    };
    let in_transaction = context.before.get(context.transaction.first..).unwrap_or_default();
    let mut earlier = in_transaction.iter().rev().filter(|ast| !is_aside(ast)).map_while(|ast| match ast {
        Ast::AlterTable(alter) if alter.relation == this.relation => Some(alter),
        _ => None,
    });
    let Some(last) = earlier.next() else { return Vec::new() };
    let first_pair = earlier.next().is_none_or(|before| !fits(before, last));
    if !context.inside || !first_pair || !fits(last, this) || context.effects.fails.is_some() {
        return Vec::new();
    }
    let name = context.name(table);
    let message = format!("{name} is altered by the statement before as well: one ALTER TABLE locks it once");
    vec![Found::new(name, message)]
}

const fn is_aside(ast: &Ast) -> bool {
    matches!(ast, Ast::Setting(_) | Ast::Comment { .. })
}

/// Whether two statements may be one.
fn fits(first: &AlterTable, second: &AlterTable) -> bool {
    let plain = |alter: &AlterTable| alter.kind == ObjectKind::Table && alter.actions.iter().all(combines);
    let added: Vec<&str> = first.actions.iter().filter_map(adds).collect();
    let uses = second.actions.iter().filter_map(touches).any(|name| added.contains(&name));
    let retyped = changes_type(first) || changes_type(second);
    let simple = |alter: &AlterTable| alter.actions.iter().all(beside_type);
    first.only == second.only
        && plain(first)
        && plain(second)
        && !uses
        && (!retyped || simple(first) && simple(second))
}

fn changes_type(alter: &AlterTable) -> bool {
    alter.actions.iter().any(|action| matches!(action, AlterAction::AlterType { .. }))
}

/// What has nothing to do with the type of a column that is there.
const fn beside_type(action: &AlterAction) -> bool {
    matches!(action, AlterAction::AlterType { .. } | AlterAction::AddColumn { .. })
}

const fn combines(action: &AlterAction) -> bool {
    !matches!(
        action,
        AlterAction::ValidateConstraint { .. }
            | AlterAction::AttachPartition { .. }
            | AlterAction::DetachPartition { .. }
            | AlterAction::Trigger { .. }
            | AlterAction::SetStatistics
            | AlterAction::SetOptions { .. }
            | AlterAction::ResetOptions { .. }
    )
}

/// The column or constraint that a sub-command makes or changes.
fn adds(action: &AlterAction) -> Option<&str> {
    if let AlterAction::AddColumn { column, .. } = action { Some(&column.name) } else { touches(action) }
}

/// The column or constraint that a sub-command changes.
fn touches(action: &AlterAction) -> Option<&str> {
    match action {
        AlterAction::SetDefault { column, .. }
        | AlterAction::DropDefault { column }
        | AlterAction::SetNotNull { column }
        | AlterAction::DropNotNull { column }
        | AlterAction::AlterType { column, .. }
        | AlterAction::DropColumn { column, .. }
        | AlterAction::SetExpression { column, .. }
        | AlterAction::DropExpression { column, .. }
        | AlterAction::AddIdentity { column, .. }
        | AlterAction::SetIdentity { column, .. }
        | AlterAction::DropIdentity { column, .. } => Some(column),
        AlterAction::AlterConstraint { name, .. } | AlterAction::DropConstraint { name, .. } => Some(name),
        AlterAction::AddConstraint(NewConstraint { kind: NewConstraintKind::ForeignKey(key), .. }) => {
            key.columns.first().map(String::as_str)
        }
        AlterAction::AddConstraint(added) => added.name.as_deref(),
        _ => None,
    }
}
