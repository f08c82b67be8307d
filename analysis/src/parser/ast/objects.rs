//! Dropping, renaming, moving, giving away and describing anything.

use pg_query::{Node, NodeEnum, protobuf};
use protobuf::{DropBehavior, ObjectType};

use super::names::{named, qname, relation, some, text, texts, type_name, types};
use crate::syntax::{Ast, Drop, ObjectKind as Kind, ObjectName, QName, Rename, SetSchema};

pub(super) fn ast(node: &NodeEnum) -> Option<Ast> {
    dropped(node).map(Ast::Drop).or_else(|| changed(node))
}

fn dropped(node: &NodeEnum) -> Option<Drop> {
    Some(match node {
        NodeEnum::DropStmt(s) => drop(s),
        NodeEnum::DropdbStmt(s) => bare(Kind::Database, &s.dbname, s.missing_ok),
        NodeEnum::DropTableSpaceStmt(s) => bare(Kind::Tablespace, &s.tablespacename, s.missing_ok),
        NodeEnum::DropSubscriptionStmt(s) => bare(Kind::Subscription, &s.subname, s.missing_ok),
        NodeEnum::DropUserMappingStmt(s) => bare(Kind::Other, &s.servername, s.missing_ok),
        NodeEnum::DropRoleStmt(s) => {
            let names = s.roles.iter().map(|role| object(ObjectType::ObjectRole, Some(role))).collect();
            Drop { names, ..bare(Kind::Role, "", s.missing_ok) }
        }
        _ => return None,
    })
}

fn drop(s: &protobuf::DropStmt) -> Drop {
    let kind = s.remove_type();
    Drop {
        kind: self::kind(kind),
        names: s.objects.iter().map(|found| object(kind, Some(found))).collect(),
        if_exists: s.missing_ok,
        cascade: s.behavior() == DropBehavior::DropCascade,
        concurrently: s.concurrent,
    }
}

fn bare(kind: Kind, name: &str, if_exists: bool) -> Drop {
    let names = vec![plain(QName::bare(name))];
    Drop { kind, names, if_exists, cascade: false, concurrently: false }
}

fn changed(node: &NodeEnum) -> Option<Ast> {
    Some(match node {
        NodeEnum::RenameStmt(s) => Ast::Rename(rename(s)),
        NodeEnum::AlterObjectSchemaStmt(s) => Ast::SetSchema(SetSchema {
            kind: kind(s.object_type()),
            name: on(s.object_type(), s.relation.as_ref(), s.object.as_deref()),
            schema: s.newschema.clone(),
            if_exists: s.missing_ok,
        }),
        NodeEnum::AlterOwnerStmt(s) => Ast::OwnerTo {
            kind: kind(s.object_type()),
            name: on(s.object_type(), s.relation.as_ref(), s.object.as_deref()),
        },
        NodeEnum::CommentStmt(s) => {
            Ast::Comment { kind: kind(s.objtype()), name: object(s.objtype(), s.object.as_deref()) }
        }
        // DEPENDS ON EXTENSION looks a trigger up as COMMENT does, and changes nothing else.
        NodeEnum::AlterObjectDependsStmt(s) if s.object_type() == ObjectType::ObjectTrigger => {
            let part = match s.object.as_ref().and_then(|object| object.node.as_ref()) {
                Some(NodeEnum::List(list)) => texts(&list.items).pop(),
                _ => None,
            };
            Ast::Comment {
                kind: Kind::Trigger,
                name: ObjectName { name: named(s.relation.as_ref()), part, arguments: None },
            }
        }
        NodeEnum::SecLabelStmt(s) => {
            Ast::SecurityLabel { kind: kind(s.objtype()), name: object(s.objtype(), s.object.as_deref()) }
        }
        _ => return None,
    })
}

fn rename(s: &protobuf::RenameStmt) -> Rename {
    let object_type = s.rename_type();
    let (relation_kind, name) = match object_type {
        ObjectType::ObjectColumn | ObjectType::ObjectAttribute => {
            (kind(s.relation_type()), part(named(s.relation.as_ref()), &s.subname))
        }
        ObjectType::ObjectTabconstraint
        | ObjectType::ObjectTrigger
        | ObjectType::ObjectPolicy
        | ObjectType::ObjectRule => (Kind::Table, part(named(s.relation.as_ref()), &s.subname)),
        ObjectType::ObjectDomconstraint => {
            let domain = object(ObjectType::ObjectDomain, s.object.as_deref());
            (Kind::Domain, part(domain.name, &s.subname))
        }
        _ if s.relation.is_none() && s.object.is_none() => {
            (kind(object_type), plain(QName::bare(&s.subname)))
        }
        _ => (kind(object_type), on(object_type, s.relation.as_ref(), s.object.as_deref())),
    };
    Rename {
        kind: kind(object_type),
        relation_kind,
        name,
        to: s.newname.clone(),
        if_exists: s.missing_ok,
        // A composite type comes as a relation without the flag.
        inherit: object_type == ObjectType::ObjectAttribute
            || s.relation.as_ref().is_none_or(|relation| relation.inh),
    }
}

