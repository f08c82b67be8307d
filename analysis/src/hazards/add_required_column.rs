//! A new column that inserts have to give a value for.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::AlterAction;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "add-required-column",
        title: "inserts of code that runs now fail, and on a table with rows so does the statement",
        severity: Severity::High,
        page: include_str!("../../hazards/add-required-column/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context.changes().filter_map(|change| required(context, change)).collect()
}

fn required(context: &Context<'_>, change: &Change) -> Option<Found> {
    let (table, name) = match change {
        Change::ColumnAdded { table, column, serial: false } => (*table, &column.name),
        // Columns that the script added before.
        Change::DefaultChanged { table, column, after: false, .. }
        | Change::NotNullSet { table, column, .. } => (*table, column),
        _ => return None,
    };
    let column = context.relation(table)?.column(name)?;
    let filled = column.default.is_some() || column.identity.is_some() || column.generated.is_some();
    let required = column.not_null && !filled && !has_domain_default(context, column);
    if !required || !context.is_old(table) || !context.is_new_column(table, name) {
        return None;
    }
    let shown = context.old_column(table, name);
    if let Change::ColumnAdded { .. } = change {
        let cured = context
            .later_actions(table)
            .any(|action| matches!(action, AlterAction::DropNotNull { column } if column == name));
        let message =
            format!("inserts that leave {shown} out fail, and so does this statement if the table has rows");
        return (!cured).then(|| Found::new(shown, message));
    }
    let later = context
        .later_actions(table)
        .any(|action| matches!(action, AlterAction::SetDefault { column, .. } if column == name));
    let message =
        format!("{shown} is NOT NULL without a default from here on: inserts that leave it out fail");
    (!later).then(|| Found::new(shown, message))
}

fn has_domain_default(context: &Context<'_>, column: &crate::catalog::Column) -> bool {
    let definition = column.data_type.as_ref().and_then(|found| context.after.types.get(&found.full_name()?));
    matches!(definition, Some(crate::catalog::TypeDefinition::Domain(domain)) if domain.default.is_some())
}
