//! DROP TYPE and DROP DOMAIN with CASCADE.

use super::scope::listed;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-type-cascade",
        title: "dropping the type drops every column that has it",
        severity: Severity::High,
        page: include_str!("../../hazards/drop-type-cascade/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::Drop(drop) = context.ast else { return Vec::new() };
    if !matches!(drop.kind, ObjectKind::Type | ObjectKind::Domain) || !drop.cascade {
        return Vec::new();
    }
    let mut gone: Vec<String> = Vec::new();
    for change in context.changes() {
        match change {
            Change::ColumnDropped { table, column } if context.is_old_column(*table, &column.name) => {
                gone.push(context.old_column(*table, &column.name));
            }
            Change::Dropped { object, implied: true, .. } if context.is_old_object(object) => {
                gone.push(object.name.clone());
            }
            _ => {}
        }
    }
    let types = context.changes().filter_map(|change| match change {
        Change::Dropped { object, implied: false, .. } => Some(object),
        _ => None,
    });
    types
        .filter(|object| context.is_old_object(object))
        .filter_map(|object| {
            let mut gone = gone.clone();
            gone.extend(functions(context, &object.name));
            let message = format!("with the type {} goes what has it: {}", object.name, listed(&gone));
            (!gone.is_empty()).then(|| Found::new(object.name.clone(), message))
        })
        .collect()
}

/// Functions that take or give the type.
fn functions(context: &Context<'_>, name: &str) -> Vec<String> {
    let array = format!("{name}[]");
    let is = |written: &String| *written == name || *written == array;
    let uses = |function: &&crate::catalog::Function| {
        function.arguments.iter().any(is) || function.returns.as_ref().is_some_and(is)
    };
    let all = context.after.functions.iter();
    all.filter(|(_, functions)| functions.iter().any(|function| uses(&function)))
        .map(|(name, _)| format!("function {name}"))
        .collect()
}
