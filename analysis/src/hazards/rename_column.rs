//! RENAME COLUMN and RENAME ATTRIBUTE.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "rename-column",
        title: "code that runs now loses the column's name",
        severity: Severity::High,
        page: include_str!("../../hazards/rename-column/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::Rename(rename) = context.ast else { return Vec::new() };
    let Some(from) = rename.name.part.as_deref() else { return Vec::new() };
    let renamed = |change: &Change| match change {
        Change::Renamed { object, to }
            if matches!(object.kind, ObjectKind::Column | ObjectKind::Attribute)
                && object.relation.is_some_and(|id| context.is_old_column(id, from)) =>
        {
            let name = object.name.clone();
            let message = format!("code that runs now still asks for {name}, which is called {to}");
            Some(Found::new(name, message))
        }
        _ => None,
    };
    context.changes().filter_map(renamed).collect()
}
