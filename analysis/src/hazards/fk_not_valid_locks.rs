//! ADD FOREIGN KEY … NOT VALID, which locks both tables all the same.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::ConstraintKind;
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "fk-not-valid-locks",
        title: "a NOT VALID foreign key still locks both tables for a moment",
        severity: Severity::Low,
        page: include_str!("../../hazards/fk-not-valid-locks/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context
        .changes()
        .filter_map(|change| {
            let Change::ConstraintAdded { table, constraint, new_columns, with_table, .. } = change else {
                return None;
            };
            let ConstraintKind::Foreign { to, .. } = &constraint.kind else { return None };
            let unchecked = !constraint.valid && !new_columns && !with_table;
            if !unchecked || to == table || !context.exists(*table) || !context.exists(*to) {
                return None;
            }
            let (name, peer) = (context.name(*table), context.name(*to));
            let why = match context.without_end(Severity::Low) {
                Some((_, how_long)) => format!("while the second lock is waited for, they wait {how_long}"),
                None if context.work_follows() => {
                    "until the work that follows in the transaction is done".to_owned()
                }
                None => return None,
            };
            Some(Found::new(name.clone(), format!("writes of {name} and {peer} wait for both locks: {why}")))
        })
        .collect()
}
