//! Changes after which prepared statements fail.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::RelId;
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "cached-plan-invalidated",
        title: "prepared statements fail with \"cached plan must not change result type\"",
        severity: Severity::Medium,
        page: include_str!("../../hazards/cached-plan-invalidated/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (table, column) in context.changes().filter_map(|change| changed(context, change)) {
        if context.is_old_column(table, &column) {
            let name = context.old_column(table, &column);
            let message =
                format!("prepared statements that return {name} fail until they are prepared again");
            found.push(Found::new(name, message));
        }
    }
    found
}

fn changed(context: &Context<'_>, change: &Change) -> Option<(RelId, String)> {
    match change {
        Change::TypeChanged { table, column, from, to, .. } if from.as_ref() != Some(to) => {
            Some((*table, column.clone()))
        }
        Change::ColumnDropped { table, column } => Some((*table, column.name.clone())),
        Change::Renamed { object, .. } if object.kind == ObjectKind::Column => {
            let Ast::Rename(rename) = context.ast else { return None };
            Some((object.relation?, rename.name.part.clone()?))
        }
        _ => None,
    }
}
