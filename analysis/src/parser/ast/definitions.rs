//! CREATE and ALTER of sequences, types, domains, schemas, extensions, publications.

use pg_query::{Node, NodeEnum, protobuf};
use protobuf::{ConstrType, DropBehavior, ObjectType, RoleSpecType};

use super::constraints::table_constraint;
use super::expressions::{filled, some_expr};
use super::names::{
    collation, is_temporary, named, option_text, option_value, qname, relation, some, some_type, texts,
    type_name,
};
use super::tables::column;
use crate::syntax::{
    AlterDomain, AlterEnum, Ast, ColumnDefinition, CreateDomain, CreateExtension, CreateSchema,
    CreateSequence, CreateType, DomainAction, EnumChange, Owner, QName, TypeDefinition,
};

pub(super) fn ast(node: &NodeEnum) -> Option<Ast> {
    types(node).or_else(|| others(node))
}

fn types(node: &NodeEnum) -> Option<Ast> {
    let created = |name: QName, definition| Some(Ast::CreateType(CreateType { name, definition }));
    match node {
        NodeEnum::CreateEnumStmt(s) => created(qname(&s.type_name), TypeDefinition::Enum(texts(&s.vals))),
        NodeEnum::CompositeTypeStmt(s) => {
            created(named(s.typevar.as_ref()), TypeDefinition::Composite(columns(&s.coldeflist)))
        }
        NodeEnum::CreateRangeStmt(s) => {
            let subtype = match option_value(&s.params, "subtype") {
                Some(NodeEnum::TypeName(name)) => Some(type_name(name)),
                _ => None,
            };
            created(qname(&s.type_name), TypeDefinition::Range { subtype })
        }
        NodeEnum::DefineStmt(s) if s.kind() == ObjectType::ObjectType => {
            created(qname(&s.defnames), TypeDefinition::Base)
        }
        NodeEnum::DefineStmt(s) if s.kind() == ObjectType::ObjectOperator => {
            let function =
                ["function", "procedure"].iter().find_map(|key| match option_value(&s.definition, key) {
                    Some(NodeEnum::TypeName(name)) => Some(type_name(name).name),
                    _ => None,
                });
            Some(Ast::CreateOperator { name: qname(&s.defnames), function })
        }
        NodeEnum::AlterEnumStmt(s) => Some(Ast::AlterEnum(alter_enum(s))),
        NodeEnum::CreateDomainStmt(s) => Some(Ast::CreateDomain(domain(s))),
        NodeEnum::AlterDomainStmt(s) => {
            Some(Ast::AlterDomain(AlterDomain { name: qname(&s.type_name), action: domain_action(s)? }))
        }
        _ => None,
    }
}

fn others(node: &NodeEnum) -> Option<Ast> {
    Some(match node {
        NodeEnum::CreateSeqStmt(s) => Ast::CreateSequence(CreateSequence {
            name: named(s.sequence.as_ref()),
            temporary: is_temporary(s.sequence.as_ref()),
            if_not_exists: s.if_not_exists,
            owned_by: owned_by(&s.options),
        }),
        NodeEnum::AlterSeqStmt(s) => Ast::AlterSequence {
            name: named(s.sequence.as_ref()),
            if_exists: s.missing_ok,
            owned_by: owned_by(&s.options),
            // SET LOGGED and UNLOGGED are an ALTER TABLE to the grammar.
            persistence_only: false,
        },
        NodeEnum::CreateSchemaStmt(s) => Ast::CreateSchema(schema(s)),
        NodeEnum::CreateExtensionStmt(s) => Ast::CreateExtension(CreateExtension {
            name: s.extname.clone(),
            schema: option_text(&s.options, "schema").map(str::to_owned),
            if_not_exists: s.if_not_exists,
        }),
        NodeEnum::CreatePublicationStmt(s) => {
            Ast::Publication { tables: published(&s.pubobjects), all_tables: s.for_all_tables }
        }
        NodeEnum::AlterPublicationStmt(s) => {
            Ast::Publication { tables: published(&s.pubobjects), all_tables: s.for_all_tables }
        }
        _ => return None,
    })
}

fn columns(nodes: &[Node]) -> Vec<ColumnDefinition> {
    let found = nodes.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::ColumnDef(n)) => Some(column(n)),
        _ => None,
    });
    found.collect()
}

fn alter_enum(s: &protobuf::AlterEnumStmt) -> AlterEnum {
    let change = match some(&s.old_val) {
        Some(from) => EnumChange::Rename { from, to: s.new_val.clone() },
        None => EnumChange::Add {
            label: s.new_val.clone(),
            if_not_exists: s.skip_if_new_val_exists,
            beside: some(&s.new_val_neighbor),
            after: s.new_val_is_after,
        },
    };
    AlterEnum { name: qname(&s.type_name), change }
}

fn domain(s: &protobuf::CreateDomainStmt) -> CreateDomain {
    let mut domain = CreateDomain {
        name: qname(&s.domainname),
        base: some_type(s.type_name.as_ref()),
        collation: collation(s.coll_clause.as_deref()),
        default: None,
        not_null: false,
        checks: Vec::new(),
    };
    for node in &s.constraints {
        let Some(NodeEnum::Constraint(n)) = &node.node else { continue };
        match n.contype() {
            ConstrType::ConstrDefault => domain.default = Some(filled(n.raw_expr.as_deref())),
            ConstrType::ConstrNotnull => domain.not_null = true,
            ConstrType::ConstrCheck => domain.checks.extend(table_constraint(n)),
            _ => {}
        }
    }
    domain
}

/// The letters are the grammar's.
fn domain_action(s: &protobuf::AlterDomainStmt) -> Option<DomainAction> {
    let name = s.name.clone();
    Some(match s.subtype.as_str() {
        "T" => DomainAction::Default(some_expr(s.def.as_deref())),
        "N" => DomainAction::DropNotNull,
        "O" => DomainAction::SetNotNull,
        "C" => match s.def.as_ref()?.node.as_ref()? {
            NodeEnum::Constraint(n) => DomainAction::AddConstraint(table_constraint(n)?),
            _ => return None,
        },
        "X" => DomainAction::DropConstraint {
            name,
            if_exists: s.missing_ok,
            cascade: s.behavior() == DropBehavior::DropCascade,
        },
        "V" => DomainAction::ValidateConstraint { name },
        _ => return None,
    })
}

fn owned_by(options: &[Node]) -> Option<Owner> {
    let NodeEnum::List(list) = option_value(options, "owned_by")? else { return None };
    let parts = texts(&list.items);
    Some(match parts.split_last()? {
        (column, table @ [_, ..]) => {
            Owner::Column { table: QName::from_parts(table), column: column.clone() }
        }
        (_none, []) => Owner::None,
    })
}

fn schema(s: &protobuf::CreateSchemaStmt) -> CreateSchema {
    let plain_role = s.authrole.as_ref().filter(|role| role.roletype() == RoleSpecType::RolespecCstring);
    CreateSchema {
        name: some(&s.schemaname),
        authorization: plain_role.map(|role| role.rolename.clone()),
        if_not_exists: s.if_not_exists,
        elements: s.schema_elts.iter().map(|element| super::inner(Some(element))).collect(),
    }
}

fn published(objects: &[Node]) -> Vec<QName> {
    let tables = objects.iter().filter_map(|object| match &object.node {
        Some(NodeEnum::PublicationObjSpec(object)) => object.pubtable.as_ref()?.relation.as_ref(),
        _ => None,
    });
    tables.map(relation).collect()
}
