//! CREATE and its relatives.

use pg_query::{NodeEnum, protobuf};
use protobuf::ObjectType;

use super::names::{self, dotted, ident, idents, relations};
use super::{alters, data};
use crate::StatementKind as Kind;
use crate::facts::{Circumstance, Facts};

pub(super) fn facts(node: &NodeEnum) -> Option<Facts> {
    relation(node).or_else(|| inside(node)).or_else(|| around(node))
}

/// Relations and what is attached to them.
fn relation(node: &NodeEnum) -> Option<Facts> {
    Some(match node {
        NodeEnum::CreateStmt(s) => table(Kind::CreateTable, s),
        NodeEnum::CreateForeignTableStmt(s) => match &s.base_stmt {
            Some(base) => table(Kind::CreateForeignTable, base),
            None => Facts::new(Kind::CreateForeignTable, Vec::new()),
        },
        NodeEnum::CreateTableAsStmt(s) => data::create_as(s),
        NodeEnum::IndexStmt(s) => {
            let mut objects = idents(&s.idxname);
            objects.extend(relations(s.relation.as_ref()));
            Facts::new(Kind::CreateIndex, objects)
                .never_if(s.concurrent, "CREATE INDEX CONCURRENTLY")
                .with_if(s.concurrent, Circumstance::BuildsOnline)
        }
        NodeEnum::ViewStmt(s) => Facts::new(Kind::CreateView, relations(s.view.as_ref()))
            .with_if(s.replace, Circumstance::Replaces),
        NodeEnum::CreateSeqStmt(s) => Facts::new(Kind::CreateSequence, relations(s.sequence.as_ref())),
        NodeEnum::CreateTrigStmt(s) => attached(Kind::CreateTrigger, &s.trigname, s.relation.as_ref()),
        NodeEnum::RuleStmt(s) => attached(Kind::CreateRule, &s.rulename, s.relation.as_ref()),
        NodeEnum::CreatePolicyStmt(s) => attached(Kind::CreatePolicy, &s.policy_name, s.table.as_ref()),
        NodeEnum::CreateStatsStmt(s) => {
            let name = dotted(&s.defnames);
            let named = (!name.is_empty()).then_some(name);
            let objects = named.into_iter().chain(names::all(&s.relations)).collect();
            Facts::new(Kind::CreateStatistics, objects)
        }
        _ => return None,
    })
}

fn table(kind: Kind, statement: &protobuf::CreateStmt) -> Facts {
    let facts = Facts::new(kind, relations(statement.relation.as_ref()));
    match (&statement.partbound, statement.inh_relations.first().and_then(names::node)) {
        (Some(_), Some(parent)) => facts.with(Circumstance::PartitionOf(parent)),
        _ => facts,
    }
}

pub(super) fn attached(kind: Kind, name: &str, table: Option<&protobuf::RangeVar>) -> Facts {
    let mut objects = idents(name);
    objects.extend(relations(table));
    Facts::new(kind, objects)
}

