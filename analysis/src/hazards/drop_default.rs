//! ALTER COLUMN … DROP DEFAULT, and DROP EXPRESSION.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::RelId;
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::AlterAction;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-default",
        title: "inserts that leave the column out change their meaning",
        severity: Severity::Low,
        page: include_str!("../../hazards/drop-default/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let gone = |change: &Change| match change {
        Change::DefaultChanged { table, column, before: true, after: false, not_null }
            if context.is_old_column(*table, column) && !gets_another(context, *table, column) =>
        {
            let name = context.old_column(*table, column);
            Some(if *not_null {
                let message = format!("{name} loses its default: inserts that leave it out fail");
                Found::new(name, message).as_grave_as(Severity::Medium)
            } else {
                let message = format!("{name} loses its default: inserts that leave it out store null");
                Found::new(name, message)
            })
        }
        Change::ExpressionDropped { table, column } if context.is_old_column(*table, column) => {
            let name = context.old_column(*table, column);
            let message = format!("{name} is no longer computed: inserts that leave it out store null");
            Some(Found::new(name, message))
        }
        _ => None,
    };
    context.changes().filter_map(gone).collect()
}

/// Whether the script gives the column another default, or an identity.
fn gets_another(context: &Context<'_>, table: RelId, name: &str) -> bool {
    context.actions_from_here(table).any(|action| match action {
        AlterAction::SetDefault { column, .. }
        | AlterAction::AddIdentity { column, .. }
        | AlterAction::DropColumn { column, .. } => column == name,
        _ => false,
    })
}
