//! Tables that a crash empties.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::Persistence;
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::ObjectKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "unlogged-table",
        title: "an unlogged table is emptied by a crash and not replicated",
        severity: Severity::Medium,
        page: include_str!("../../hazards/unlogged-table/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let unlogged = |change: &Change| match change {
        Change::Created(object) if object.kind == ObjectKind::Table => object.relation,
        Change::Persistence { table, unlogged: true } => Some(*table),
        _ => None,
    };
    context
        .changes()
        .filter_map(unlogged)
        .filter_map(|id| context.relation(id))
        .filter(|table| table.persistence == Persistence::Unlogged)
        .map(|table| {
            let name = table.name.to_string();
            Found::new(name.clone(), format!("{name} is emptied by a crash and not replicated"))
        })
        .collect()
}
