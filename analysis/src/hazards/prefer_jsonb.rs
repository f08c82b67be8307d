//! Columns of type json.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "prefer-jsonb",
        title: "json keeps text and has no equality or index",
        severity: Severity::Info,
        page: include_str!("../../hazards/prefer-jsonb/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let types = context.new_types().into_iter();
    types
        .filter(|(_, data_type)| context.is_own_type(data_type, &["json"]))
        .map(|(name, _)| {
            Found::new(name.clone(), format!("{name} is json, which keeps text and has no equality or index"))
        })
        .collect()
}
