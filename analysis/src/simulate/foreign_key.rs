//! Foreign keys: who refers to whom, and what adding one costs.

use super::alter::{self, Target, storage};
use super::{Cause, Change, Scene, naming, tree};
use crate::catalog::{Catalog, Constraint, ConstraintKind, RelId, Relation, RelationKind, Server};
use crate::report::{LockMode, WorkKind};
use crate::syntax::{Constant, Expr, ForeignKey, NewConstraint};

/// The tables that foreign keys of a table refer to, others than itself, each with its constraint.
pub(super) fn referenced(catalog: &Catalog, id: RelId) -> Vec<(RelId, Constraint)> {
    let Some(table) = catalog.get(id) else { return Vec::new() };
    let found = table.constraints.iter().filter_map(|constraint| match constraint.kind {
        ConstraintKind::Foreign { to, .. } if to != id => Some((to, constraint.clone())),
        _ => None,
    });
    found.collect()
}

/// The tables whose foreign keys refer to a table, others than itself, each with its constraint.
pub(super) fn referencing(catalog: &Catalog, id: RelId) -> Vec<(RelId, Constraint)> {
    let mut found = Vec::new();
    for other in catalog.dependents_of(id) {
        let Some(table) = catalog.get(other) else { continue };
        found.extend(
            table
                .constraints
                .iter()
                .filter(|c| matches!(c.kind, ConstraintKind::Foreign { to, .. } if to == id))
                .map(|constraint| (other, constraint.clone())),
        );
    }
    found
}

/// Adds a foreign key. `column`: it was written behind a column that is being added.
pub(super) fn add(
    scene: &mut Scene<'_>,
    target: Target,
    constraint: &NewConstraint,
    key: &ForeignKey,
    column: Option<&str>,
) {
    let id = target.id;
    let family = if target.only { vec![id] } else { scene.partitions(id) };
    scene.lock_all(&family, target.lock);
    let Some(to) = alter::other(scene, &key.to, LockMode::ShareRowExclusiveLock) else { return };
    let peers = scene.partitions(to);
    scene.lock_all(&peers, LockMode::ShareRowExclusiveLock);
    let partitioned = scene.catalog.get(id).is_some_and(|table| table.kind == RelationKind::Partitioned);
    if constraint.not_valid && partitioned && !scene.server.has(18) {
        scene.out.fail("a NOT VALID foreign key on a partitioned table needs PostgreSQL 18".to_owned());
        scene.out.needs = Some(18);
    }
    let name = match &constraint.name {
        Some(name) => name.clone(),
        None => naming::constraint_name(scene.catalog, id, &key.columns, "fkey"),
    };
    let added = made(scene, &name, constraint, key, to);
    let mut unchecked = Vec::new();
    give(scene, &family, &added, &mut unchecked);
    let skipped = constraint.not_valid || constraint.not_enforced || !target.checks_foreign_keys;
    if !skipped {
        let cause = || match column {
            Some(column) => Cause::InlineForeignKey { column: column.to_owned() },
            None => Cause::AddForeignKey { constraint: name.clone() },
        };
        for member in unchecked {
            scene.work(member, WorkKind::Scan, cause());
        }
        // Rows without a value are not looked up.
        if !all_null(scene, id, &key.columns) {
            for peer in storage(scene, to) {
                scene.work(peer, WorkKind::Scan, cause());
            }
        }
    }
    scene.change(Change::ConstraintAdded {
        table: id,
        constraint: added,
        using_index: false,
        new_columns: column.is_some(),
        with_table: false,
    });
}

/// Gives a foreign key to a table and its partitions, of which those that must be looked at go into `unchecked`. A
/// partition that has the same one already brings it in, with all below it, and its triggers go.
fn give(scene: &mut Scene<'_>, family: &[RelId], added: &Constraint, unchecked: &mut Vec<RelId>) {
    let mut had: Vec<RelId> = Vec::new();
    for (position, member) in family.iter().enumerate() {
        if tree::partition_parent(scene.catalog, *member).is_some_and(|parent| had.contains(&parent)) {
            had.push(*member);
            continue;
        }
        let Some(table) = scene.catalog.get(*member) else { continue };
        let own = (position > 0).then(|| same_key(table, added, scene.server).cloned()).flatten();
        if let Some(own) = own {
            if take(scene, *member, &own, added) {
                unchecked.extend(storage(scene, *member));
            }
            had.push(*member);
            continue;
        }
        if table.has_storage() {
            unchecked.push(*member);
        }
        let copy = Constraint { inherited: position > 0, ..added.clone() };
        scene.catalog.change(*member, |table| table.constraints.push(copy));
    }
}

