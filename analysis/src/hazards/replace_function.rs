//! CREATE OR REPLACE and ALTER of a function.

use super::scope::listed;
use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{ConstraintKind, Key, Relation};
use crate::report::Severity;
use crate::simulate::{Change, ObjectRef};
use crate::syntax::{Ast, Expr, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "replace-function",
        title: "code that runs now gets the new behaviour at once",
        severity: Severity::Medium,
        page: include_str!("../../hazards/replace-function/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let replaced = |change: &Change| match change {
        Change::Replaced(object)
            if matches!(object.kind, ObjectKind::Function | ObjectKind::Procedure)
                && context.is_old_object(object) =>
        {
            Some(replaced(context, object))
        }
        _ => None,
    };
    context.changes().filter_map(replaced).collect()
}

fn replaced(context: &Context<'_>, function: &ObjectRef) -> Found {
    let name = &function.name;
    let bare = name.rsplit('.').next().unwrap_or(name).trim_matches('"');
    let users: Vec<String> = context
        .after
        .users_of_function(bare)
        .into_iter()
        .filter(|id| context.is_old(*id))
        .filter_map(|id| context.relation(id))
        .filter(|relation| stores(relation, bare))
        .map(|relation| relation.name.to_string())
        .collect();
    if users.is_empty() {
        return Found::new(name.clone(), format!("every call of {name} gets the new behaviour at once"));
    }
    let users = listed(&users);
    if is_no_longer_immutable(context) {
        let message =
            format!("{name} is no longer immutable, and indexes or columns of {users} were computed with it");
        return Found::new(name.clone(), message).as_grave_as(Severity::High);
    }
    let message = format!(
        "every call of {name} gets the new behaviour at once, but what {users} stores of the old one stays"
    );
    Found::new(name.clone(), message)
}

/// Indexes and generated columns take immutable functions only.
fn is_no_longer_immutable(context: &Context<'_>) -> bool {
    match context.ast {
        Ast::CreateRoutine(made) => made.volatility != 'i',
        Ast::AlterRoutine { volatility, .. } => volatility.is_some_and(|letter| letter != 'i'),
        _ => false,
    }
}

/// Whether an index, a generated column or a CHECK calls the function.
fn stores(relation: &Relation, function: &str) -> bool {
    let calls = |expression: &Expr| expression.calls().iter().any(|(name, _)| name.name == function);
    let indexed = relation.indexes.iter().any(|index| {
        index.predicate.as_ref().is_some_and(calls)
            || index
                .keys
                .iter()
                .any(|key| matches!(&key.key, Key::Expression(expression) if calls(expression)))
    });
    indexed
        || relation
            .columns
            .iter()
            .any(|column| column.generated.as_ref().is_some_and(|g| calls(&g.expression)))
        || relation.constraints.iter().any(
            |constraint| matches!(&constraint.kind, ConstraintKind::Check(check) if calls(&check.expression)),
        )
}
