//! REINDEX, CLUSTER, VACUUM, ANALYZE.

use super::view::table_or_view;
use super::{Cause, Scene, index};
use crate::catalog::{RelId, RelationKind};
use crate::report::{LockMode, WorkKind};
use crate::syntax::{QName, Reindex, ReindexTarget, Vacuum};

pub(super) fn reindex(scene: &mut Scene<'_>, statement: &Reindex) {
    let mode = if statement.concurrently { LockMode::ShareUpdateExclusiveLock } else { LockMode::ShareLock };
    match &statement.target {
        ReindexTarget::Index(name) => {
            let Some((table, found)) = index::named(scene, name, mode) else { return };
            let partitioned = scene.catalog.get(table).is_some_and(|t| t.kind == RelationKind::Partitioned);
            if partitioned && !statement.concurrently {
                scene.out.never_in_transaction = Some("REINDEX of a partitioned index".to_owned());
            }
            for member in index::leaves(scene, table) {
                reindexed(scene, member, mode, statement.concurrently);
            }
            let index_mode = if statement.concurrently {
                LockMode::ShareUpdateExclusiveLock
            } else {
                LockMode::AccessExclusiveLock
            };
            scene.lock_index(table, &found, index_mode);
        }
        ReindexTarget::Table(name) => {
            let Some(id) = scene.need(name, RelationKind::Table) else { return };
            let partitioned = scene.catalog.get(id).is_some_and(|t| t.kind == RelationKind::Partitioned);
            if partitioned && !statement.concurrently {
                scene.out.never_in_transaction = Some("REINDEX of a partitioned table".to_owned());
            }
            scene.lock(id, mode);
            for member in index::leaves(scene, id) {
                reindexed(scene, member, mode, statement.concurrently);
            }
        }
        ReindexTarget::Schema(name) => {
            let inside: Vec<RelId> = scene
                .catalog
                .relations
                .iter()
                .filter(|(_, relation)| relation.name.schema == *name && relation.has_storage())
                .map(|(id, _)| *id)
                .collect();
            whole(scene, inside, mode, statement.concurrently);
        }
        ReindexTarget::Database => {
            let all = everything(scene);
            whole(scene, all, mode, statement.concurrently);
        }
    }
}

fn whole(scene: &mut Scene<'_>, tables: Vec<RelId>, mode: LockMode, concurrently: bool) {
    if !scene.catalog.is_whole() {
        scene.out.unknown("which other tables there are".to_owned());
    }
    for id in tables {
        reindexed(scene, id, mode, concurrently);
    }
}

fn everything(scene: &Scene<'_>) -> Vec<RelId> {
    scene.catalog.relations.iter().filter(|(_, relation)| relation.has_storage()).map(|(id, _)| *id).collect()
}

fn reindexed(scene: &mut Scene<'_>, id: RelId, mode: LockMode, concurrently: bool) {
    scene.lock(id, mode);
    let Some(table) = scene.catalog.get(id) else { return };
    if !table.indexes.is_empty() || table.partial {
        scene.work(id, WorkKind::Index, Cause::Reindex { concurrently });
    }
    scene.catalog.change(id, |table| table.indexes.iter_mut().for_each(|index| index.valid = true));
}

pub(super) fn cluster(scene: &mut Scene<'_>, table: Option<&QName>, by: Option<&str>) {
    let Some(table) = table else {
        let all = everything(scene)
            .into_iter()
            .filter(|id| scene.catalog.get(*id).is_some_and(|t| t.indexes.iter().any(|i| i.clustered)));
        for id in all.collect::<Vec<_>>() {
            clustered(scene, id);
        }
        return;
    };
    let Some(id) = scene.need(table, RelationKind::Table) else { return };
    let Some(found) = scene.catalog.get(id) else { return };
    let partitioned = found.kind == RelationKind::Partitioned;
    if by.is_none() && !found.partial && !found.indexes.iter().any(|index| index.clustered) {
        let name = found.name.to_string();
        scene.out.fail(format!("{name} was never clustered: name the index"));
        return;
    }
    if partitioned {
        scene.out.never_in_transaction = Some("CLUSTER of a partitioned table".to_owned());
    }
    for member in scene.reached(id, !partitioned) {
        clustered(scene, member);
    }
    if let Some(by) = by {
        scene.catalog.change(id, |table| {
            table.indexes.iter_mut().for_each(|index| index.clustered = index.name == by);
        });
    }
}

fn clustered(scene: &mut Scene<'_>, id: RelId) {
    scene.lock(id, LockMode::AccessExclusiveLock);
    scene.work(id, WorkKind::Rewrite, Cause::Cluster);
}

pub(super) fn vacuum(scene: &mut Scene<'_>, statement: &Vacuum) {
    let mode =
        if statement.full { LockMode::AccessExclusiveLock } else { LockMode::ShareUpdateExclusiveLock };
    let mut tables = Vec::new();
    for name in &statement.tables {
        let Some(id) = table_or_view(scene, name, mode) else { continue };
        // From PostgreSQL 18 on, tables that inherit are done too.
        tables.extend(if scene.server.has(18) { scene.reached(id, false) } else { scene.partitions(id) });
        if statement.analyze {
            // Samples are taken of tables that inherit, too.
            let sampled = scene.reached(id, false);
            scene.lock_all(&sampled, LockMode::AccessShareLock);
        }
    }
    if statement.tables.is_empty() {
        tables = everything(scene);
        if !scene.catalog.is_whole() {
            scene.out.unknown("which other tables there are".to_owned());
        }
    }
    for id in tables {
        scene.lock(id, mode);
        if statement.full {
            scene.work(id, WorkKind::Rewrite, Cause::VacuumFull);
        }
    }
}
