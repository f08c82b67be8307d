//! Another position, step or range of a sequence or identity.

use super::words::words;
use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::RelId;
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{AlterAction, Ast};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "change-sequence",
        title: "new keys may collide or be refused",
        severity: Severity::Low,
        page: include_str!("../../hazards/change-sequence/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    match context.ast {
        Ast::AlterSequence { .. } if changes_numbers(context.text) => sequences(context),
        Ast::Truncate(truncate) if truncate.restart_identity => sequences(context),
        Ast::AlterTable(alter) => {
            let id = context.old_table(&alter.relation);
            id.map(|id| identities(context, id)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

fn changes_numbers(text: &str) -> bool {
    let words = words(text);
    let told = ["restart", "increment", "minvalue", "maxvalue", "as", "cycle"];
    words.iter().skip(2).any(|word| !word.quoted && told.contains(&word.text.as_str()))
}

fn sequences(context: &Context<'_>) -> Vec<Found> {
    let changed = |change: &Change| match change {
        Change::SequenceChanged { sequence: Some(id) } if context.is_old(*id) => {
            let name = context.old_name(*id);
            let message = format!("{name} gives other numbers from here on, which may collide or be refused");
            Some(Found::new(name, message))
        }
        _ => None,
    };
    context.changes().filter_map(changed).collect()
}

fn identities(context: &Context<'_>, id: RelId) -> Vec<Found> {
    let changed = |action: &AlterAction| match action {
        AlterAction::SetIdentity { column, .. } | AlterAction::DropIdentity { column, .. }
            if context.is_old_column(id, column)
                && context.column_before(id, column).is_none_or(|column| column.identity.is_some()) =>
        {
            let name = context.old_column(id, column);
            let message = match action {
                AlterAction::DropIdentity { .. } => format!("{name} no longer gets numbers by itself"),
                _ => format!("{name} gets its numbers in another way from here on"),
            };
            Some(Found::new(name, message))
        }
        _ => None,
    };
    context.actions().iter().filter_map(changed).collect()
}
