//! The lock that each sub-command of ALTER TABLE takes, as `AlterTableGetLockLevel` has it.

use crate::report::LockMode;
use crate::syntax::{AlterAction, NewConstraintKind, ObjectKind};

/// The lock of one statement: that of its strongest sub-command.
pub(super) fn of_all(kind: ObjectKind, actions: &[AlterAction]) -> LockMode {
    actions.iter().map(|action| of(kind, action)).max().unwrap_or(LockMode::AccessExclusiveLock)
}

fn of(kind: ObjectKind, action: &AlterAction) -> LockMode {
    match action {
        AlterAction::AddConstraint(constraint) => match constraint.kind {
            NewConstraintKind::ForeignKey(_) => LockMode::ShareRowExclusiveLock,
            NewConstraintKind::Check(_)
            | NewConstraintKind::NotNull(_)
            | NewConstraintKind::PrimaryKey { .. }
            | NewConstraintKind::Unique { .. }
            | NewConstraintKind::UsingIndex { .. }
            | NewConstraintKind::Exclude { .. } => LockMode::AccessExclusiveLock,
        },
        AlterAction::Trigger { .. } => LockMode::ShareRowExclusiveLock,
        AlterAction::ValidateConstraint { .. }
        | AlterAction::SetStatistics
        | AlterAction::ColumnOptions
        | AlterAction::ClusterOn { .. }
        | AlterAction::SetWithoutCluster
        | AlterAction::AttachPartition { .. } => LockMode::ShareUpdateExclusiveLock,
        AlterAction::DetachPartition { concurrently, finalize, .. } if *concurrently || *finalize => {
            LockMode::ShareUpdateExclusiveLock
        }
        AlterAction::SetOptions { names } | AlterAction::ResetOptions { names } => options(kind, names),
        AlterAction::AddColumn { .. }
        | AlterAction::DropColumn { .. }
        | AlterAction::AlterType { .. }
        | AlterAction::SetDefault { .. }
        | AlterAction::DropDefault { .. }
        | AlterAction::SetNotNull { .. }
        | AlterAction::DropNotNull { .. }
        | AlterAction::SetExpression { .. }
        | AlterAction::DropExpression { .. }
        | AlterAction::SetStorage
        | AlterAction::SetCompression
        | AlterAction::AlterConstraint { .. }
        | AlterAction::DropConstraint { .. }
        | AlterAction::OwnerTo
        | AlterAction::SetLogged
        | AlterAction::SetUnlogged
        | AlterAction::SetWithoutOids
        | AlterAction::SetAccessMethod { .. }
        | AlterAction::SetTablespace { .. }
        | AlterAction::Rule { .. }
        | AlterAction::Inherit { .. }
        | AlterAction::NoInherit { .. }
        | AlterAction::OfType { .. }
        | AlterAction::NotOfType
        | AlterAction::ReplicaIdentity(_)
        | AlterAction::RowSecurity { .. }
        | AlterAction::ForceRowSecurity { .. }
        | AlterAction::ForeignOptions
        | AlterAction::DetachPartition { .. }
        | AlterAction::AddIdentity { .. }
        | AlterAction::SetIdentity { .. }
        | AlterAction::DropIdentity { .. }
        | AlterAction::Unknown { .. } => LockMode::AccessExclusiveLock,
    }
}

/// Options that planners and vacuum read as they come need no more than their own kind of lock
/// (`reloptions.c`); the others change how rows are read or written.
fn options(kind: ObjectKind, names: &[String]) -> LockMode {
    const STRONG: &[&str] = &[
        "user_catalog_table",
        "fastupdate",
        "gin_pending_list_limit",
        "buffering",
        "pages_per_range",
        "autosummarize",
        "security_barrier",
        "security_invoker",
        "check_option",
    ];
    let strong = kind == ObjectKind::View || names.iter().any(|name| STRONG.contains(&name.as_str()));
    if strong { LockMode::AccessExclusiveLock } else { LockMode::ShareUpdateExclusiveLock }
}
