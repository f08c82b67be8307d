//! DROP CONSTRAINT, and ALTER CONSTRAINT … NOT ENFORCED.

use super::constraints::{self, Demand};
use super::scope::listed;
use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{Constraint, ConstraintKind, RelId};
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-constraint",
        title: "a rule about the data is given up",
        severity: Severity::Medium,
        page: include_str!("../../hazards/drop-constraint/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let keys = lost_keys(context);
    let given_up = |change: &Change| match change {
        Change::ConstraintDropped { table, constraint, implied: false } => {
            let message = |name: &str| match keys.as_slice() {
                [] => format!("{name} no longer keeps wrong rows out"),
                keys => format!("{name} no longer keeps wrong rows out, and with it goes {}", listed(keys)),
            };
            is_given_up(context, *table, constraint).then(|| about(context, *table, constraint, message))
        }
        Change::ConstraintAltered { table, constraint, enforced: Some(false) }
            if context.is_old(*table) && is_old_constraint(context, *table, constraint) =>
        {
            Some(about(context, *table, constraint, |name| format!("{name} is no longer enforced")))
        }
        _ => None,
    };
    context.changes().filter_map(given_up).collect()
}

fn about(
    context: &Context<'_>,
    table: RelId,
    constraint: &Constraint,
    message: impl Fn(&str) -> String,
) -> Found {
    let name = context.old_column(table, &constraint.name);
    Found::new(name.clone(), message(&name))
}

/// Foreign keys of other tables that went along.
fn lost_keys(context: &Context<'_>) -> Vec<String> {
    let implied = context.changes().filter_map(|change| match change {
        Change::ConstraintDropped { table, constraint, implied: true } => {
            Some(context.old_column(*table, &constraint.name))
        }
        _ => None,
    });
    implied.collect()
}

fn is_old_constraint(context: &Context<'_>, table: RelId, constraint: &Constraint) -> bool {
    !context.earlier_demands(table).any(|change| {
        matches!(change, Change::ConstraintAdded { table: of, constraint: made, .. }
            if *of == table && made.name == constraint.name)
    })
}

fn is_given_up(context: &Context<'_>, table: RelId, constraint: &Constraint) -> bool {
    if !context.is_old(table)
        || matches!(constraint.kind, ConstraintKind::NotNull { .. })
        || is_said_by_partition(context, table, constraint)
        || !constraint.enforced
        || !is_old_constraint(context, table, constraint)
    {
        return false;
    }
    if let Some(column) = constraints::forbids_null(constraint)
        && context
            .relation(table)
            .and_then(|table| table.column(column))
            .is_some_and(|column| column.not_null)
    {
        return false;
    }
    let demand = Demand::of(constraint);
    let added = context.demands_so_far(table).any(|change| {
        matches!(change, Change::ConstraintAdded { table: of, constraint: added, .. }
            if *of == table && demand.is_met_by(&Demand::of(added)))
    });
    let later = context.later_actions(table).any(|action| {
        constraints::added(context, table, action).is_some_and(|added| demand.is_met_by(&added))
    });
    !added && !later
}

/// Whether a CHECK is about nothing but the key by which the table is a partition: the bound says it.
fn is_said_by_partition(context: &Context<'_>, table: RelId, constraint: &Constraint) -> bool {
    let ConstraintKind::Check(check) = &constraint.kind else { return false };
    let place = context.was(table).and_then(|table| table.inheritance.partition.as_ref());
    let key = place.and_then(|place| context.relation(place.parent)?.partition_key.as_ref());
    let Some(key) = key else { return false };
    let keys: Vec<Vec<String>> = key.keys.iter().flat_map(crate::syntax::Expr::column_paths).collect();
    check.expression.column_paths().iter().all(|path| keys.iter().any(|key| key.last() == path.last()))
}
