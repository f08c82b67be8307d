//! ALTER, and everything that changes an object that is there without dropping it.

use pg_query::{Node, NodeEnum, protobuf};
use protobuf::{AlterSubscriptionType, AlterTableType, DropBehavior, ObjectType};

use super::creates::attached;
use super::names::{self, dotted, ident, idents, relations};
use crate::facts::{Circumstance, Facts};
use crate::{Destroyed, StatementKind as Kind};

pub(super) fn facts(node: &NodeEnum) -> Option<Facts> {
    relation(node)
        .or_else(|| any_kind(node))
        .or_else(|| in_database(node))
        .or_else(|| around(node))
        .or_else(|| other(node))
        .or_else(|| grant(node))
}

/// The kind of an ALTER of that kind of object.
fn kind(object: ObjectType) -> Kind {
    match object {
        ObjectType::ObjectTable | ObjectType::ObjectColumn | ObjectType::ObjectTabconstraint => {
            Kind::AlterTable
        }
        ObjectType::ObjectForeignTable => Kind::AlterForeignTable,
        ObjectType::ObjectIndex => Kind::AlterIndex,
        ObjectType::ObjectView => Kind::AlterView,
        ObjectType::ObjectMatview => Kind::AlterMaterializedView,
        ObjectType::ObjectSequence => Kind::AlterSequence,
        ObjectType::ObjectType | ObjectType::ObjectAttribute => Kind::AlterType,
        ObjectType::ObjectDomain | ObjectType::ObjectDomconstraint => Kind::AlterDomain,
        ObjectType::ObjectFunction
        | ObjectType::ObjectProcedure
        | ObjectType::ObjectRoutine
        | ObjectType::ObjectAggregate => Kind::AlterFunction,
        ObjectType::ObjectSchema => Kind::AlterSchema,
        ObjectType::ObjectExtension => Kind::AlterExtension,
        ObjectType::ObjectTrigger => Kind::AlterTrigger,
        ObjectType::ObjectPolicy => Kind::AlterPolicy,
        ObjectType::ObjectPublication => Kind::AlterPublication,
        ObjectType::ObjectSubscription => Kind::AlterSubscription,
        ObjectType::ObjectRole => Kind::AlterRole,
        ObjectType::ObjectDatabase => Kind::AlterDatabase,
        _ => Kind::AlterOther,
    }
}

fn relation(node: &NodeEnum) -> Option<Facts> {
    Some(match node {
        NodeEnum::AlterTableStmt(s) => table(s),
        NodeEnum::AlterTableMoveAllStmt(s) => Facts::new(kind(s.objtype()), idents(&s.orig_tablespacename)),
        NodeEnum::AlterSeqStmt(s) => Facts::new(Kind::AlterSequence, relations(s.sequence.as_ref())),
        NodeEnum::AlterPolicyStmt(s) => attached(Kind::AlterPolicy, &s.policy_name, s.table.as_ref()),
        _ => return None,
    })
}

fn table(statement: &protobuf::AlterTableStmt) -> Facts {
    let object = statement.objtype();
    let mut facts = Facts::new(kind(object), relations(statement.relation.as_ref()));
    let name = facts.objects.first().cloned().unwrap_or_default();
    for command in &statement.cmds {
        let Some(NodeEnum::AlterTableCmd(command)) = &command.node else { continue };
        if command.subtype() == AlterTableType::AtDropColumn {
            facts = facts.destroying(dropped_column(object, &name, &ident(&command.name)));
            let cascade = command.behavior() == DropBehavior::DropCascade;
            if cascade && !facts.circumstances.contains(&Circumstance::Cascade) {
                facts = facts.with(Circumstance::Cascade);
            }
        }
        if let Some(NodeEnum::PartitionCmd(part)) = command.def.as_ref().and_then(|d| d.node.as_ref()) {
            facts.objects.extend(relations(part.name.as_ref()));
            facts = facts.never_if(part.concurrent, "DETACH PARTITION CONCURRENTLY");
        }
    }
    facts
}