/// A foreign key of a table that can become its part of another one (`tryAttachPartitionForeignKey`).
pub(super) fn same_key<'t>(table: &'t Relation, key: &Constraint, server: Server) -> Option<&'t Constraint> {
    table.constraints.iter().find(|own| {
        !own.inherited
            && (own.valid || server.has(18))
            && own.enforced == key.enforced
            && own.kind == key.kind
            && own.deferrable == key.deferrable
            && own.initially_deferred == key.initially_deferred
    })
}

/// Makes a foreign key of a partition its part of that of the parent; whether it must be validated for that.
pub(super) fn take(scene: &mut Scene<'_>, partition: RelId, own: &Constraint, key: &Constraint) -> bool {
    lock_referenced(scene, key);
    let validated = key.valid && !own.valid;
    scene.catalog.change(partition, |table| {
        if let Some(found) = table.constraints.iter_mut().find(|found| found.name == own.name) {
            found.inherited = true;
            found.valid |= validated;
        }
    });
    validated
}

/// Whether one of the columns was added by this statement, and starts as NULL.
fn all_null(scene: &Scene<'_>, table: RelId, columns: &[String]) -> bool {
    let null = |column: &crate::catalog::Column| {
        matches!(column.default, None | Some(Expr::Constant(Constant::Null)))
            && column.generated.is_none()
            && column.identity.is_none()
    };
    scene.out.changes.iter().any(|change| {
        matches!(change, Change::ColumnAdded { table: of, column, .. }
            if *of == table && columns.contains(&column.name) && null(column))
    })
}

/// The constraint that a definition makes.
pub(super) fn made(
    scene: &Scene<'_>,
    name: &str,
    constraint: &NewConstraint,
    key: &ForeignKey,
    to: RelId,
) -> Constraint {
    let to_columns = if key.to_columns.is_empty() {
        primary_key(scene.catalog, to).unwrap_or_default()
    } else {
        key.to_columns.clone()
    };
    let kind = ConstraintKind::Foreign {
        columns: key.columns.clone(),
        to,
        to_columns,
        on_delete: key.on_delete,
        on_update: key.on_update,
    };
    Constraint {
        valid: !constraint.not_valid && !constraint.not_enforced,
        enforced: !constraint.not_enforced,
        deferrable: constraint.deferrable,
        initially_deferred: constraint.initially_deferred,
        ..Constraint::new(name, kind)
    }
}

/// The columns of a table's primary key.
pub(super) fn primary_key(catalog: &Catalog, id: RelId) -> Option<Vec<String>> {
    catalog.get(id)?.constraints.iter().find_map(|constraint| match &constraint.kind {
        ConstraintKind::Primary { columns } => Some(columns.clone()),
        _ => None,
    })
}

/// A foreign key that goes with something else takes its triggers along. Up to PostgreSQL 14 only the leaves of a
/// partitioned table have some.
pub(super) fn lock_triggers(scene: &mut Scene<'_>, constraint: &Constraint) {
    let ConstraintKind::Foreign { to, .. } = constraint.kind else { return };
    for peer in scene.partitions(to) {
        let leaf = scene.catalog.get(peer).is_some_and(Relation::has_storage);
        if leaf || scene.server.has(15) {
            scene.lock(peer, LockMode::AccessExclusiveLock);
        }
    }
}

/// Dropping a foreign key takes triggers off the table that it refers to.
pub(super) fn lock_referenced(scene: &mut Scene<'_>, constraint: &Constraint) {
    if let ConstraintKind::Foreign { to, .. } = constraint.kind {
        let peers = scene.partitions(to);
        scene.lock_all(&peers, LockMode::AccessExclusiveLock);
    }
}
