//! serial columns.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "prefer-identity",
        title: "serial leaves a sequence with rights and owner of its own",
        severity: Severity::Info,
        page: include_str!("../../hazards/prefer-identity/page.md"),
    },
    check,
};

const SERIAL: [&str; 6] = ["serial", "serial2", "serial4", "serial8", "smallserial", "bigserial"];

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (table, column) in context.new_columns() {
        let Some(data_type) = &column.data_type else { continue };
        if data_type.name.schema.is_none() && SERIAL.contains(&data_type.name.name.as_str()) {
            let name = format!("{table}.{}", column.name);
            let message =
                format!("{name} is {}: its sequence has rights and an owner of its own", data_type.name.name);
            found.push(Found::new(name, message));
        }
    }
    found
}
