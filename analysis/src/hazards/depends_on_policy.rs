//! A column that cannot be changed because of a policy or trigger.

use super::{Context, Found, HazardInfo, Rule, column_change};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "depends-on-policy",
        title: "the column cannot be changed because a policy or a trigger uses it",
        severity: Severity::Medium,
        page: include_str!("../../hazards/depends-on-policy/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if context.effects.fails.is_none() {
        return Vec::new();
    }
    let found = column_change::refusable(context).into_iter().filter_map(|change| {
        let table = context.relation(change.table)?;
        let policy = table.policies.iter().find(|policy| policy.columns.contains(change.column));
        let trigger = table.triggers.iter().find(|trigger| trigger.columns.contains(change.column));
        let by = match (policy, trigger) {
            (Some(policy), _) => format!("the policy {}", policy.name),
            (None, Some(trigger)) => format!("the trigger {}", trigger.name),
            (None, None) => return None,
        };
        let column = context.column(change.table, change.column);
        Some(Found::new(column.clone(), format!("{} {column}: {by} uses it", change.refusal())))
    });
    found.collect()
}