fn on(kind: ObjectType, relation: Option<&protobuf::RangeVar>, node: Option<&Node>) -> ObjectName {
    match relation {
        Some(found) => plain(self::relation(found)),
        None => object(kind, node),
    }
}

fn plain(name: QName) -> ObjectName {
    ObjectName { name, part: None, arguments: None }
}

fn part(of: QName, name: &str) -> ObjectName {
    ObjectName { name: of, part: some(name), arguments: None }
}

/// What a node of that kind names.
pub(super) fn object(kind: ObjectType, node: Option<&Node>) -> ObjectName {
    match node.and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::List(list)) => listed(kind, &list.items),
        Some(NodeEnum::String(name)) => plain(QName::bare(&name.sval)),
        Some(NodeEnum::TypeName(name)) => plain(qname(&name.names)),
        Some(NodeEnum::RangeVar(found)) => plain(relation(found)),
        Some(NodeEnum::RoleSpec(role)) => plain(QName::bare(&role.rolename)),
        Some(NodeEnum::ObjectWithArgs(found)) => ObjectName {
            name: qname(&found.objname),
            part: None,
            arguments: (!found.args_unspecified).then(|| types(&found.objargs)),
        },
        _ => plain(QName::bare("")),
    }
}

fn listed(kind: ObjectType, items: &[Node]) -> ObjectName {
    let belongs = matches!(
        kind,
        ObjectType::ObjectColumn
            | ObjectType::ObjectTabconstraint
            | ObjectType::ObjectTrigger
            | ObjectType::ObjectRule
            | ObjectType::ObjectPolicy
    );
    match items.split_last() {
        Some((last, table)) if belongs => part(qname(table), text(last).unwrap_or_default()),
        // The domain comes as a type.
        Some((last, [domain])) if kind == ObjectType::ObjectDomconstraint => {
            part(object(ObjectType::ObjectDomain, Some(domain)).name, text(last).unwrap_or_default())
        }
        _ if texts(items).is_empty() => plain(QName::bare(&cast(items))),
        _ => plain(qname(items)),
    }
}

/// Casts have no name but their types.
fn cast(items: &[Node]) -> String {
    let names = items.iter().filter_map(|item| match &item.node {
        Some(NodeEnum::TypeName(name)) => Some(type_name(name).name.to_string()),
        _ => None,
    });
    names.collect::<Vec<_>>().join(" as ")
}

/// The kind of object that the grammar means.
pub(super) const fn kind(object: ObjectType) -> Kind {
    match object {
        ObjectType::ObjectTable => Kind::Table,
        ObjectType::ObjectForeignTable => Kind::ForeignTable,
        ObjectType::ObjectView => Kind::View,
        ObjectType::ObjectMatview => Kind::MaterializedView,
        ObjectType::ObjectIndex => Kind::Index,
        ObjectType::ObjectSequence => Kind::Sequence,
        ObjectType::ObjectColumn => Kind::Column,
        ObjectType::ObjectTabconstraint => Kind::TableConstraint,
        ObjectType::ObjectDomconstraint => Kind::DomainConstraint,
        ObjectType::ObjectType => Kind::Type,
        ObjectType::ObjectAttribute => Kind::Attribute,
        ObjectType::ObjectDomain => Kind::Domain,
        ObjectType::ObjectFunction => Kind::Function,
        ObjectType::ObjectProcedure => Kind::Procedure,
        ObjectType::ObjectRoutine => Kind::Routine,
        ObjectType::ObjectAggregate => Kind::Aggregate,
        ObjectType::ObjectTrigger => Kind::Trigger,
        ObjectType::ObjectRule => Kind::Rule,
        ObjectType::ObjectPolicy => Kind::Policy,
        ObjectType::ObjectSchema => Kind::Schema,
        ObjectType::ObjectExtension => Kind::Extension,
        other => rare_kind(other),
    }
}

const fn rare_kind(object: ObjectType) -> Kind {
    match object {
        ObjectType::ObjectStatisticExt => Kind::Statistics,
        ObjectType::ObjectCollation => Kind::Collation,
        ObjectType::ObjectOperator => Kind::Operator,
        ObjectType::ObjectCast => Kind::Cast,
        ObjectType::ObjectPublication => Kind::Publication,
        ObjectType::ObjectSubscription => Kind::Subscription,
        ObjectType::ObjectEventTrigger => Kind::EventTrigger,
        ObjectType::ObjectRole => Kind::Role,
        ObjectType::ObjectDatabase => Kind::Database,
        ObjectType::ObjectTablespace => Kind::Tablespace,
        ObjectType::ObjectLanguage => Kind::Language,
        ObjectType::ObjectForeignServer => Kind::Server,
        _ => Kind::Other,
    }
}
