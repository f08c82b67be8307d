//! DROP EXTENSION … CASCADE.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::DataType;
use crate::report::Severity;
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-extension-cascade",
        title: "dropping the extension drops columns and indexes that use it",
        severity: Severity::High,
        page: include_str!("../../hazards/drop-extension-cascade/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::Drop(drop) = context.ast else { return Vec::new() };
    if drop.kind != ObjectKind::Extension || !drop.cascade {
        return Vec::new();
    }
    // What an extension holds is not in the catalog: anything that is there may depend on it.
    let may_be_used =
        !context.after.is_whole() || context.after.relations.keys().any(|id| context.is_old(*id));
    let names = drop.names.iter().map(|name| &name.name.name);
    names
        .filter(|name| may_be_used && !context.is_made(ObjectKind::Extension, name))
        .map(|name| {
            let users = users(context, name);
            let what = match users.as_slice() {
                [] => "columns, indexes and defaults that use it, which are not known here".to_owned(),
                known => super::scope::listed(known),
            };
            Found::new(
                name.clone(),
                format!("with the extension {name} goes everything that depends on it: {what}"),
            )
        })
        .collect()
}

/// Columns of a type that is called like the extension.
fn users(context: &Context<'_>, extension: &str) -> Vec<String> {
    let is = |data_type: &DataType| {
        data_type.name == extension && data_type.schema.as_deref() != Some("pg_catalog")
    };
    let mut found = Vec::new();
    for (id, relation) in context.after.relations.iter() {
        let columns = relation.columns.iter().filter(|column| column.data_type.as_ref().is_some_and(is));
        found
            .extend(columns.filter(|_| context.is_old(*id)).map(|c| format!("{}.{}", relation.name, c.name)));
    }
    found
}
