//! CREATE OR REPLACE VIEW, and ALTER VIEW of options and defaults.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{RelId, RelationKind};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::ObjectKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "replace-view",
        title: "the view changes under running queries and is locked exclusively",
        severity: Severity::Low,
        page: include_str!("../../hazards/replace-view/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let id = |change: &Change| match change {
        Change::Replaced(object) if object.kind == ObjectKind::View => object.relation,
        Change::OptionsChanged { relation, .. } => Some(*relation),
        Change::DefaultChanged { table, .. } => Some(*table),
        _ => None,
    };
    let mut ids: Vec<RelId> = context.changes().filter_map(id).collect();
    ids.dedup();
    ids.into_iter()
        .filter(|id| context.is_old(*id))
        .filter(|id| context.was(*id).is_some_and(|view| view.kind == RelationKind::View))
        .map(|id| {
            let name = context.old_name(id);
            let message = format!("{name} waits for every query on it, and changes for those that follow");
            Found::new(name, message)
        })
        .collect()
}