/// The values of a foreign table's column are not in this database.
fn dropped_column(object: ObjectType, table: &str, column: &str) -> Vec<Destroyed> {
    match object {
        ObjectType::ObjectTable => {
            vec![Destroyed::Column { table: table.to_owned(), column: column.to_owned() }]
        }
        ObjectType::ObjectType => {
            vec![Destroyed::Other { kind: "attribute".to_owned(), name: format!("{table}.{column}") }]
        }
        _ => Vec::new(),
    }
}

/// Renaming, moving and giving away, which work on every kind of object.
fn any_kind(node: &NodeEnum) -> Option<Facts> {
    Some(match node {
        NodeEnum::RenameStmt(s) => renamed(s),
        NodeEnum::AlterObjectSchemaStmt(s) => on(s.object_type(), s.relation.as_ref(), s.object.as_deref()),
        NodeEnum::AlterOwnerStmt(s) => on(s.object_type(), s.relation.as_ref(), s.object.as_deref()),
        NodeEnum::AlterObjectDependsStmt(s) => on(s.object_type(), s.relation.as_ref(), s.object.as_deref()),
        _ => return None,
    })
}

fn on(object: ObjectType, relation: Option<&protobuf::RangeVar>, node: Option<&Node>) -> Facts {
    let mut objects = names::object(object, node);
    objects.extend(relations(relation));
    Facts::new(kind(object), objects)
}

fn renamed(statement: &protobuf::RenameStmt) -> Facts {
    let object = statement.rename_type();
    match object {
        // What is renamed is part of a relation of that other kind.
        ObjectType::ObjectColumn | ObjectType::ObjectAttribute => {
            on(statement.relation_type(), statement.relation.as_ref(), None)
        }
        ObjectType::ObjectTrigger | ObjectType::ObjectPolicy | ObjectType::ObjectRule => {
            attached(kind(object), &statement.subname, statement.relation.as_ref())
        }
        _ if statement.relation.is_none() && statement.object.is_none() => {
            Facts::new(kind(object), idents(&statement.subname))
        }
        _ => on(object, statement.relation.as_ref(), statement.object.as_deref()),
    }
}

/// What lives in the database and is no relation.
fn in_database(node: &NodeEnum) -> Option<Facts> {
    Some(match node {
        NodeEnum::AlterDomainStmt(s) => Facts::new(Kind::AlterDomain, vec![dotted(&s.type_name)]),
        NodeEnum::AlterEnumStmt(s) => Facts::new(Kind::AlterType, vec![dotted(&s.type_name)]),
        NodeEnum::AlterTypeStmt(s) => Facts::new(Kind::AlterType, vec![dotted(&s.type_name)]),
        NodeEnum::AlterFunctionStmt(s) => {
            let name = s.func.as_ref().map(|function| dotted(&function.objname));
            Facts::new(kind(s.objtype()), name.into_iter().collect())
        }
        NodeEnum::AlterExtensionStmt(s) => {
            let name = ident(&s.extname);
            let script = format!("the update script of extension {name}");
            Facts::new(Kind::AlterExtension, vec![name]).not_analysed(&script)
        }
        NodeEnum::AlterExtensionContentsStmt(s) => Facts::new(Kind::AlterExtension, idents(&s.extname)),
        NodeEnum::AlterPublicationStmt(s) => Facts::new(Kind::AlterPublication, idents(&s.pubname)),
        NodeEnum::AlterSubscriptionStmt(s) => subscription(s),
        _ => return None,
    })
}

fn subscription(statement: &protobuf::AlterSubscriptionStmt) -> Facts {
    let facts = Facts::new(Kind::AlterSubscription, idents(&statement.subname));
    let refreshes = names::option(&statement.options, "refresh").unwrap_or(true);
    match statement.kind() {
        AlterSubscriptionType::AlterSubscriptionRefresh => {
            facts.never("ALTER SUBSCRIPTION … REFRESH PUBLICATION")
        }
        AlterSubscriptionType::AlterSubscriptionSetPublication
        | AlterSubscriptionType::AlterSubscriptionAddPublication
        | AlterSubscriptionType::AlterSubscriptionDropPublication => {
            facts.never_if(refreshes, "ALTER SUBSCRIPTION that refreshes")
        }
        _ => facts,
    }
}

