//! ALTER TABLE: locks the table and those that it reaches, then goes through the sub-commands in the
//! order in which the server does them, which is not that in which they are written.

use super::effects::Subject;
use super::{
    Cause, Change, Scene, alter_type, columns, constraints, drop_column, foreign_key, index, lock_level,
    partition, tree, types,
};
use crate::catalog::{Lookup, RelId, RelationKind};
use crate::report::{LockMode, WorkKind};
use crate::syntax::{
    AlterAction, AlterTable, ColumnConstraint, NewConstraintKind, ObjectKind, PartitionStrategy,
    ReplicaIdentity, TriggerState,
};

/// What all sub-commands of one statement share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) id: RelId,
    pub(super) only: bool,
    pub(super) lock: LockMode,
    /// Whether foreign keys of this statement are checked for the rows that are there: not when all
    /// it adds is columns without defaults.
    pub(super) checks_foreign_keys: bool,
}

pub(super) fn alter(scene: &mut Scene<'_>, statement: &AlterTable) {
    if statement.kind == ObjectKind::Type {
        types::alter_composite(scene, statement);
        return;
    }
    if statement.kind == ObjectKind::Index || is_index(scene, statement) {
        index::alter(scene, statement);
        return;
    }
    let kind = relation_kind(statement.kind);
    let Some(id) = scene.need_if(&statement.relation, kind, statement.if_exists) else { return };
    let lock = lock_level::of_all(statement.kind, &statement.actions);
    scene.lock(id, lock);
    if scene.catalog.get(id).is_some_and(|relation| relation.kind == RelationKind::Sequence) {
        scene.change(Change::SequenceChanged { sequence: Some(id) });
    }
    let checks_foreign_keys = checks_foreign_keys(&statement.actions);
    let target = Target { id, only: statement.only, lock, checks_foreign_keys };
    let mut ordered: Vec<&AlterAction> = statement.actions.iter().collect();
    ordered.sort_by_key(|action| pass(action));
    for action in ordered {
        carry_out(scene, target, action);
    }
}

fn is_index(scene: &Scene<'_>, statement: &AlterTable) -> bool {
    scene.catalog.find(&statement.relation).is_none()
        && matches!(scene.catalog.index(&statement.relation), Lookup::Found(_))
}

const fn relation_kind(kind: ObjectKind) -> RelationKind {
    match kind {
        ObjectKind::View => RelationKind::View,
        ObjectKind::MaterializedView => RelationKind::MaterializedView,
        ObjectKind::Sequence => RelationKind::Sequence,
        ObjectKind::ForeignTable => RelationKind::Foreign,
        _ => RelationKind::Table,
    }
}

/// `transformAlterTableStmt`: checking is left out unless a foreign key is added to the table, or a
/// column with a default.
fn checks_foreign_keys(actions: &[AlterAction]) -> bool {
    actions.iter().any(|action| match action {
        AlterAction::AddConstraint(constraint) => matches!(constraint.kind, NewConstraintKind::ForeignKey(_)),
        AlterAction::AddColumn { column, .. } => {
            columns::is_serial(column)
                || column.constraints.iter().any(|c| {
                    matches!(
                        c,
                        ColumnConstraint::Default(_)
                            | ColumnConstraint::Identity(_)
                            | ColumnConstraint::Generated { .. }
                    )
                })
        }
        _ => false,
    })
}

