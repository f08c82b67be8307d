//! A new table without a primary key.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{ConstraintKind, Persistence, RelId, RelationKind};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{AlterAction, Ast, ColumnConstraint, NewConstraintKind, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "require-primary-key",
        title: "a table without a primary key cannot be replicated or batched well",
        severity: Severity::Low,
        page: include_str!("../../hazards/require-primary-key/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let made = |change: &Change| match change {
        Change::Created(object) if object.kind == ObjectKind::Table => object.relation,
        _ => None,
    };
    context
        .changes()
        .filter_map(made)
        .filter(|id| is_without(context, *id) && !gets_one(context, *id))
        .map(|id| {
            let name = context.name(id);
            let message = format!("{name} has no primary key, which replication and batches need");
            Found::new(name, message)
        })
        .collect()
}

fn is_without(context: &Context<'_>, id: RelId) -> bool {
    let foreign = matches!(context.ast, Ast::CreateTable(create) if create.foreign);
    context.relation(id).is_some_and(|table| {
        !foreign
            && matches!(table.kind, RelationKind::Table | RelationKind::Partitioned)
            && table.persistence != Persistence::Temporary
            && table.inheritance.partition.is_none()
            && table.inheritance.parents.is_empty()
            && !table.constraints.iter().any(|c| matches!(c.kind, ConstraintKind::Primary { .. }))
    })
}

/// Whether the script adds one later, makes a partition of the table, or drops it.
fn gets_one(context: &Context<'_>, id: RelId) -> bool {
    let Some(name) = context.relation(id).map(|table| &table.name) else { return true };
    let added = context.later_actions(id).any(|action| match action {
        AlterAction::AddConstraint(constraint) => is_primary(&constraint.kind),
        AlterAction::AddColumn { column, .. } => column
            .constraints
            .iter()
            .any(|found| matches!(found, ColumnConstraint::Constraint(found) if is_primary(&found.kind))),
        AlterAction::Inherit { .. } => true,
        _ => false,
    });
    let attached = context.following(&name.name).into_iter().any(|ast| {
        let Ast::AlterTable(alter) = ast else { return false };
        alter.actions.iter().any(|action| {
            matches!(action, AlterAction::AttachPartition { partition, .. }
                if context.after.full_name(partition) == *name)
        })
    });
    added || attached || context.is_dropped_later(ObjectKind::Table, name)
}

const fn is_primary(kind: &NewConstraintKind) -> bool {
    matches!(kind, NewConstraintKind::PrimaryKey { .. } | NewConstraintKind::UsingIndex { primary: true, .. })
}
