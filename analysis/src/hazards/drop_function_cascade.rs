//! DROP of a function or operator with CASCADE.

use super::scope::listed;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-function-cascade",
        title: "dropping the function drops triggers, defaults and indexes that use it",
        severity: Severity::High,
        page: include_str!("../../hazards/drop-function-cascade/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::Drop(drop) = context.ast else { return Vec::new() };
    let routine = matches!(
        drop.kind,
        ObjectKind::Function
            | ObjectKind::Procedure
            | ObjectKind::Routine
            | ObjectKind::Aggregate
            | ObjectKind::Operator
    );
    let users = users(context);
    if !routine || !drop.cascade || users.is_empty() {
        return Vec::new();
    }
    let first = context.changes().find_map(|change| match change {
        Change::Dropped { object, implied: false, .. } => Some(object),
        _ => None,
    });
    first
        .filter(|object| context.is_old_object(object))
        .map(|object| {
            let message = format!("with {} goes what calls it in {}", object.name, listed(&users));
            Found::new(object.name.clone(), message)
        })
        .into_iter()
        .collect()
}

/// Relations that lost something.
pub(super) fn users(context: &Context<'_>) -> Vec<String> {
    context
        .past
        .iter()
        .filter(|(id, before)| context.is_old(**id) && context.after.get(**id) != Some(*before))
        .map(|(_, before)| before.name.to_string())
        .collect()
}
