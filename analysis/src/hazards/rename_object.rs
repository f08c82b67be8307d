//! RENAME TO of a view, sequence, function, type or constraint.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{ConstraintKind, RelationKind};
use crate::report::Severity;
use crate::simulate::{Change, ObjectRef};
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "rename-object",
        title: "code that runs now loses the object's name",
        severity: Severity::Medium,
        page: include_str!("../../hazards/rename-object/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for change in context.changes() {
        let Change::Renamed { object, to } = change else { continue };
        let Some(kind) = kind(context, object) else { continue };
        if kind == ObjectKind::TableConstraint {
            found.extend(constraint(context, object, to));
        } else if context.is_old_object(object) && !context.is_made_later(kind, &object.name) {
            let name = &object.name;
            let message = format!("code that runs now still asks for {name}, which is called {to}");
            found.push(Found::new(name.clone(), message));
        }
    }
    found
}

/// What it really is: ALTER TABLE renames views and sequences too.
fn kind(context: &Context<'_>, object: &ObjectRef) -> Option<ObjectKind> {
    match object.kind {
        ObjectKind::Table | ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::Sequence => {
            match context.was(object.relation?)?.kind {
                RelationKind::View => Some(ObjectKind::View),
                RelationKind::MaterializedView => Some(ObjectKind::MaterializedView),
                RelationKind::Sequence => Some(ObjectKind::Sequence),
                RelationKind::Composite => Some(ObjectKind::Type),
                RelationKind::Table | RelationKind::Partitioned | RelationKind::Foreign => None,
            }
        }
        ObjectKind::Function
        | ObjectKind::Procedure
        | ObjectKind::Routine
        | ObjectKind::Aggregate
        | ObjectKind::Type
        | ObjectKind::Domain
        | ObjectKind::TableConstraint => Some(object.kind),
        _ => None,
    }
}

/// Only ON CONFLICT ON CONSTRAINT and error handling know constraints by their names.
fn constraint(context: &Context<'_>, object: &ObjectRef, to: &str) -> Option<Found> {
    let Ast::Rename(rename) = context.ast else { return None };
    let id = object.relation.filter(|id| context.is_old(*id))?;
    let from = rename.name.part.as_deref()?;
    let new = context.earlier.iter().any(|change| {
        matches!(change, Change::ConstraintAdded { table, constraint, .. }
            if *table == id && constraint.name == from)
    });
    if new {
        return None;
    }
    let key = context.was(id)?.constraint(from).is_none_or(|constraint| {
        matches!(
            constraint.kind,
            ConstraintKind::Unique { .. } | ConstraintKind::Primary { .. } | ConstraintKind::Exclude { .. }
        )
    });
    let name = &object.name;
    let message = format!("code that runs now may still name {name}, which is called {to}");
    let found = Found::new(name.clone(), message);
    Some(if key { found } else { found.as_grave_as(Severity::Low) })
}
