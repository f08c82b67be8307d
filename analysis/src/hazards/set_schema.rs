//! ALTER … SET SCHEMA.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::{Change, ObjectRef};
use crate::syntax::ObjectKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "set-schema",
        title: "code that runs now no longer finds the object",
        severity: Severity::High,
        page: include_str!("../../hazards/set-schema/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let moved = |change: &Change| match change {
        Change::Moved { object, schema }
            if object.kind != ObjectKind::Extension
                && context.is_old_object(object)
                && !object.name.starts_with(&format!("{}.", crate::catalog::quoted(schema)))
                && !is_replaced(context, object) =>
        {
            let name = object.name.clone();
            let message = format!("code that runs now looks for {name}, which is in {schema}");
            Some(Found::new(name, message))
        }
        _ => None,
    };
    context.changes().filter_map(moved).collect()
}

/// Whether something of the old name takes its place.
fn is_replaced(context: &Context<'_>, object: &ObjectRef) -> bool {
    let columns = object.relation.and_then(|id| context.was(id)).map(|relation| relation.columns.as_slice());
    let name = full_name(context, object);
    columns.is_some_and(|columns| context.has_later_view(&name, columns))
        || context.is_made_later(object.kind, &name)
}

/// Functions are named as the statement names them.
fn full_name(context: &Context<'_>, object: &ObjectRef) -> String {
    let schema = (!object.name.contains('.')).then(|| context.after.creation_schema());
    schema.map_or_else(|| object.name.clone(), |schema| format!("{schema}.{}", object.name))
}
