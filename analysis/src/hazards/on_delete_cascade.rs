//! A foreign key that deletes or changes rows of its own.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{Constraint, ConstraintKind, RelId};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::FkAction;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "on-delete-cascade",
        title: "deleting one row deletes rows of another table",
        severity: Severity::Low,
        page: include_str!("../../hazards/on-delete-cascade/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for change in context.changes() {
        let Change::ConstraintAdded { table, constraint, with_table: false, .. } = change else { continue };
        let ConstraintKind::Foreign { to, on_delete, .. } = &constraint.kind else { continue };
        let does = match on_delete {
            FkAction::Cascade => "deletes rows",
            FkAction::SetNull => "sets columns to null",
            FkAction::SetDefault => "sets columns to their defaults",
            FkAction::NoAction | FkAction::Restrict => continue,
        };
        if !context.is_old(*table) || is_there(context, *table, constraint) {
            continue;
        }
        let (name, other) = (context.old_name(*table), context.old_name(*to));
        found.push(Found::new(name.clone(), format!("deleting from {other} {does} in {name}")));
    }
    found
}

/// Whether a foreign key of the same columns with the same action is there, or was until just before.
fn is_there(context: &Context<'_>, table: RelId, new: &Constraint) -> bool {
    let same = |old: &Constraint| match (&old.kind, &new.kind) {
        (
            ConstraintKind::Foreign { columns, on_delete, .. },
            ConstraintKind::Foreign { columns: of, on_delete: does, .. },
        ) => columns == of && on_delete == does,
        _ => false,
    };
    context.was(table).is_some_and(|table| table.constraints.iter().any(same))
        || context.demands_so_far(table).any(|change| {
            matches!(change, Change::ConstraintDropped { table: of, constraint, .. }
                if *of == table && same(constraint))
        })
}
