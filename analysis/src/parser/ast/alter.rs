//! ALTER TABLE and its relatives, each sub-command by itself.

use pg_query::{NodeEnum, protobuf};
use protobuf::{AlterTableType as Type, DropBehavior};

use super::constraints::{identity, table_constraint};
use super::expressions::{filled, some_expr};
use super::names::{collation, named, option_names, qname, relation, some, some_type};
use super::objects;
use super::tables::{bound, column};
use crate::syntax::{AlterAction as Action, AlterTable, Ast, IdentityKind, ReplicaIdentity, TriggerState};

pub(super) fn ast(node: &NodeEnum) -> Option<Ast> {
    let NodeEnum::AlterTableStmt(s) = node else { return None };
    let actions = s.cmds.iter().filter_map(|command| match &command.node {
        Some(NodeEnum::AlterTableCmd(command)) => Some(action(command)),
        _ => None,
    });
    Some(Ast::AlterTable(AlterTable {
        relation: named(s.relation.as_ref()),
        kind: objects::kind(s.objtype()),
        if_exists: s.missing_ok,
        only: s.relation.as_ref().is_some_and(|table| !table.inh)
            && s.objtype() != protobuf::ObjectType::ObjectType,
        actions: actions.collect(),
    }))
}

fn action(c: &protobuf::AlterTableCmd) -> Action {
    columns(c)
        .or_else(|| column_values(c))
        .or_else(|| constraints(c))
        .or_else(|| storage(c))
        .or_else(|| triggers(c))
        .or_else(|| relatives(c))
        .unwrap_or_else(|| Action::Unknown { what: what(c.subtype()) })
}

fn what(subtype: Type) -> String {
    let name = subtype.as_str_name();
    name.strip_prefix("AT_").unwrap_or(name).to_owned()
}

fn cascade(c: &protobuf::AlterTableCmd) -> bool {
    c.behavior() == DropBehavior::DropCascade
}

fn definition(c: &protobuf::AlterTableCmd) -> Option<&NodeEnum> {
    c.def.as_ref()?.node.as_ref()
}

fn columns(c: &protobuf::AlterTableCmd) -> Option<Action> {
    let name = || c.name.clone();
    Some(match c.subtype() {
        Type::AtAddColumn => match definition(c)? {
            NodeEnum::ColumnDef(n) => Action::AddColumn { column: column(n), if_not_exists: c.missing_ok },
            _ => return None,
        },
        Type::AtDropColumn => {
            Action::DropColumn { column: name(), if_exists: c.missing_ok, cascade: cascade(c) }
        }
        Type::AtAlterColumnType => match definition(c)? {
            NodeEnum::ColumnDef(n) => Action::AlterType {
                column: name(),
                to: some_type(n.type_name.as_ref()),
                collation: collation(n.coll_clause.as_deref()),
                using: some_expr(n.raw_default.as_deref()),
                cascade: cascade(c),
            },
            _ => return None,
        },
        Type::AtSetStatistics => Action::SetStatistics,
        Type::AtSetOptions | Type::AtResetOptions => Action::ColumnOptions,
        Type::AtSetStorage => Action::SetStorage,
        Type::AtSetCompression => Action::SetCompression,
        _ => return None,
    })
}

fn column_values(c: &protobuf::AlterTableCmd) -> Option<Action> {
    let column = c.name.clone();
    Some(match c.subtype() {
        Type::AtColumnDefault => match some_expr(c.def.as_deref()) {
            Some(default) => Action::SetDefault { column, default },
            None => Action::DropDefault { column },
        },
        Type::AtSetNotNull => Action::SetNotNull { column },
        Type::AtDropNotNull => Action::DropNotNull { column },
        Type::AtSetExpression => Action::SetExpression { column, expression: filled(c.def.as_deref()) },
        Type::AtDropExpression => Action::DropExpression { column, if_exists: c.missing_ok },
        Type::AtAddIdentity => Action::AddIdentity {
            column,
            kind: match definition(c) {
                Some(NodeEnum::Constraint(n)) => identity(n),
                _ => IdentityKind::Always,
            },
        },
        Type::AtSetIdentity => Action::SetIdentity { column, sequence: sets_sequence(c.def.as_deref()) },
        Type::AtDropIdentity => Action::DropIdentity { column, if_exists: c.missing_ok },
        _ => return None,
    })
}

/// Whether SET … of an identity column has more than GENERATED in it.
fn sets_sequence(options: Option<&pg_query::Node>) -> bool {
    match options.and_then(|options| options.node.as_ref()) {
        Some(NodeEnum::List(list)) => list.items.iter().any(
            |item| matches!(&item.node, Some(NodeEnum::DefElem(option)) if option.defname != "generated"),
        ),
        _ => false,
    }
}

