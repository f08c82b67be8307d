//! Times without fractions of a second.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "no-timestamp-zero",
        title: "timestamp(0) rounds, and can lie in the future",
        severity: Severity::Low,
        page: include_str!("../../hazards/no-timestamp-zero/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let times = ["timestamp", "timestamptz", "time", "timetz"];
    let types = context.new_types().into_iter();
    types
        .filter(|(_, data_type)| data_type.modifiers == [0] && context.is_own_type(data_type, &times))
        .map(|(name, _)| {
            Found::new(name.clone(), format!("{name} rounds to whole seconds, also into the future"))
        })
        .collect()
}
