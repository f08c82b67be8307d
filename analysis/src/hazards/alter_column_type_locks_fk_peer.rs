//! ALTER COLUMN TYPE of a column of a foreign key.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{ConstraintKind, RelId};
use crate::report::{LockMode, Severity};
use crate::simulate::{Cause, Change};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "alter-column-type-locks-fk-peer",
        title: "the type change locks the table on the other side of a foreign key",
        severity: Severity::High,
        page: include_str!("../../hazards/alter-column-type-locks-fk-peer/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for change in context.changes() {
        let Change::TypeChanged { table, column, .. } = change else { continue };
        if !context.exists(*table) {
            continue;
        }
        for (peer, key) in peers(context, *table, column) {
            let locked = context.lock(peer) == Some(LockMode::AccessExclusiveLock);
            if locked && context.exists(peer) {
                found.push(finding(context, (*table, column), peer, &key));
            }
        }
    }
    found
}

/// The tables on the other side of the foreign keys that a column is in, each with the key's name.
fn peers(context: &Context<'_>, table: RelId, column: &str) -> Vec<(RelId, String)> {
    let mut found: Vec<(RelId, String)> = Vec::new();
    let mut add = |peer: RelId, key: &str| {
        if peer != table && !found.iter().any(|(other, _)| *other == peer) {
            found.push((peer, key.to_owned()));
        }
    };
    let others = context.after.dependents_of(table);
    for owner in others.into_iter().chain([table]) {
        let Some(relation) = context.relation(owner) else { continue };
        for constraint in &relation.constraints {
            let ConstraintKind::Foreign { columns, to, to_columns, .. } = &constraint.kind else { continue };
            if owner == table && columns.iter().any(|name| name == column) {
                add(*to, &constraint.name);
            }
            if *to == table && to_columns.iter().any(|name| name == column) {
                add(owner, &constraint.name);
            }
        }
    }
    // A partitioned table stands for its partitions.
    let listed: Vec<RelId> = found.iter().map(|(peer, _)| *peer).collect();
    found.retain(|(peer, _)| context.parent(*peer).is_none_or(|parent| !listed.contains(&parent)));
    found
}

fn finding(context: &Context<'_>, (table, column): (RelId, &str), peer: RelId, key: &str) -> Found {
    let again = context
        .loads(|cause| matches!(cause, Cause::TypeChangeForeignKey { constraint, .. } if constraint == key));
    let checked = if again.is_empty() { "" } else { ", and every row is looked up again" };
    let (column, peer) = (context.column(table, column), context.name(peer));
    Found::new(
        peer.clone(),
        format!(
            "the foreign key {key} ties {peer} to {column}: reads and writes of {peer} wait as well{checked}"
        ),
    )
}
