//! ALTER TABLE … DROP COLUMN.

use super::scope::listed;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{AlterAction, Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-column",
        title: "the column and its values are gone",
        severity: Severity::High,
        page: include_str!("../../hazards/drop-column/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    // The columns that go with a type are that rule's.
    if matches!(context.ast, Ast::Drop(_)) {
        return Vec::new();
    }
    let along = along(context);
    let mut found: Vec<Found> = context
        .changes()
        .filter_map(|change| match change {
            Change::ColumnDropped { table, column } if context.is_old_column(*table, &column.name) => {
                let name = context.old_column(*table, &column.name);
                let mut message = format!("{name} and its values are gone; code that still uses it fails");
                if !along.is_empty() {
                    message.push_str(&format!(", and with it goes {}", listed(&along)));
                }
                Some(Found::new(name, message))
            }
            _ => None,
        })
        .collect();
    found.extend(attributes(context));
    found
}

/// Views, and constraints of other tables.
fn along(context: &Context<'_>) -> Vec<String> {
    let own = context.changes().find_map(|change| match change {
        Change::ColumnDropped { table, .. } => Some(*table),
        _ => None,
    });
    context
        .changes()
        .filter_map(|change| match change {
            Change::Dropped { object, implied: true, .. } if object.kind != ObjectKind::Sequence => {
                Some(object.name.clone())
            }
            Change::ConstraintDropped { table, constraint, implied: true } if Some(*table) != own => {
                Some(format!("constraint {}.{}", context.old_name(*table), constraint.name))
            }
            _ => None,
        })
        .collect()
}

/// DROP ATTRIBUTE of a composite type that tables use.
fn attributes(context: &Context<'_>) -> Vec<Found> {
    let Ast::AlterTable(alter) = context.ast else { return Vec::new() };
    let full = context.after.full_name(&alter.relation);
    let Some(id) = context.after.by_name(&full).filter(|id| context.is_old(*id)) else { return Vec::new() };
    let mut users = context.after.users_of_type(&full);
    users.extend(context.after.dependents_of(id));
    if alter.kind != ObjectKind::Type || !users.iter().any(|user| context.is_old(*user)) {
        return Vec::new();
    }
    let dropped = |action: &AlterAction| match action {
        AlterAction::DropColumn { column, .. } if context.column_before(id, column).is_some() => {
            let name = format!("{full}.{column}");
            let message = format!("{name} and its values are gone in every column of the type");
            Some(Found::new(name, message))
        }
        _ => None,
    };
    alter.actions.iter().filter_map(dropped).collect()
}
