//! Columns of type money.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "no-money",
        title: "money depends on the server's lc_monetary",
        severity: Severity::Low,
        page: include_str!("../../hazards/no-money/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let types = context.new_types().into_iter();
    types
        .filter(|(_, data_type)| context.is_own_type(data_type, &["money"]))
        .map(|(name, _)| {
            Found::new(name.clone(), format!("what {name} means depends on the server's lc_monetary"))
        })
        .collect()
}
