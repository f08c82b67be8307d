//! Row level security where no policy lets rows through.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::RelId;
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::Ast;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "row-level-security-without-policy",
        title: "row level security without a policy hides every row",
        severity: Severity::High,
        page: include_str!("../../hazards/row-level-security-without-policy/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let hidden = |change: &Change| match change {
        Change::RowSecurity { table, enabled: true } => {
            let before = context.was(*table).is_some_and(|table| table.row_security);
            (!before).then_some(*table)
        }
        Change::PolicyChanged { table, dropped: true, .. } => Some(*table),
        _ => None,
    };
    context
        .changes()
        .filter_map(hidden)
        .filter(|table| context.is_old(*table) && is_closed(context, *table))
        .map(|table| {
            let name = context.old_name(table);
            let message = format!("roles other than the owner see no row of {name}, which has no policy");
            Found::new(name, message)
        })
        .collect()
}

/// Whether row security is on at the end, and no policy.
fn is_closed(context: &Context<'_>, id: RelId) -> bool {
    let Some(table) = context.relation(id) else { return false };
    let later = context.rest.iter().any(|ast| {
        matches!(ast, Ast::CreatePolicy(policy) if context.after.full_name(&policy.table) == table.name)
    });
    let off = context
        .later_actions(id)
        .any(|action| matches!(action, crate::syntax::AlterAction::RowSecurity { enable: false }));
    table.row_security && table.policies.is_empty() && !table.partial && !later && !off
}
