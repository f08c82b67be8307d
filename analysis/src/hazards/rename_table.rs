//! ALTER TABLE … RENAME TO.

use super::scope::is_table;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "rename-table",
        title: "code that runs now loses the table's name",
        severity: Severity::High,
        page: include_str!("../../hazards/rename-table/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let renamed = |change: &Change| {
        let Change::Renamed { object, to } = change else { return None };
        let id = object.relation.filter(|id| context.is_old(*id))?;
        let whole = matches!(
            object.kind,
            ObjectKind::Table | ObjectKind::ForeignTable | ObjectKind::View | ObjectKind::Sequence
        );
        let table = context.was(id).filter(|table| whole && is_table(table))?;
        if context.has_later_view(&object.name, &table.columns) {
            return None;
        }
        let name = object.name.clone();
        Some(if takes_over(context, id) {
            let message = format!("{name} is called {to}, as another table was until here");
            Found::new(name, message).as_grave_as(Severity::Low)
        } else if is_taken_over(context, &name) {
            let message =
                format!("{name} is called {to}, and code that runs now finds another table under its name");
            Found::new(name, message).as_grave_as(Severity::Medium)
        } else {
            Found::new(
                name.clone(),
                format!("code that runs now still asks for {name}, which is called {to}"),
            )
        })
    };
    context.changes().filter_map(renamed).collect()
}

/// Whether it gets a name that the script has just taken from another table: a swap.
fn takes_over(context: &Context<'_>, id: crate::catalog::RelId) -> bool {
    let name = context.relation(id).map(|table| table.name.to_string());
    context
        .earlier
        .iter()
        .any(|change| matches!(change, Change::Renamed { object, .. } if Some(&object.name) == name.as_ref()))
}

/// Whether another table gets the name.
fn is_taken_over(context: &Context<'_>, name: &str) -> bool {
    context.is_made_later(ObjectKind::Table, name)
        || context.rest.iter().any(|ast| {
            let Ast::Rename(rename) = ast else { return false };
            let of = context.after.full_name(&rename.name.name);
            rename.name.part.is_none()
                && crate::catalog::Name::new(&of.schema, &rename.to).to_string() == name
        })
}
