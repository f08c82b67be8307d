//! IF EXISTS and IF NOT EXISTS where nothing is to be done.

use super::scope::made_by;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::{Change, ObjectRef};
use crate::syntax::{AlterAction, Ast, NewConstraintKind, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "if-exists-hides-state",
        title: "IF EXISTS hides that the database is not in the expected state",
        severity: Severity::Low,
        page: include_str!("../../hazards/if-exists-hides-state/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if !context.inside {
        return Vec::new();
    }
    let idle = |change: &Change| match change {
        Change::NothingToDo { object, differs: false }
            if !matches!(object.kind, ObjectKind::Extension | ObjectKind::Schema)
                && !context.has_other_kind(object)
                && !is_certain(context, object) =>
        {
            let name = object.name.clone();
            let creates = matches!(context.ast, Ast::AlterTable(alter)
                if alter.actions.iter().any(|a| matches!(a, AlterAction::AddColumn { if_not_exists: true, .. })))
                || made_by(context.ast).is_some()
                || matches!(context.ast, Ast::CreateIndex(_));
            let state = if creates { "is there already" } else { "is not there" };
            Some(Found::new(
                name.clone(),
                format!("{name} {state}, and the statement does nothing without saying so"),
            ))
        }
        _ => None,
    };
    context.changes().filter_map(idle).collect()
}

/// Whether the script itself made it so, or makes the object after dropping it to be sure.
fn is_certain(context: &Context<'_>, object: &ObjectRef) -> bool {
    let earlier = context.earlier.iter().any(|change| match change {
        Change::Created(other) | Change::Dropped { object: other, .. } => other.name == object.name,
        Change::Renamed { object: other, .. } => other.name == object.name,
        Change::ColumnAdded { table, column, .. } | Change::ColumnDropped { table, column } => {
            object.relation == Some(*table) && object.name == context.old_column(*table, &column.name)
        }
        Change::ConstraintDropped { table, constraint, .. }
        | Change::ConstraintAdded { table, constraint, .. } => {
            object.relation == Some(*table) && object.name == context.old_column(*table, &constraint.name)
        }
        Change::IndexDropped { index, .. } | Change::IndexCreated { index, .. } => {
            object.kind == ObjectKind::Index && last(&object.name) == index.name
        }
        _ => false,
    });
    earlier || is_made_next(context, object)
}

fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// DROP IF EXISTS and CREATE behind it.
fn is_made_next(context: &Context<'_>, object: &ObjectRef) -> bool {
    let name = last(&object.name);
    let action = |action: &AlterAction| match action {
        AlterAction::AddColumn { column, .. } => object.kind == ObjectKind::Column && column.name == name,
        AlterAction::AddConstraint(constraint) => {
            object.kind == ObjectKind::TableConstraint
                && (constraint.name.as_deref() == Some(name)
                    || matches!(&constraint.kind, NewConstraintKind::UsingIndex { index, .. } if index == name))
        }
        _ => false,
    };
    let here = matches!(context.ast, Ast::AlterTable(alter)
        if object.kind == ObjectKind::TableConstraint && alter.actions.iter().any(action));
    here || context.rest.iter().any(|ast| match ast {
        Ast::CreateIndex(made) => object.kind == ObjectKind::Index && made.name.as_deref() == Some(name),
        Ast::CreateTrigger(made) => object.kind == ObjectKind::Trigger && made.name == name,
        Ast::CreatePolicy(made) => object.kind == ObjectKind::Policy && made.name == name,
        Ast::CreateRule(made) => object.kind == ObjectKind::Rule && made.name == name,
        Ast::AlterTable(alter) => alter.actions.iter().any(action),
        other => made_by(other).is_some_and(|(_, made)| {
            !matches!(object.kind, ObjectKind::Column | ObjectKind::TableConstraint) && made.name == name
        }),
    })
}
