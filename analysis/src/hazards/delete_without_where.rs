//! DELETE of every row.

use super::rows::writes_every_row;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::syntax::WriteKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "delete-without-where",
        title: "DELETE without WHERE deletes every row",
        severity: Severity::High,
        page: include_str!("../../hazards/delete-without-where/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Some(dml) = context.dml() else { return Vec::new() };
    dml.writes
        .iter()
        .filter(|write| write.kind == WriteKind::Delete && writes_every_row(context, dml, write))
        .filter_map(|write| context.old_table(&write.table))
        .map(|id| {
            let name = context.old_name(id);
            Found::new(name.clone(), format!("every row of {name} is deleted"))
        })
        .collect()
}