/// What lives in a schema and holds no rows.
fn inside(node: &NodeEnum) -> Option<Facts> {
    let (kind, name) = match node {
        NodeEnum::CreateFunctionStmt(s) => {
            let kind = if s.is_procedure { Kind::CreateProcedure } else { Kind::CreateFunction };
            return Some(Facts::new(kind, vec![dotted(&s.funcname)]));
        }
        NodeEnum::DefineStmt(s) => {
            let kind = match s.kind() {
                ObjectType::ObjectAggregate => Kind::CreateAggregate,
                ObjectType::ObjectType => Kind::CreateType,
                _ => Kind::CreateOther,
            };
            (kind, dotted(&s.defnames))
        }
        NodeEnum::CompositeTypeStmt(s) => {
            return Some(Facts::new(Kind::CreateType, relations(s.typevar.as_ref())));
        }
        NodeEnum::CreateEnumStmt(s) => (Kind::CreateType, dotted(&s.type_name)),
        NodeEnum::CreateRangeStmt(s) => (Kind::CreateType, dotted(&s.type_name)),
        NodeEnum::CreateDomainStmt(s) => (Kind::CreateDomain, dotted(&s.domainname)),
        NodeEnum::CreateOpClassStmt(s) => (Kind::CreateOther, dotted(&s.opclassname)),
        NodeEnum::CreateOpFamilyStmt(s) => (Kind::CreateOther, dotted(&s.opfamilyname)),
        NodeEnum::CreateConversionStmt(s) => (Kind::CreateOther, dotted(&s.conversion_name)),
        NodeEnum::CreateCastStmt(s) => {
            let types = [&s.sourcetype, &s.targettype];
            let types: Vec<_> = types.into_iter().flatten().map(names::type_name).collect();
            (Kind::CreateOther, types.join(" AS "))
        }
        NodeEnum::CreateTransformStmt(s) => {
            (Kind::CreateOther, s.type_name.as_ref().map(names::type_name).unwrap_or_default())
        }
        _ => return None,
    };
    Some(Facts::new(kind, vec![name]))
}

/// Schemas, and what belongs to the database or the cluster.
fn around(node: &NodeEnum) -> Option<Facts> {
    let (kind, name) = match node {
        NodeEnum::CreateSchemaStmt(s) => return Some(schema(s)),
        NodeEnum::CreateSubscriptionStmt(s) => {
            // Creating the slot on the other server is what can't be undone.
            let remote = names::option(&s.options, "connect").unwrap_or(true)
                && names::option(&s.options, "create_slot").unwrap_or(true);
            return Some(
                Facts::new(Kind::CreateSubscription, idents(&s.subname))
                    .never_if(remote, "CREATE SUBSCRIPTION with a replication slot"),
            );
        }
        NodeEnum::CreatedbStmt(s) => {
            return Some(Facts::new(Kind::CreateDatabase, idents(&s.dbname)).never("CREATE DATABASE"));
        }
        NodeEnum::CreateTableSpaceStmt(s) => {
            return Some(
                Facts::new(Kind::CreateTablespace, idents(&s.tablespacename)).never("CREATE TABLESPACE"),
            );
        }
        NodeEnum::CreateExtensionStmt(s) => (Kind::CreateExtension, &s.extname),
        NodeEnum::CreatePublicationStmt(s) => (Kind::CreatePublication, &s.pubname),
        NodeEnum::CreateEventTrigStmt(s) => (Kind::CreateEventTrigger, &s.trigname),
        NodeEnum::CreateRoleStmt(s) => (Kind::CreateRole, &s.role),
        NodeEnum::CreateFdwStmt(s) => (Kind::CreateOther, &s.fdwname),
        NodeEnum::CreateForeignServerStmt(s) => (Kind::CreateOther, &s.servername),
        NodeEnum::CreateUserMappingStmt(s) => (Kind::CreateOther, &s.servername),
        NodeEnum::CreateAmStmt(s) => (Kind::CreateOther, &s.amname),
        NodeEnum::CreatePlangStmt(s) => (Kind::CreateOther, &s.plname),
        NodeEnum::ImportForeignSchemaStmt(s) => (Kind::ImportForeignSchema, &s.local_schema),
        _ => return None,
    };
    Some(Facts::new(kind, vec![ident(name)]))
}

/// A schema and what is created in it in the same breath; all of that is new with it, except that
/// a foreign key or a grant may name what is there.
fn schema(statement: &protobuf::CreateSchemaStmt) -> Facts {
    let mut objects = idents(&statement.schemaname);
    if let (true, Some(role)) = (objects.is_empty(), &statement.authrole) {
        objects.push(names::role(role));
    }
    let mut whole = Facts::new(Kind::CreateSchema, objects);
    for element in statement.schema_elts.iter().filter_map(|element| element.node.as_ref()) {
        let Some(part) = facts(element).or_else(|| alters::grant(element)) else { continue };
        whole.objects.extend(part.objects);
        whole.circumstances.extend(part.circumstances);
    }
    whole
}
