//! DROP FUNCTION and its relatives.

use super::drop_function_cascade::users;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, Drop, ObjectKind, ObjectName};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-function",
        title: "calls of the function fail",
        severity: Severity::Medium,
        page: include_str!("../../hazards/drop-function/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::Drop(drop) = context.ast else { return Vec::new() };
    // With users it is what they lose that counts.
    if drop.cascade && !users(context).is_empty() {
        return Vec::new();
    }
    let routine = |kind| {
        matches!(
            kind,
            ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Routine | ObjectKind::Aggregate
        )
    };
    let gone = |change: &Change| match change {
        Change::Dropped { object, implied: false, .. }
            if routine(object.kind)
                && context.is_old_object(object)
                && !is_of_trigger(context, &object.name)
                && !is_made_again(context, drop, &object.name) =>
        {
            let name = object.name.clone();
            Some(Found::new(name.clone(), format!("calls of {name} fail")))
        }
        _ => None,
    };
    context.changes().filter_map(gone).collect()
}

/// Nobody can call the function of a trigger, and without CASCADE no trigger does.
fn is_of_trigger(context: &Context<'_>, dropped: &str) -> bool {
    context
        .changes()
        .any(|change| matches!(change, Change::TriggerFunctionDropped { name } if name == dropped))
}

/// Whether a later statement makes one of the same name and argument types.
fn is_made_again(context: &Context<'_>, drop: &Drop, name: &str) -> bool {
    let types = |written: &[crate::syntax::TypeName]| -> Vec<String> {
        written.iter().map(|of| context.after.data_type(of).to_string()).collect()
    };
    let dropped: Option<&ObjectName> =
        drop.names.iter().find(|named| context.after.new_name(&named.name).to_string() == name);
    let wanted = dropped.and_then(|named| named.arguments.as_deref()).map(types);
    context.rest.iter().any(|ast| {
        let Ast::CreateRoutine(made) = ast else { return false };
        context.after.new_name(&made.name).to_string() == name
            && wanted.as_ref().is_none_or(|wanted| *wanted == types(&made.arguments))
    })
}