fn constraints(c: &protobuf::AlterTableCmd) -> Option<Action> {
    let name = c.name.clone();
    Some(match (c.subtype(), definition(c)) {
        (Type::AtAddConstraint, Some(NodeEnum::Constraint(n))) => Action::AddConstraint(table_constraint(n)?),
        (Type::AtAlterConstraint, Some(NodeEnum::AtalterConstraint(n))) => Action::AlterConstraint {
            name: n.conname.clone(),
            enforced: n.alter_enforceability.then_some(n.is_enforced),
            deferrable: n.alter_deferrability.then_some(n.deferrable),
            inherit: n.alter_inheritability.then_some(!n.noinherit),
        },
        (Type::AtValidateConstraint, _) => Action::ValidateConstraint { name },
        (Type::AtDropConstraint, _) => {
            Action::DropConstraint { name, if_exists: c.missing_ok, cascade: cascade(c) }
        }
        _ => return None,
    })
}

fn storage(c: &protobuf::AlterTableCmd) -> Option<Action> {
    let options = || match definition(c) {
        Some(NodeEnum::List(list)) => option_names(&list.items),
        _ => Vec::new(),
    };
    Some(match c.subtype() {
        Type::AtChangeOwner => Action::OwnerTo,
        Type::AtClusterOn => Action::ClusterOn { index: c.name.clone() },
        Type::AtDropCluster => Action::SetWithoutCluster,
        Type::AtSetLogged => Action::SetLogged,
        Type::AtSetUnLogged => Action::SetUnlogged,
        Type::AtDropOids => Action::SetWithoutOids,
        Type::AtSetAccessMethod => Action::SetAccessMethod { method: some(&c.name) },
        Type::AtSetTableSpace => Action::SetTablespace { tablespace: c.name.clone() },
        Type::AtSetRelOptions | Type::AtReplaceRelOptions => Action::SetOptions { names: options() },
        Type::AtResetRelOptions => Action::ResetOptions { names: options() },
        Type::AtGenericOptions | Type::AtAlterColumnGenericOptions => Action::ForeignOptions,
        _ => return None,
    })
}

fn triggers(c: &protobuf::AlterTableCmd) -> Option<Action> {
    use TriggerState::{Always, Disabled, Enabled, Replica};
    let one = |state| Action::Trigger { state, which: some(&c.name), all: false };
    let several = |state, all| Action::Trigger { state, which: None, all };
    let rule = |state| Action::Rule { state, which: c.name.clone() };
    Some(match c.subtype() {
        Type::AtEnableTrig => one(Enabled),
        Type::AtEnableAlwaysTrig => one(Always),
        Type::AtEnableReplicaTrig => one(Replica),
        Type::AtDisableTrig => one(Disabled),
        Type::AtEnableTrigAll => several(Enabled, true),
        Type::AtDisableTrigAll => several(Disabled, true),
        Type::AtEnableTrigUser => several(Enabled, false),
        Type::AtDisableTrigUser => several(Disabled, false),
        Type::AtEnableRule => rule(Enabled),
        Type::AtEnableAlwaysRule => rule(Always),
        Type::AtEnableReplicaRule => rule(Replica),
        Type::AtDisableRule => rule(Disabled),
        _ => return None,
    })
}

fn relatives(c: &protobuf::AlterTableCmd) -> Option<Action> {
    Some(match (c.subtype(), definition(c)) {
        (Type::AtAddInherit, Some(NodeEnum::RangeVar(n))) => Action::Inherit { parent: relation(n) },
        (Type::AtDropInherit, Some(NodeEnum::RangeVar(n))) => Action::NoInherit { parent: relation(n) },
        (Type::AtAddOf, Some(NodeEnum::TypeName(n))) => Action::OfType { of: qname(&n.names) },
        (Type::AtDropOf, _) => Action::NotOfType,
        (Type::AtReplicaIdentity, Some(NodeEnum::ReplicaIdentityStmt(n))) => {
            Action::ReplicaIdentity(replica_identity(n))
        }
        (Type::AtEnableRowSecurity, _) => Action::RowSecurity { enable: true },
        (Type::AtDisableRowSecurity, _) => Action::RowSecurity { enable: false },
        (Type::AtForceRowSecurity, _) => Action::ForceRowSecurity { force: true },
        (Type::AtNoForceRowSecurity, _) => Action::ForceRowSecurity { force: false },
        (Type::AtAttachPartition, Some(NodeEnum::PartitionCmd(n))) => {
            Action::AttachPartition { partition: named(n.name.as_ref()), bound: n.bound.as_ref().map(bound) }
        }
        (Type::AtDetachPartition, Some(NodeEnum::PartitionCmd(n))) => Action::DetachPartition {
            partition: named(n.name.as_ref()),
            concurrently: n.concurrent,
            finalize: false,
        },
        (Type::AtDetachPartitionFinalize, Some(NodeEnum::PartitionCmd(n))) => {
            Action::DetachPartition { partition: named(n.name.as_ref()), concurrently: false, finalize: true }
        }
        _ => return None,
    })
}

fn replica_identity(n: &protobuf::ReplicaIdentityStmt) -> ReplicaIdentity {
    match n.identity_type.as_str() {
        "f" => ReplicaIdentity::Full,
        "n" => ReplicaIdentity::Nothing,
        "i" => ReplicaIdentity::Index(n.name.clone()),
        _ => ReplicaIdentity::Default,
    }
}