/// The passes of `ALTER TABLE` (`AT_PASS_…`).
const fn pass(action: &AlterAction) -> u8 {
    match action {
        AlterAction::DropColumn { .. }
        | AlterAction::DropConstraint { .. }
        | AlterAction::DropNotNull { .. }
        | AlterAction::DropExpression { .. }
        | AlterAction::DropIdentity { .. } => 0,
        AlterAction::AlterType { .. } => 1,
        AlterAction::SetExpression { .. } => 2,
        AlterAction::AddColumn { .. } => 3,
        AlterAction::SetNotNull { .. } => 4,
        AlterAction::AddConstraint(constraint) => match constraint.kind {
            NewConstraintKind::NotNull(_) => 4,
            NewConstraintKind::ForeignKey(_) => 8,
            NewConstraintKind::Check(_) => 6,
            NewConstraintKind::PrimaryKey { .. }
            | NewConstraintKind::Unique { .. }
            | NewConstraintKind::UsingIndex { .. }
            | NewConstraintKind::Exclude { .. } => 7,
        },
        AlterAction::SetDefault { .. }
        | AlterAction::DropDefault { .. }
        | AlterAction::AddIdentity { .. }
        | AlterAction::SetIdentity { .. } => 5,
        _ => 9,
    }
}

fn carry_out(scene: &mut Scene<'_>, target: Target, action: &AlterAction) {
    match action {
        AlterAction::AddColumn { column, if_not_exists } => {
            columns::add(scene, target, column, *if_not_exists);
        }
        AlterAction::DropColumn { column, if_exists, cascade } => {
            drop_column::drop_column(scene, target, column, *if_exists, *cascade);
        }
        AlterAction::AlterType { .. } => alter_type::alter_type(scene, target, action),
        AlterAction::SetDefault { column, default } => {
            columns::set_default(scene, target, column, Some(default.clone()));
        }
        AlterAction::DropDefault { column } => columns::set_default(scene, target, column, None),
        AlterAction::SetNotNull { column } => columns::set_not_null(scene, target, column),
        AlterAction::DropNotNull { column } => columns::drop_not_null(scene, target, column),
        AlterAction::SetExpression { column, expression } => {
            columns::set_expression(scene, target, column, expression);
        }
        AlterAction::DropExpression { column, .. } => columns::drop_expression(scene, target, column),
        AlterAction::AddIdentity { column, kind } => columns::add_identity(scene, target, column, *kind),
        AlterAction::SetIdentity { column, sequence } => {
            columns::set_identity(scene, target, column, *sequence);
        }
        AlterAction::DropIdentity { column, .. } => columns::drop_identity(scene, target, column),
        AlterAction::AddConstraint(constraint) => constraints::add(scene, target, constraint),
        AlterAction::AlterConstraint { .. } => constraints::alter(scene, target, action),
        AlterAction::ValidateConstraint { name } => constraints::validate(scene, target, name),
        AlterAction::DropConstraint { name, if_exists, cascade } => {
            constraints::drop(scene, target, name, *if_exists, *cascade);
        }
        AlterAction::AttachPartition { partition, bound } => {
            partition::attach(scene, target.id, partition, bound.as_ref());
        }
        AlterAction::DetachPartition { partition, concurrently, finalize } => {
            partition::detach(scene, target.id, partition, *concurrently || *finalize);
        }
        AlterAction::Inherit { parent } => partition::inherit(scene, target.id, parent),
        AlterAction::NoInherit { parent } => partition::no_inherit(scene, target.id, parent),
        _ => table_wide(scene, target, action),
    }
}

