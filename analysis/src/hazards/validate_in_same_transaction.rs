//! VALIDATE CONSTRAINT in the transaction that added it.

use super::{Context, Found, HazardInfo, Rule, validate_constraint};
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "validate-in-same-transaction",
        title: "validating in the transaction that added the constraint keeps its lock through the scan",
        severity: Severity::High,
        page: include_str!("../../hazards/validate-in-same-transaction/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context.changes().filter_map(|change| {
        let Change::ConstraintValidated { table, constraint } = change else { return None };
        if !context.exists(*table) || context.is_empty(*table) {
            return None;
        }
        if !validate_constraint::is_of_this_transaction(context, *table, constraint) {
            return None;
        }
        let name = context.name(*table);
        let message =
            format!("the lock that adding {constraint} took on {name} is held while every row is checked");
        Some(Found::new(name, message))
    });
    found.collect()
}
