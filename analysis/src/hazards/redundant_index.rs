//! An index that another one makes needless.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{ConstraintKind, Index, Name, RelId};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{AlterAction, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "redundant-index",
        title: "another index does the same work already",
        severity: Severity::Low,
        page: include_str!("../../hazards/redundant-index/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let made: Vec<(RelId, &str)> = context
        .changes()
        .filter_map(|change| match change {
            Change::IndexCreated { table, index, .. } => Some((*table, index.name.as_str())),
            Change::ConstraintAdded { table, constraint, using_index: false, .. }
                if matches!(
                    constraint.kind,
                    ConstraintKind::Unique { .. } | ConstraintKind::Primary { .. }
                ) =>
            {
                Some((*table, constraint.name.as_str()))
            }
            _ => None,
        })
        .collect();
    let mut found: Vec<Found> = Vec::new();
    for (table, name) in made {
        if let Some(finding) = redundant(context, table, name)
            && !found.iter().any(|other| other.object == finding.object)
        {
            found.push(finding);
        }
    }
    found
}

fn redundant(context: &Context<'_>, id: RelId, name: &str) -> Option<Found> {
    let table = context.relation(id)?;
    let new = table.index(name)?;
    let kept = |index: &Index| {
        let full = Name::new(&table.name.schema, &index.name);
        index.name != name
            && index.valid
            && !context.is_dropped_later(ObjectKind::Index, &full)
            && !context.later_actions(id).any(
                |action| matches!(action, AlterAction::DropConstraint { name, .. } if *name == index.name),
            )
    };
    table.indexes.iter().find_map(|other| {
        let (needless, by) = if is_part(new, other) {
            (new, other)
        } else if is_part(other, new) {
            (other, new)
        } else {
            return None;
        };
        if !kept(other) {
            return None;
        }
        let shown = Name::new(&table.name.schema, &new.name).to_string();
        let message = format!("{} does all the work of {} on {}", by.name, needless.name, table.name);
        Some(Found::new(shown, message))
    })
}

/// Whether the longer index does all that the shorter one does.
fn is_part(short: &Index, long: &Index) -> bool {
    let unique =
        !short.unique || (long.unique && long.keys == short.keys && (long.constraint || !short.constraint));
    let included = short.include.iter().all(|column| {
        long.include.contains(column)
            || long.plain_columns().is_some_and(|keys| keys.contains(&column.as_str()))
    });
    short.method == "btree"
        && long.method == "btree"
        && short.predicate == long.predicate
        && long.keys.starts_with(&short.keys)
        && unique
        && included
        && short.nulls_not_distinct == long.nulls_not_distinct
}
