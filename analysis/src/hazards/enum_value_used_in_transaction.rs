//! A new enum value used before it is committed.

use super::{Context, Found, HazardInfo, Rule, literals, writes};
use crate::catalog::Relation;
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "enum-value-used-in-transaction",
        title: "a new enum value fails when it is used before it is committed",
        severity: Severity::High,
        page: include_str!("../../hazards/enum-value-used-in-transaction/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let defines =
        matches!(context.ast, Ast::AlterEnum(_) | Ast::CreateRoutine(_) | Ast::Comment { .. } | Ast::Do(_));
    if defines || context.transaction.labels.is_empty() {
        return Vec::new();
    }
    let written = literals::literals(context.text);
    let mut found = Vec::new();
    for (name, label) in &context.transaction.labels {
        if is_new_type(context, name) || !written.contains(label) || !reaches(context, name) {
            continue;
        }
        let message = format!(
            "'{label}' of {name} is used in the file that adds it: pgbelay commits what is before it first, tools that \
             run the whole file in one transaction fail here"
        );
        found.push(Found::new(name.clone(), message).as_grave_as(Severity::Info));
    }
    found
}

/// A type that the script made itself has no such rule.
fn is_new_type(context: &Context<'_>, name: &str) -> bool {
    context.earlier.iter().any(|change| {
        matches!(change, Change::Created(object) if object.name == name
            && matches!(object.kind, ObjectKind::Type | ObjectKind::Domain))
    })
}

/// Whether the statement casts to the type, or speaks of a column that has it.
fn reaches(context: &Context<'_>, name: &str) -> bool {
    let words = literals::words(context.text);
    let bare = name.rsplit('.').next().unwrap_or(name);
    if words.iter().any(|word| word == bare) {
        return true;
    }
    let whole_rows = writes(context.ast).iter().any(|write| write.columns.is_empty());
    let touched = context.effects.locks.keys().filter_map(|subject| context.relation(subject.id?));
    let made = context.changes().filter_map(|change| match change {
        Change::Created(object) => context.relation(object.relation?),
        _ => None,
    });
    touched
        .chain(made)
        .any(|relation| columns_of(relation, name).iter().any(|column| whole_rows || words.contains(column)))
}

fn columns_of(relation: &Relation, name: &str) -> Vec<String> {
    let of_type = relation.columns.iter().filter(|column| {
        let full = column.data_type.as_ref().and_then(|data_type| data_type.full_name());
        full.is_some_and(|full| full.to_string() == name)
    });
    of_type.map(|column| column.name.clone()).collect()
}
