//! DROP, and what is gone after it.

use pg_query::{NodeEnum, protobuf};
use protobuf::{DropBehavior, ObjectType};

use super::names::{self, ident, idents};
use crate::facts::{Circumstance, Facts};
use crate::{Destroyed, StatementKind as Kind};

pub(super) fn facts(node: &NodeEnum) -> Option<Facts> {
    Some(match node {
        NodeEnum::DropStmt(s) => dropped(s),
        NodeEnum::DropdbStmt(s) => {
            one(Kind::DropDatabase, "database", ident(&s.dbname)).never("DROP DATABASE")
        }
        NodeEnum::DropTableSpaceStmt(s) => {
            one(Kind::DropTablespace, "tablespace", ident(&s.tablespacename)).never("DROP TABLESPACE")
        }
        // Without a slot it could run inside, but only the catalog knows whether it has one.
        NodeEnum::DropSubscriptionStmt(s) => {
            one(Kind::DropSubscription, "subscription", ident(&s.subname)).never("DROP SUBSCRIPTION")
        }
        NodeEnum::DropRoleStmt(s) => several(Kind::DropRole, "role", names::all(&s.roles)),
        NodeEnum::DropOwnedStmt(s) => several(Kind::DropOwned, "objects owned by", names::all(&s.roles))
            .with_if(s.behavior() == DropBehavior::DropCascade, Circumstance::Cascade),
        NodeEnum::DropUserMappingStmt(s) => {
            Facts::new(Kind::DropOther, idents(&s.servername)).destroying(vec![Destroyed::Other {
                kind: "user mapping".to_owned(),
                name: ident(&s.servername),
            }])
        }
        _ => return None,
    })
}

fn one(kind: Kind, word: &str, name: String) -> Facts {
    several(kind, word, vec![name])
}

fn several(kind: Kind, word: &str, names: Vec<String>) -> Facts {
    let gone = names.iter().map(|name| destroyed(kind, word, name)).collect();
    Facts::new(kind, names).destroying(gone)
}

fn destroyed(kind: Kind, word: &str, name: &str) -> Destroyed {
    match kind {
        Kind::DropTable => Destroyed::Table(name.to_owned()),
        Kind::DropIndex => Destroyed::Index(name.to_owned()),
        _ => Destroyed::Other { kind: word.to_owned(), name: name.to_owned() },
    }
}

fn dropped(statement: &protobuf::DropStmt) -> Facts {
    let object = statement.remove_type();
    let (kind, word) = kind(object);
    let mut facts = Facts::new(kind, Vec::new());
    for found in &statement.objects {
        let names = names::object(object, Some(found));
        facts.destroys.push(destroyed(kind, &word, &names.join(" on ")));
        facts.objects.extend(names);
    }
    facts
        .with_if(statement.behavior() == DropBehavior::DropCascade, Circumstance::Cascade)
        .never_if(statement.concurrent, "DROP INDEX CONCURRENTLY")
}

fn kind(object: ObjectType) -> (Kind, String) {
    let (kind, word) = match object {
        ObjectType::ObjectTable => (Kind::DropTable, "table"),
        ObjectType::ObjectForeignTable => (Kind::DropForeignTable, "foreign table"),
        ObjectType::ObjectIndex => (Kind::DropIndex, "index"),
        ObjectType::ObjectView => (Kind::DropView, "view"),
        ObjectType::ObjectMatview => (Kind::DropMaterializedView, "materialized view"),
        ObjectType::ObjectSequence => (Kind::DropSequence, "sequence"),
        ObjectType::ObjectType => (Kind::DropType, "type"),
        ObjectType::ObjectDomain => (Kind::DropDomain, "domain"),
        ObjectType::ObjectSchema => (Kind::DropSchema, "schema"),
        ObjectType::ObjectFunction => (Kind::DropFunction, "function"),
        ObjectType::ObjectProcedure => (Kind::DropFunction, "procedure"),
        ObjectType::ObjectRoutine => (Kind::DropFunction, "routine"),
        ObjectType::ObjectAggregate => (Kind::DropFunction, "aggregate"),
        ObjectType::ObjectTrigger => (Kind::DropTrigger, "trigger"),
        ObjectType::ObjectRule => (Kind::DropRule, "rule"),
        ObjectType::ObjectPolicy => (Kind::DropPolicy, "policy"),
        ObjectType::ObjectExtension => (Kind::DropExtension, "extension"),
        ObjectType::ObjectStatisticExt => (Kind::DropStatistics, "statistics"),
        ObjectType::ObjectEventTrigger => (Kind::DropEventTrigger, "event trigger"),
        ObjectType::ObjectPublication => (Kind::DropPublication, "publication"),
        other => return (Kind::DropOther, plain_word(other)),
    };
    (kind, word.to_owned())
}

/// `OBJECT_TSPARSER` and its like are rare enough to be shown by the parser's own name.
fn plain_word(object: ObjectType) -> String {
    let name = object.as_str_name();
    name.strip_prefix("OBJECT_").unwrap_or(name).replace('_', " ").to_lowercase()
}
