//! GRANT and REVOKE.

use pg_query::{NodeEnum, protobuf};
use protobuf::{GrantTargetType, ObjectType};

use super::names::{relation, relations, texts};
use super::objects::{kind, object};
use crate::syntax::{Ast, Grant, GrantTarget};

pub(super) fn ast(node: &NodeEnum) -> Option<Ast> {
    Some(Ast::Grant(match node {
        NodeEnum::GrantStmt(s) => Grant { revoke: !s.is_grant, target: target(s) },
        NodeEnum::GrantRoleStmt(s) => Grant { revoke: !s.is_grant, target: GrantTarget::Other },
        _ => return None,
    }))
}

fn target(s: &protobuf::GrantStmt) -> GrantTarget {
    if s.targtype() == GrantTargetType::AclTargetAllInSchema {
        return GrantTarget::AllIn { kind: kind(s.objtype()), schemas: texts(&s.objects) };
    }
    match s.objtype() {
        ObjectType::ObjectTable | ObjectType::ObjectSequence => {
            GrantTarget::Relations(relations(&s.objects).map(relation).collect())
        }
        ObjectType::ObjectFunction | ObjectType::ObjectProcedure | ObjectType::ObjectRoutine => {
            let routine = |found| object(s.objtype(), Some(found));
            GrantTarget::Routines(s.objects.iter().map(routine).collect())
        }
        ObjectType::ObjectSchema => GrantTarget::Schemas(texts(&s.objects)),
        _ => GrantTarget::Other,
    }
}
