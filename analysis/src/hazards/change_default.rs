//! ALTER COLUMN … SET DEFAULT of a column that has another one.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::RelationKind;
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "change-default",
        title: "inserts that leave the column out get another value",
        severity: Severity::Low,
        page: include_str!("../../hazards/change-default/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let changed = |change: &Change| match change {
        Change::DefaultChanged { table, column, before: true, after: true, .. }
            if context.is_old_column(*table, column) =>
        {
            let before = context.column_before(*table, column)?;
            let after = context.relation(*table)?.column(column)?;
            let view = context.was(*table).is_some_and(|found| found.kind == RelationKind::View);
            let name = context.old_column(*table, column);
            let message = format!("inserts that leave {name} out get another value than before");
            (!view && before.default != after.default).then(|| Found::new(name, message))
        }
        _ => None,
    };
    context.changes().filter_map(changed).collect()
}
