//! DROP COLUMN, and forgetting constraints: what goes along, silently or by CASCADE.

use super::alter::{Target, owned_sequences};
use super::alter_type::speaks_of;
use super::{Change, ObjectRef, Scene, drop, foreign_key, tree};
use crate::catalog::{Catalog, Constraint, ConstraintKind, RelId, Relation, RelationKind};
use crate::report::LockMode;
use crate::syntax::ObjectKind;

pub(super) fn drop_column(
    scene: &mut Scene<'_>,
    target: Target,
    column: &str,
    if_exists: bool,
    cascade: bool,
) {
    let id = target.id;
    let Some(table) = scene.catalog.get(id) else { return };
    let shown = format!("{}.{column}", table.name);
    let foreign = table.kind == RelationKind::Foreign;
    let Some(found) = table.column(column).cloned() else {
        if table.partial {
            scene
                .out
                .unknown(format!("column {shown} is not in the catalog: what goes with it is not known"));
            scene.lost(shown, "column", true);
            let object = crate::catalog::Column::new(column, None);
            scene.change(Change::ColumnDropped { table: id, column: object });
        } else if if_exists {
            let object = ObjectRef { kind: ObjectKind::Column, name: shown, relation: Some(id) };
            scene.change(Change::NothingToDo { object, differs: false });
        } else {
            scene.out.fail(format!("column {shown} does not exist"));
        }
        return;
    };
    let keyed = scene.catalog.get(id).and_then(|table| table.partition_key.as_ref());
    if keyed.is_some_and(|key| key.keys.iter().any(|key| speaks_of(key, column))) {
        scene.out.fail(format!("column {shown} is part of the partition key"));
        return;
    }
    // Children that have it as their own, or from somebody else too, keep it, and so do those below them; with ONLY all.
    let kept = |child: &Relation| target.only || !is_only_from(scene.catalog, child, column);
    let (family, keeping) = tree::reached_until(scene.catalog, id, false, &kept);
    scene.lock_all(&family, target.lock);
    scene.lock_all(&keeping, target.lock);
    // Up to PostgreSQL 14, generated columns go along without a word.
    let cascade_generated = !scene.server.has(15);
    if !cascade && let Some(user) = user_of(scene, id, column) {
        scene.out.fail(format!("column {shown} cannot be dropped: {user} depends on it"));
        return;
    }
    scene.lost(shown.clone(), "column", !foreign);
    scene.breaks(shown, "is gone".to_owned());
    scene.change(Change::ColumnDropped { table: id, column: found });
    for member in &family {
        if cascade_generated {
            generated_along(scene, *member, column);
        }
        take(scene, *member, column, cascade);
    }
    for member in keeping {
        let from_others =
            scene.catalog.get(member).is_some_and(|child| parents_with(scene.catalog, child, column) > 0);
        scene.catalog.change(member, |table| {
            if let Some(column) = table.column_mut(column) {
                column.inherited &= from_others;
            }
        });
    }
}

/// Whether a table has a column from one parent and for no other reason.
fn is_only_from(catalog: &Catalog, child: &Relation, column: &str) -> bool {
    child.column(column).is_some_and(|column| column.inherited) && parents_with(catalog, child, column) <= 1
}

/// How many parents give a table that column, partitioned ones aside.
fn parents_with(catalog: &Catalog, child: &Relation, column: &str) -> usize {
    let has = |parent: &&RelId| catalog.get(**parent).is_some_and(|table| table.column(column).is_some());
    child.inheritance.parents.iter().filter(has).count()
}

