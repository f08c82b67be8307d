//! Statements about rows: what they lock, here and on the other side of foreign keys.

use super::alter;
use super::foreign_key;
use super::view;
use super::{Change, Scene, tree};
use crate::catalog::{Constraint, ConstraintKind, RelId, RelationKind};
use crate::report::LockMode;
use crate::syntax::{Copy, Dml, FkAction, LockTable, Truncate, Write, WriteKind};

pub(super) fn truncate(scene: &mut Scene<'_>, statement: &Truncate) {
    let mut emptied: Vec<RelId> = Vec::new();
    for (name, only) in &statement.tables {
        let Some(id) = scene.need(name, RelationKind::Table) else { continue };
        let Some(table) = scene.catalog.get(id) else { continue };
        if !table.is_table() || (*only && table.kind == RelationKind::Partitioned) {
            let what = format!("{} {} cannot be truncated", table.kind.words(), table.name);
            scene.out.fail(what);
            continue;
        }
        for member in scene.reached(id, *only) {
            if !emptied.contains(&member) {
                emptied.push(member);
            }
        }
    }
    let named = emptied.len();
    if statement.cascade {
        let mut at = 0;
        while let Some(next) = emptied.get(at).copied() {
            for (other, _) in referencing(scene, next) {
                for member in scene.reached(other, false) {
                    if !emptied.contains(&member) {
                        emptied.push(member);
                    }
                }
            }
            at += 1;
        }
    } else {
        let held = emptied.iter().find_map(|id| {
            let by = referencing(scene, *id).into_iter().find(|(other, _)| !emptied.contains(other));
            by.map(|(other, _)| (scene.shown(*id), scene.shown(other)))
        });
        if let Some((table, other)) = held {
            scene.out.fail(format!("{table} cannot be truncated: a foreign key of {other} refers to it"));
        }
    }
    for (at, id) in emptied.iter().enumerate() {
        scene.lock(*id, LockMode::AccessExclusiveLock);
        let storage = scene.catalog.get(*id).is_some_and(crate::catalog::Relation::has_storage);
        if storage {
            let shown = scene.shown(*id);
            scene.lost(shown, "rows", !scene.is_born(*id));
        }
        scene.change(Change::Truncated { table: *id, implied: at >= named });
        if statement.restart_identity {
            for sequence in alter::owned_sequences(scene, *id, None) {
                scene.lock(sequence, LockMode::AccessExclusiveLock);
                scene.change(Change::SequenceChanged { sequence: Some(sequence) });
            }
        }
    }
}

/// The tables that refer to a table, or to one that it is a partition of.
fn referencing(scene: &Scene<'_>, id: RelId) -> Vec<(RelId, Constraint)> {
    let mut found = foreign_key::referencing(scene.catalog, id);
    let mut at = id;
    while let Some(parent) = tree::partition_parent(scene.catalog, at) {
        found.extend(foreign_key::referencing(scene.catalog, parent));
        at = parent;
    }
    found
}

pub(super) fn lock_table(scene: &mut Scene<'_>, statement: &LockTable) {
    const MODES: [LockMode; 8] = [
        LockMode::AccessShareLock,
        LockMode::RowShareLock,
        LockMode::RowExclusiveLock,
        LockMode::ShareUpdateExclusiveLock,
        LockMode::ShareLock,
        LockMode::ShareRowExclusiveLock,
        LockMode::ExclusiveLock,
        LockMode::AccessExclusiveLock,
    ];
    let at = usize::try_from(statement.mode).unwrap_or(8).clamp(1, 8) - 1;
    let mode = MODES.get(at).copied().unwrap_or(LockMode::AccessExclusiveLock);
    for (name, only) in &statement.tables {
        let Some(id) = scene.need(name, RelationKind::Table) else { continue };
        view::lock_inside(scene, id, *only, mode);
    }
}

pub(super) fn dml(scene: &mut Scene<'_>, statement: &Dml) {
    let mut reads = statement.reads.clone();
    reads.locking |= statement.for_update;
    // What is written is locked for that; the rest is read.
    reads.sources.retain(|source| !statement.writes.iter().any(|write| write.table == source.relation));
    if statement.for_update {
        view::lock_sources(scene, &reads, true);
    } else {
        reads.locking = false;
        view::lock_sources(scene, &reads, true);
    }
    for write in &statement.writes {
        written(scene, write);
    }
    for sequence in &statement.reads.sequences {
        super::sequence::lock_named(scene, sequence, LockMode::RowExclusiveLock);
    }
}

