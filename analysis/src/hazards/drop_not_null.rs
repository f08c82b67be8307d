//! ALTER COLUMN … DROP NOT NULL.

use super::constraints::forbids_null;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::AlterAction;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-not-null",
        title: "readers may meet nulls that they do not expect",
        severity: Severity::Low,
        page: include_str!("../../hazards/drop-not-null/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let allowed = |change: &Change| match change {
        Change::NotNullDropped { table, column } if context.is_old_column(*table, column) => {
            let after = context.relation(*table)?;
            let forbidden = after.constraints.iter().any(|constraint| {
                constraint.valid && constraint.enforced && forbids_null(constraint) == Some(column.as_str())
            });
            let back = context
                .later_actions(*table)
                .any(|action| matches!(action, AlterAction::SetNotNull { column: again } if again == column));
            let name = context.old_column(*table, column);
            let message = format!("{name} may be null from here on, which readers do not expect");
            (!forbidden && !back).then(|| Found::new(name, message))
        }
        _ => None,
    };
    context.changes().filter_map(allowed).collect()
}