/// What stops DROP COLUMN without CASCADE.
fn user_of(scene: &Scene<'_>, id: RelId, column: &str) -> Option<String> {
    if let Some(view) = super::alter_type::view_over(scene, id, column) {
        return Some(format!("view {view}"));
    }
    let table = scene.catalog.get(id)?;
    let generated = table.columns.iter().find(|other| {
        scene.server.has(15)
            && other.name != column
            && other.generated.as_ref().is_some_and(|g| speaks_of(&g.expression, column))
    });
    if let Some(generated) = generated {
        return Some(format!("column {}", generated.name));
    }
    if let Some(policy) = table.policies.iter().find(|policy| policy.columns.contains(column)) {
        return Some(format!("policy {}", policy.name));
    }
    if let Some(trigger) = table.triggers.iter().find(|trigger| trigger.columns.contains(column)) {
        return Some(format!("trigger {}", trigger.name));
    }
    foreign_key::referencing(scene.catalog, id).into_iter().find_map(|(other, constraint)| match &constraint
        .kind
    {
        ConstraintKind::Foreign { to_columns, .. } if to_columns.iter().any(|name| name == column) => {
            Some(format!("constraint {} of {}", constraint.name, scene.shown(other)))
        }
        _ => None,
    })
}

/// Takes a column out of one table, with all that is made of it.
pub(super) fn take(scene: &mut Scene<'_>, id: RelId, column: &str, cascade: bool) {
    let Some(table) = scene.catalog.get(id) else { return };
    let uses = |constraint: &Constraint| match &constraint.kind {
        ConstraintKind::Check(check) => speaks_of(&check.expression, column),
        _ => constraint.columns().iter().any(|name| name == column),
    };
    let constraints: Vec<Constraint> = table.constraints.iter().filter(|c| uses(c)).cloned().collect();
    let indexes: Vec<_> = table
        .indexes
        .iter()
        .filter(|i| !i.constraint && i.columns().iter().any(|c| c == column))
        .cloned()
        .collect();
    for constraint in constraints {
        foreign_key::lock_triggers(scene, &constraint);
        forget_constraint(scene, &[id], &constraint, cascade);
        scene.change(Change::ConstraintDropped { table: id, constraint, implied: true });
    }
    for index in indexes {
        let name = index_shown(scene, id, &index.name);
        scene.lost(name, "index", false);
        scene.catalog.change(id, |table| table.indexes.retain(|other| other.name != index.name));
        scene.change(Change::IndexDropped { table: id, index, implied: true, concurrently: false });
    }
    for sequence in owned_sequences(scene, id, Some(column)) {
        drop::relation(scene, sequence, true, cascade);
    }
    if cascade {
        drop::views_over(scene, id, Some(column));
        cascade_in_table(scene, id, column);
    }
    scene.catalog.change(id, |table| {
        table.columns.retain(|other| other.name != column);
        table.statistics.retain(|_, columns| !columns.iter().any(|name| name == column));
    });
}

/// Generated columns, policies and triggers that speak of the column go with CASCADE.
fn cascade_in_table(scene: &mut Scene<'_>, id: RelId, column: &str) {
    generated_along(scene, id, column);
    let Some(table) = scene.catalog.get(id) else { return };
    let policies: Vec<String> =
        table.policies.iter().filter(|p| p.columns.contains(column)).map(|p| p.name.clone()).collect();
    let triggers: Vec<String> =
        table.triggers.iter().filter(|t| t.columns.contains(column)).map(|t| t.name.clone()).collect();
    scene.catalog.change(id, |table| {
        table.policies.retain(|policy| !policy.columns.contains(column));
        table.triggers.retain(|trigger| !trigger.columns.contains(column));
    });
    for policy in policies {
        scene.change(Change::PolicyChanged { table: id, policy, dropped: true });
    }
    for trigger in triggers {
        scene.change(Change::TriggerDropped { table: id, trigger });
    }
}

/// Generated columns that are computed from a column that goes.
fn generated_along(scene: &mut Scene<'_>, id: RelId, column: &str) {
    let Some(table) = scene.catalog.get(id) else { return };
    let generated: Vec<String> = table
        .columns
        .iter()
        .filter(|c| {
            c.name != column && c.generated.as_ref().is_some_and(|g| speaks_of(&g.expression, column))
        })
        .map(|c| c.name.clone())
        .collect();
    for name in generated {
        let shown = format!("{}.{name}", scene.shown(id));
        scene.lost(shown.clone(), "column", false);
        scene.breaks(shown, "is gone".to_owned());
        take(scene, id, &name, true);
    }
}