/// The locks of planning: not those that triggers take.
pub(super) fn planned(scene: &mut Scene<'_>, statement: &Dml) {
    let mut reads = statement.reads.clone();
    reads.sources.retain(|source| !statement.writes.iter().any(|write| write.table == source.relation));
    view::lock_sources(scene, &reads, true);
    for write in &statement.writes {
        targets(scene, write);
    }
}

/// Locks what a write names, and what is below it.
fn targets(scene: &mut Scene<'_>, write: &Write) -> Option<RelId> {
    let id = scene.need(&write.table, RelationKind::Table)?;
    scene.lock(id, LockMode::RowExclusiveLock);
    let rows = matches!(write.kind, WriteKind::Update | WriteKind::Delete | WriteKind::Merge);
    if rows || scene.catalog.get(id).is_some_and(|table| table.kind == RelationKind::View) {
        view::lock_inside(scene, id, false, LockMode::RowExclusiveLock);
    }
    Some(id)
}

fn written(scene: &mut Scene<'_>, write: &Write) {
    let Some(id) = targets(scene, write) else { return };
    if matches!(write.kind, WriteKind::Delete) {
        let shown = scene.shown(id);
        scene.lost(shown, "rows", true);
    }
    if matches!(write.kind, WriteKind::Update) {
        for column in &write.columns {
            let shown = format!("{}.{column}", scene.shown(id));
            scene.lost(shown, "values", true);
        }
    }
    foreign_sides(scene, id, write);
    triggers(scene, id, write.kind);
    if write.kind == WriteKind::Insert {
        let numbered = alter::owned_sequences(scene, id, None);
        for sequence in numbered {
            let column =
                scene.catalog.get(sequence).and_then(|s| s.owned_by.clone()).map(|(_, column)| column);
            let given = column.is_some_and(|column| write.columns.contains(&column));
            if !given && !write.columns.is_empty() {
                scene.lock(sequence, LockMode::RowExclusiveLock);
            }
        }
    }
}

/// Triggers run functions, which may do anything.
fn triggers(scene: &mut Scene<'_>, id: RelId, kind: WriteKind) {
    let event = match kind {
        WriteKind::Insert => "insert",
        WriteKind::Update => "update",
        WriteKind::Delete => "delete",
        WriteKind::Merge => "",
    };
    let Some(table) = scene.catalog.get(id) else { return };
    let fires = |trigger: &&crate::catalog::Trigger| {
        trigger.enabled && (event.is_empty() || trigger.events.contains(event))
    };
    let Some(trigger) = table.triggers.iter().find(fires) else { return };
    let what =
        format!("what trigger {} of {} does, by function {}", trigger.name, table.name, trigger.function);
    scene.out.unknown(what);
}

/// Triggers of foreign keys look at the other table.
fn foreign_sides(scene: &mut Scene<'_>, id: RelId, write: &Write) {
    let touched = |columns: &[String]| {
        write.kind == WriteKind::Insert
            && (write.columns.is_empty() || columns.iter().any(|c| write.columns.contains(c)))
            || write.kind == WriteKind::Update && columns.iter().any(|c| write.columns.contains(c))
            || write.kind == WriteKind::Merge
    };
    for (other, key) in foreign_key::referenced(scene.catalog, id) {
        if key.enforced && !key.initially_deferred && touched(&key.columns()) {
            scene.lock(other, LockMode::RowShareLock);
        }
    }
    for (other, key) in foreign_key::referencing(scene.catalog, id) {
        let ConstraintKind::Foreign { to_columns, on_delete, on_update, .. } = &key.kind else { continue };
        let action = match write.kind {
            WriteKind::Delete => Some(*on_delete),
            WriteKind::Update if to_columns.iter().any(|c| write.columns.contains(c)) => Some(*on_update),
            WriteKind::Merge => Some(*on_delete),
            WriteKind::Update | WriteKind::Insert => None,
        };
        match action {
            Some(FkAction::NoAction | FkAction::Restrict) => scene.lock(other, LockMode::RowShareLock),
            Some(FkAction::Cascade | FkAction::SetNull | FkAction::SetDefault) => {
                scene.lock(other, LockMode::RowExclusiveLock);
                if write.kind == WriteKind::Delete && *on_delete == FkAction::Cascade {
                    let shown = scene.shown(other);
                    scene.lost(shown, "rows", true);
                }
            }
            None => {}
        }
    }
}

pub(super) fn copy(scene: &mut Scene<'_>, statement: &Copy) {
    let mode = if statement.from { LockMode::RowExclusiveLock } else { LockMode::AccessShareLock };
    if let Some(table) = &statement.table
        // Older ones let go of the table before the transaction ends.
        && (statement.from || scene.server.has(13))
    {
        view::table_or_view(scene, table, mode);
    }
    if let Some(query) = &statement.query {
        view::lock_sources(scene, query, true);
    }
}
