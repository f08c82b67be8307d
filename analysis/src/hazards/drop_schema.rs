//! DROP SCHEMA … CASCADE.

use super::scope::listed;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::{Change, ObjectRef};
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-schema",
        title: "DROP SCHEMA CASCADE drops everything in it",
        severity: Severity::High,
        page: include_str!("../../hazards/drop-schema/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::Drop(drop) = context.ast else { return Vec::new() };
    if drop.kind != ObjectKind::Schema || !drop.cascade {
        return Vec::new();
    }
    let dropped: Vec<&ObjectRef> = context
        .changes()
        .filter_map(|change| match change {
            Change::Dropped { object, .. } => Some(object),
            _ => None,
        })
        .collect();
    let (schemas, inside): (Vec<&ObjectRef>, Vec<&ObjectRef>) =
        dropped.into_iter().partition(|object| object.kind == ObjectKind::Schema);
    let names: Vec<String> = inside
        .into_iter()
        .filter(|object| object.kind != ObjectKind::Sequence && context.is_old_object(object))
        .map(|object| object.name.clone())
        .collect();
    schemas
        .into_iter()
        .filter(|schema| context.is_old_object(schema))
        .filter(|_| !names.is_empty() || !context.after.is_whole())
        .map(|schema| {
            let what = if names.is_empty() { "whatever is in it".to_owned() } else { listed(&names) };
            let message = format!("schema {} goes with everything in it: {what}", schema.name);
            Found::new(schema.name.clone(), message)
        })
        .collect()
}