pub(super) fn index_shown(scene: &Scene<'_>, id: RelId, index: &str) -> String {
    let schema = scene.catalog.get(id).map(|table| table.name.schema.clone()).unwrap_or_default();
    crate::catalog::Name { schema, name: index.to_owned() }.to_string()
}

/// Takes a constraint, its index, and what rests on it, out of a table and those below it.
pub(super) fn forget_constraint(
    scene: &mut Scene<'_>,
    family: &[RelId],
    constraint: &Constraint,
    cascade: bool,
) {
    let Some(top) = family.first().copied() else { return };
    let shown = format!("{}.{}", scene.shown(top), constraint.name);
    let columns = match &constraint.kind {
        ConstraintKind::Primary { columns } | ConstraintKind::Unique { columns, .. } => Some(columns.clone()),
        _ => None,
    };
    // NOT NULL is a part of its column.
    if !matches!(constraint.kind, ConstraintKind::NotNull { .. }) {
        scene.lost(shown, "constraint", false);
    }
    if let Some(columns) = columns {
        drop_resting(scene, top, &columns, &constraint.name, cascade);
    }
    let mut not_null = None;
    if let ConstraintKind::NotNull { column } = &constraint.kind {
        not_null = Some(column.clone());
    }
    for member in family {
        scene.catalog.change(*member, |table| {
            let same = |other: &Constraint| {
                other.name == constraint.name
                    || (*member != top && other.inherited && other.kind == constraint.kind)
            };
            let names: Vec<String> =
                table.constraints.iter().filter(|c| same(c)).map(|c| c.name.clone()).collect();
            table.constraints.retain(|c| !names.contains(&c.name));
            table.indexes.retain(|index| !(index.constraint && names.contains(&index.name)));
            if let Some(column) = not_null.as_ref().and_then(|column| table.column_mut(column)) {
                column.not_null = false;
            }
        });
    }
}

/// Drops the foreign keys that rest on a unique index which goes, or says that they stop it.
pub(super) fn drop_resting(
    scene: &mut Scene<'_>,
    table: RelId,
    columns: &[String],
    index: &str,
    cascade: bool,
) {
    let mut wanted = columns.to_vec();
    wanted.sort();
    let other_index = scene.catalog.get(table).is_some_and(|found| {
        found.indexes.iter().any(|other| {
            let mut keys: Vec<&str> = other.plain_columns().unwrap_or_default();
            keys.sort_unstable();
            other.name != index && other.unique && other.valid && other.predicate.is_none() && keys == wanted
        })
    });
    if other_index {
        return;
    }
    for (other, key) in resting_on(scene, table, columns) {
        if !cascade {
            let by = format!("{} of {}", key.name, scene.shown(other));
            scene.out.fail(format!("{index} cannot be dropped: {by} depends on it"));
            continue;
        }
        let family = scene.partitions(other);
        scene.lock_all(&family, LockMode::AccessExclusiveLock);
        let object = format!("{}.{}", scene.shown(other), key.name);
        scene.lost(object, "constraint", false);
        for member in family {
            let part = |c: &Constraint| member != other && c.inherited && c.kind == key.kind;
            scene
                .catalog
                .change(member, |table| table.constraints.retain(|c| c.name != key.name && !part(c)));
        }
        scene.change(Change::ConstraintDropped { table: other, constraint: key, implied: true });
    }
}

/// Foreign keys of other tables that need a unique constraint on these columns.
fn resting_on(scene: &Scene<'_>, id: RelId, columns: &[String]) -> Vec<(RelId, Constraint)> {
    let mut found = foreign_key::referencing(scene.catalog, id);
    let own = scene.catalog.get(id).into_iter().flat_map(|table| table.constraints.iter());
    found.extend(
        own.filter(|c| matches!(c.kind, ConstraintKind::Foreign { to, .. } if to == id))
            .map(|c| (id, c.clone())),
    );
    let mut wanted = columns.to_vec();
    wanted.sort();
    found.retain(|(_, constraint)| match &constraint.kind {
        ConstraintKind::Foreign { to_columns, .. } => {
            let mut refers = to_columns.clone();
            refers.sort();
            refers == wanted && !constraint.inherited
        }
        _ => false,
    });
    found
}
