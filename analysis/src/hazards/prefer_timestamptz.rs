//! Columns of type timestamp, and time with time zone.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::DataType;
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "prefer-timestamptz",
        title: "timestamp without time zone does not say which moment it is",
        severity: Severity::Low,
        page: include_str!("../../hazards/prefer-timestamptz/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let types = context.new_types().into_iter();
    types
        .filter(|(_, data_type)| context.is_own_type(data_type, &["timestamp", "timetz"]))
        .map(|(name, data_type)| {
            let DataType { name: written, .. } = context.after.data_type(data_type);
            Found::new(name.clone(), format!("{name} is {written}, which does not say which moment is meant"))
        })
        .collect()
}