/// Sub-commands about the table as a whole.
fn table_wide(scene: &mut Scene<'_>, target: Target, action: &AlterAction) {
    let id = target.id;
    match action {
        AlterAction::SetStatistics | AlterAction::SetStorage => {
            let reached = scene.reached(id, target.only);
            scene.lock_all(&reached, target.lock);
            scene.change(Change::StatisticsChanged { table: id });
        }
        AlterAction::ColumnOptions | AlterAction::SetCompression => {
            scene.change(Change::StatisticsChanged { table: id });
        }
        AlterAction::OwnerTo => owner(scene, id),
        AlterAction::ClusterOn { index } => {
            let index = index.clone();
            scene.catalog.change(id, |table| {
                table.indexes.iter_mut().for_each(|found| found.clustered = found.name == index);
            });
            scene.change(Change::OptionsChanged { relation: id, names: Vec::new() });
        }
        AlterAction::SetWithoutCluster => {
            scene
                .catalog
                .change(id, |table| table.indexes.iter_mut().for_each(|index| index.clustered = false));
        }
        AlterAction::SetLogged => persistence(scene, id, false),
        AlterAction::SetUnlogged => persistence(scene, id, true),
        AlterAction::SetAccessMethod { method } => access_method(scene, id, method.as_deref()),
        AlterAction::SetTablespace { tablespace } => set_tablespace(scene, id, tablespace),
        AlterAction::SetOptions { names } | AlterAction::ResetOptions { names } => {
            scene.change(Change::OptionsChanged { relation: id, names: names.clone() });
        }
        AlterAction::Trigger { state, which, all } => trigger(scene, target, *state, which.as_deref(), *all),
        AlterAction::Rule { which, .. } => {
            scene.change(Change::RuleChanged { table: id, rule: which.clone() });
        }
        AlterAction::OfType { of } => {
            let of = scene.catalog.relation(of).found();
            scene.catalog.change(id, |table| table.of_type = of);
        }
        AlterAction::NotOfType => {
            scene.catalog.change(id, |table| table.of_type = None);
        }
        AlterAction::ReplicaIdentity(identity) => {
            let identity: ReplicaIdentity = identity.clone();
            scene.catalog.change(id, |table| table.replica_identity = identity);
            scene.change(Change::ReplicaIdentity { table: id });
        }
        AlterAction::RowSecurity { enable } => {
            scene.catalog.change(id, |table| table.row_security = *enable);
            scene.change(Change::RowSecurity { table: id, enabled: *enable });
        }
        AlterAction::ForceRowSecurity { force } => {
            scene.catalog.change(id, |table| table.forced_row_security = *force);
            scene.change(Change::RowSecurity { table: id, enabled: *force });
        }
        AlterAction::ForeignOptions | AlterAction::SetWithoutOids => {}
        AlterAction::Unknown { what } => scene.out.unknown(format!("what {what} does is not known")),
        _ => {}
    }
}

/// Sequences that a column owns go along.
fn owner(scene: &mut Scene<'_>, id: RelId) {
    for sequence in owned_sequences(scene, id, None) {
        scene.lock(sequence, LockMode::AccessExclusiveLock);
    }
    let name = scene.shown(id);
    scene.change(Change::OwnerChanged {
        object: super::ObjectRef { kind: ObjectKind::Table, name, relation: Some(id) },
    });
}

/// Sequences that belong to a column, or to any of a table.
pub(super) fn owned_sequences(scene: &Scene<'_>, table: RelId, column: Option<&str>) -> Vec<RelId> {
    let mut found = scene.catalog.dependents_of(table);
    found.retain(|id| {
        scene
            .catalog
            .get(*id)
            .and_then(|relation| relation.owned_by.as_ref())
            .is_some_and(|(owner, owned)| *owner == table && column.is_none_or(|column| column == owned))
    });
    found
}

fn persistence(scene: &mut Scene<'_>, id: RelId, unlogged: bool) {
    use crate::catalog::Persistence;
    let wanted = if unlogged { Persistence::Unlogged } else { Persistence::Permanent };
    let Some(relation) = scene.catalog.get(id) else { return };
    if relation.persistence == wanted && !relation.partial {
        return;
    }
    scene.work(id, WorkKind::Rewrite, if unlogged { Cause::SetUnlogged } else { Cause::SetLogged });
    for sequence in owned_sequences(scene, id, None) {
        if scene.server.has(15) {
            scene.lock(sequence, LockMode::AccessExclusiveLock);
        }
    }
    if let Some(other) = other_persistence(scene, id, unlogged) {
        let shown = scene.shown(id);
        let other = scene.shown(other);
        scene.out.fail(format!(
            "{shown} and {other}, with a foreign key between them, must both be logged or not"
        ));
    }
    scene.catalog.change(id, |table| table.persistence = wanted);
    scene.change(Change::Persistence { table: id, unlogged });
}

