//! Changes of a column that the server refuses while something uses it.

use super::Context;
use crate::catalog::RelId;
use crate::syntax::{AlterAction, Ast};

/// ALTER COLUMN TYPE, or DROP COLUMN without CASCADE.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnChange<'a> {
    pub(super) table: RelId,
    pub(super) column: &'a str,
    drops: bool,
}

impl ColumnChange<'_> {
    /// What the server refuses, in words before the column's name.
    pub(super) const fn refusal(&self) -> &'static str {
        if self.drops { "the server refuses to drop" } else { "the server refuses another type for" }
    }
}

/// Those of a statement.
pub(super) fn refusable<'a>(context: &Context<'a>) -> Vec<ColumnChange<'a>> {
    let Ast::AlterTable(alter) = context.ast else { return Vec::new() };
    let Some(table) = context.named(&alter.relation) else { return Vec::new() };
    let changes = alter.actions.iter().filter_map(|action| match action {
        AlterAction::AlterType { column, .. } => Some(ColumnChange { table, column, drops: false }),
        AlterAction::DropColumn { column, cascade: false, .. } => {
            Some(ColumnChange { table, column, drops: true })
        }
        _ => None,
    });
    changes.collect()
}