/// What belongs to the cluster.
fn around(node: &NodeEnum) -> Option<Facts> {
    Some(match node {
        NodeEnum::AlterRoleStmt(s) => Facts::new(Kind::AlterRole, s.role.iter().map(names::role).collect()),
        NodeEnum::AlterRoleSetStmt(s) => {
            Facts::new(Kind::AlterRole, s.role.iter().map(names::role).collect())
        }
        NodeEnum::AlterDatabaseStmt(s) => {
            let moves = names::option(&s.options, "tablespace").is_some();
            Facts::new(Kind::AlterDatabase, idents(&s.dbname))
                .never_if(moves, "ALTER DATABASE SET TABLESPACE")
        }
        NodeEnum::AlterDatabaseSetStmt(s) => Facts::new(Kind::AlterDatabase, idents(&s.dbname)),
        NodeEnum::AlterDatabaseRefreshCollStmt(s) => Facts::new(Kind::AlterDatabase, idents(&s.dbname)),
        NodeEnum::AlterSystemStmt(s) => {
            let setting = s.setstmt.as_ref().map(|set| set.name.clone());
            Facts::new(Kind::AlterSystem, setting.into_iter().collect()).never("ALTER SYSTEM")
        }
        NodeEnum::AlterTableSpaceOptionsStmt(s) => Facts::new(Kind::AlterOther, idents(&s.tablespacename)),
        _ => return None,
    })
}

fn other(node: &NodeEnum) -> Option<Facts> {
    let name = match node {
        NodeEnum::AlterCollationStmt(s) => dotted(&s.collname),
        NodeEnum::AlterOperatorStmt(s) => {
            s.opername.as_ref().map(|operator| dotted(&operator.objname)).unwrap_or_default()
        }
        NodeEnum::AlterOpFamilyStmt(s) => dotted(&s.opfamilyname),
        NodeEnum::AlterTsdictionaryStmt(s) => dotted(&s.dictname),
        NodeEnum::AlterTsconfigurationStmt(s) => dotted(&s.cfgname),
        NodeEnum::AlterStatsStmt(s) => dotted(&s.defnames),
        NodeEnum::AlterEventTrigStmt(s) => ident(&s.trigname),
        NodeEnum::AlterFdwStmt(s) => ident(&s.fdwname),
        NodeEnum::AlterForeignServerStmt(s) => ident(&s.servername),
        NodeEnum::AlterUserMappingStmt(s) => ident(&s.servername),
        _ => return None,
    };
    Some(Facts::new(Kind::AlterOther, vec![name]))
}

/// Who may do what, and who owns what.
pub(super) fn grant(node: &NodeEnum) -> Option<Facts> {
    let granted = |is_grant: bool| if is_grant { Kind::Grant } else { Kind::Revoke };
    Some(match node {
        NodeEnum::GrantStmt(s) => Facts::new(granted(s.is_grant), names::all(&s.objects)),
        NodeEnum::GrantRoleStmt(s) => Facts::new(granted(s.is_grant), names::all(&s.granted_roles)),
        NodeEnum::AlterDefaultPrivilegesStmt(_) => Facts::new(Kind::AlterDefaultPrivileges, Vec::new()),
        NodeEnum::ReassignOwnedStmt(s) => Facts::new(Kind::ReassignOwned, names::all(&s.roles)),
        NodeEnum::CommentStmt(s) => {
            Facts::new(Kind::Comment, names::object(s.objtype(), s.object.as_deref()))
        }
        NodeEnum::SecLabelStmt(s) => {
            Facts::new(Kind::SecurityLabel, names::object(s.objtype(), s.object.as_deref()))
        }
        _ => return None,
    })
}
