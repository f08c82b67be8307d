//! ALTER SCHEMA … RENAME TO.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::ObjectKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "rename-schema",
        title: "code that runs now loses every name in the schema",
        severity: Severity::High,
        page: include_str!("../../hazards/rename-schema/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let renamed = |change: &Change| match change {
        Change::Renamed { object, to }
            if object.kind == ObjectKind::Schema
                && context.is_old_object(object)
                && (!context.after.is_whole() || holds(context, to)) =>
        {
            let name = object.name.clone();
            let message =
                format!("code that runs now no longer finds anything in {name}, which is called {to}");
            Some(Found::new(name, message))
        }
        _ => None,
    };
    context.changes().filter_map(renamed).collect()
}

fn holds(context: &Context<'_>, schema: &str) -> bool {
    let after = context.after;
    after.relations.iter().any(|(id, relation)| relation.name.schema == schema && context.exists(*id))
        || after.types.keys().any(|name| name.schema == schema)
        || after.functions.keys().any(|name| name.schema == schema)
}
