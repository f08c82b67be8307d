//! ALTER COLUMN TYPE whose cast drops a part of the values without an error.

use super::casts::{loses, using_loses};
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{AlterAction, Expr};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "lossy-type-change",
        title: "the type change silently loses part of the values",
        severity: Severity::High,
        page: include_str!("../../hazards/lossy-type-change/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for change in context.changes() {
        let Change::TypeChanged { table, column, from: Some(from), to, .. } = change else { continue };
        if !context.is_old_column(*table, column) {
            continue;
        }
        let lost = match using(context, column) {
            Some(using) => using_loses(context.after, using, column, from, to),
            None => loses(context.after, from, to),
        };
        if let Some(lost) = lost {
            let name = context.old_column(*table, column);
            let message = format!("{name} changes from {from} to {to}, and {lost}");
            found.push(Found::new(name, message));
        }
    }
    found
}

fn using<'a>(context: &Context<'a>, name: &str) -> Option<&'a Expr> {
    context.actions().iter().find_map(|action| match action {
        AlterAction::AlterType { column, using: Some(using), .. } if column == name => Some(using),
        _ => None,
    })
}
