//! CREATE TABLE in all its forms, and PARTITION BY and FOR VALUES.

use pg_query::{Node, NodeEnum, protobuf};
use protobuf::PartitionStrategy as Strategy;

use super::constraints::{column_constraints, table_constraint};
use super::expressions::{filled, path};
use super::names::{
    collation, is_temporary, is_unlogged, named, option_names, qname, relation, relations, some, type_name,
};
use crate::syntax::{
    Ast, Bound, BoundValue, ColumnDefinition, CreateTable, Expr, LikeClause, PartitionSpec,
    PartitionStrategy, QName,
};

pub(super) fn ast(node: &NodeEnum) -> Option<Ast> {
    match node {
        NodeEnum::CreateStmt(s) => Some(Ast::CreateTable(table(s))),
        NodeEnum::CreateForeignTableStmt(s) => {
            let table = table(s.base_stmt.as_ref()?);
            Some(Ast::CreateTable(CreateTable { foreign: true, ..table }))
        }
        _ => None,
    }
}

fn table(s: &protobuf::CreateStmt) -> CreateTable {
    let mut parents: Vec<QName> = relations(&s.inh_relations).map(relation).collect();
    let partition_of = match &s.partbound {
        Some(bound) if !parents.is_empty() => Some((parents.remove(0), self::bound(bound))),
        _ => None,
    };
    let mut table = CreateTable {
        name: named(s.relation.as_ref()),
        temporary: is_temporary(s.relation.as_ref()),
        unlogged: is_unlogged(s.relation.as_ref()),
        foreign: false,
        if_not_exists: s.if_not_exists,
        columns: Vec::new(),
        constraints: Vec::new(),
        likes: Vec::new(),
        inherits: parents,
        partition_of,
        partition_by: s.partspec.as_ref().map(partition_by),
        of_type: s.of_typename.as_ref().map(|of| qname(&of.names)),
        access_method: some(&s.access_method),
        tablespace: some(&s.tablespacename),
        options: option_names(&s.options),
    };
    for element in s.table_elts.iter().chain(&s.constraints) {
        add(&mut table, element);
    }
    table
}

fn add(table: &mut CreateTable, element: &Node) {
    match &element.node {
        Some(NodeEnum::ColumnDef(n)) => table.columns.push(column(n)),
        Some(NodeEnum::Constraint(n)) => table.constraints.extend(table_constraint(n)),
        Some(NodeEnum::TableLikeClause(n)) => table.likes.push(like(n)),
        _ => {}
    }
}

/// A column of a table or of a composite type.
pub(super) fn column(n: &protobuf::ColumnDef) -> ColumnDefinition {
    ColumnDefinition {
        name: n.colname.clone(),
        data_type: n.type_name.as_ref().map(type_name),
        collation: collation(n.coll_clause.as_deref()),
        constraints: column_constraints(&n.colname, &n.constraints),
    }
}

/// The bits are those of the grammar's `TableLikeOption`.
fn like(n: &protobuf::TableLikeClause) -> LikeClause {
    let has = |bit: u32| n.options & (1 << bit) != 0;
    LikeClause {
        source: named(n.relation.as_ref()),
        constraints: has(2),
        defaults: has(3),
        generated: has(4),
        identity: has(5),
        indexes: has(6),
        statistics: has(7),
    }
}

fn partition_by(n: &protobuf::PartitionSpec) -> PartitionSpec {
    let strategy = match n.strategy() {
        Strategy::List => PartitionStrategy::List,
        Strategy::Hash => PartitionStrategy::Hash,
        Strategy::Range | Strategy::Undefined => PartitionStrategy::Range,
    };
    let keys = n.part_params.iter().filter_map(|key| match &key.node {
        Some(NodeEnum::PartitionElem(key)) => Some(match some(&key.name) {
            Some(name) => Expr::Column(vec![name]),
            None => filled(key.expr.as_deref()),
        }),
        _ => None,
    });
    PartitionSpec { strategy, keys: keys.collect() }
}

/// FOR VALUES or DEFAULT.
pub(super) fn bound(n: &protobuf::PartitionBoundSpec) -> Bound {
    match n.strategy.as_str() {
        _ if n.is_default => Bound::Default,
        "l" => Bound::List(n.listdatums.iter().map(listed).collect()),
        "h" => Bound::Hash { modulus: n.modulus, remainder: n.remainder },
        _ => Bound::Range {
            from: n.lowerdatums.iter().map(end).collect(),
            to: n.upperdatums.iter().map(end).collect(),
        },
    }
}

fn listed(value: &Node) -> BoundValue {
    BoundValue::Value(filled(Some(value)))
}

/// MINVALUE and MAXVALUE are columns to the grammar.
fn end(value: &Node) -> BoundValue {
    if let Some(NodeEnum::ColumnRef(column)) = &value.node
        && let [word] = path(column).as_slice()
    {
        match word.as_str() {
            "minvalue" => return BoundValue::Min,
            "maxvalue" => return BoundValue::Max,
            _ => {}
        }
    }
    listed(value)
}
