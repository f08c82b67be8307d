//! New columns of type varchar(n).

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "prefer-text",
        title: "a length limit is expensive to lower and seldom means anything",
        severity: Severity::Info,
        page: include_str!("../../hazards/prefer-text/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (table, column) in context.new_columns() {
        let Some(data_type) = &column.data_type else { continue };
        if let [length, ..] = data_type.modifiers.as_slice()
            && context.is_own_type(data_type, &["varchar"])
        {
            let name = format!("{table}.{}", column.name);
            let message = format!("{name} is varchar({length}): a limit that is expensive to lower");
            found.push(Found::new(name, message));
        }
    }
    found
}