/// A logged table must not refer to an unlogged one (`ATPrepChangePersistence`).
fn other_persistence(scene: &Scene<'_>, id: RelId, unlogged: bool) -> Option<RelId> {
    use crate::catalog::Persistence;
    let peers = if unlogged {
        foreign_key::referencing(scene.catalog, id)
    } else {
        foreign_key::referenced(scene.catalog, id)
    };
    let wrong = if unlogged { Persistence::Permanent } else { Persistence::Unlogged };
    let found = peers.into_iter().map(|(other, _)| other);
    found.into_iter().find(|other| scene.catalog.get(*other).is_some_and(|other| other.persistence == wrong))
}

fn access_method(scene: &mut Scene<'_>, id: RelId, method: Option<&str>) {
    scene.needs(15, "SET ACCESS METHOD");
    let default = scene.catalog.settings.table_access_method.clone().unwrap_or_else(|| "heap".to_owned());
    let wanted = method.map_or(default, str::to_owned);
    let Some(relation) = scene.catalog.get(id) else { return };
    let present = relation.access_method.as_deref().unwrap_or("heap");
    if present != wanted || relation.partial {
        scene.work(id, WorkKind::Rewrite, Cause::SetAccessMethod);
    }
    let stored = (wanted != "heap").then_some(wanted);
    scene.catalog.change(id, |table| table.access_method = stored);
}

fn set_tablespace(scene: &mut Scene<'_>, id: RelId, tablespace: &str) {
    let wanted = (tablespace != "pg_default").then(|| tablespace.to_owned());
    let Some(relation) = scene.catalog.get(id) else { return };
    if relation.tablespace == wanted && !relation.partial {
        return;
    }
    if relation.partial || wanted.is_none() {
        scene.out.unknown("the tablespace of the database is not known".to_owned());
    }
    scene.work(id, WorkKind::Rewrite, Cause::SetTablespace);
    scene.catalog.change(id, |table| table.tablespace = wanted);
}

fn trigger(scene: &mut Scene<'_>, target: Target, state: TriggerState, which: Option<&str>, all: bool) {
    let id = target.id;
    let partitioned = scene.catalog.get(id).is_some_and(|table| table.kind == RelationKind::Partitioned);
    let reached = if partitioned { scene.reached(id, target.only) } else { vec![id] };
    scene.lock_all(&reached, target.lock);
    let enabled = state != TriggerState::Disabled;
    for id in reached {
        scene.catalog.change(id, |table| {
            for trigger in &mut table.triggers {
                if which.is_none_or(|name| name == trigger.name) {
                    trigger.enabled = enabled;
                }
            }
        });
    }
    scene.change(Change::TriggerSwitched { table: id, which: which.map(str::to_owned), enabled, all });
}

/// A relation that a statement names on the side: found, or only its name locked.
pub(super) fn other(scene: &mut Scene<'_>, name: &crate::syntax::QName, mode: LockMode) -> Option<RelId> {
    match scene.catalog.relation(name) {
        Lookup::Found(id) => {
            scene.lock(id, mode);
            scene.note_partial(id);
            Some(id)
        }
        Lookup::Absent => {
            scene.out.fail(format!("relation {name} does not exist"));
            None
        }
        Lookup::Unknown => {
            let full = scene.catalog.new_name(name);
            scene.out.unknown(format!("table {full} is not in the catalog"));
            scene.out.lock(Subject { name: full, id: None }, mode);
            None
        }
    }
}

/// The leaves of a partitioned table, and the table itself when it has rows of its own.
pub(super) fn storage(scene: &Scene<'_>, id: RelId) -> Vec<RelId> {
    let mut found = tree::partitions(scene.catalog, id);
    found.retain(|id| scene.catalog.get(*id).is_some_and(crate::catalog::Relation::has_storage));
    found
}

/// Whether a partitioned table tells rows by hash: then no constraint proves anything.
pub(super) fn by_hash(scene: &Scene<'_>, id: RelId) -> bool {
    scene
        .catalog
        .get(id)
        .and_then(|table| table.partition_key.as_ref())
        .is_some_and(|key| key.strategy == PartitionStrategy::Hash)
}
