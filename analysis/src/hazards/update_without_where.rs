//! UPDATE of every row.

use super::rows::writes_every_row;
use super::scope::listed;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::syntax::WriteKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "update-without-where",
        title: "UPDATE without WHERE overwrites every row",
        severity: Severity::High,
        page: include_str!("../../hazards/update-without-where/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Some(dml) = context.dml() else { return Vec::new() };
    let mut found = Vec::new();
    for write in dml.writes.iter().filter(|write| write.kind == WriteKind::Update) {
        let Some(id) = context.old_table(&write.table) else { continue };
        let old: Vec<String> =
            write.columns.iter().filter(|column| !context.is_new_column(id, column)).cloned().collect();
        if !old.is_empty() && writes_every_row(context, dml, write) {
            let name = context.old_name(id);
            let message = format!("{} is overwritten in every row of {name}", listed(&old));
            found.push(Found::new(name, message));
        }
    }
    found
}
