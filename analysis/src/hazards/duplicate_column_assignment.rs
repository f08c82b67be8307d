//! A column that is assigned twice.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "duplicate-column-assignment",
        title: "the statement assigns one column twice and fails",
        severity: Severity::High,
        page: include_str!("../../hazards/duplicate-column-assignment/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Some(dml) = context.dml() else { return Vec::new() };
    dml.writes
        .iter()
        .filter_map(|write| {
            let column = write.repeated.as_ref()?;
            let name = format!("{}.{column}", context.after.full_name(&write.table));
            Some(Found::new(name.clone(), format!("{name} is assigned twice, which the server refuses")))
        })
        .collect()
}
