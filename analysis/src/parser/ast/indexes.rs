//! CREATE INDEX and REINDEX, CLUSTER, statistics.

use pg_query::{Node, NodeEnum, protobuf};
use protobuf::{ReindexObjectType, SortByDir, SortByNulls};

use super::expressions::{filled, some_expr};
use super::names::{named, qname, relation, relations, some, some_qname};
use crate::parser::names::option;
use crate::syntax::{Ast, CreateIndex, Expr, IndexElement, Reindex, ReindexTarget};

pub(super) fn ast(node: &NodeEnum) -> Option<Ast> {
    Some(match node {
        NodeEnum::IndexStmt(s) => Ast::CreateIndex(index(s)),
        NodeEnum::ReindexStmt(s) => Ast::Reindex(reindex(s)),
        NodeEnum::ClusterStmt(s) => {
            Ast::Cluster { table: s.relation.as_ref().map(relation), index: some(&s.indexname) }
        }
        NodeEnum::CreateStatsStmt(s) => Ast::CreateStatistics {
            name: some_qname(&s.defnames),
            if_not_exists: s.if_not_exists,
            table: relations(&s.relations).next().map(relation),
        },
        NodeEnum::AlterStatsStmt(s) => Ast::AlterStatistics { name: qname(&s.defnames) },
        _ => return None,
    })
}

fn index(s: &protobuf::IndexStmt) -> CreateIndex {
    CreateIndex {
        name: some(&s.idxname),
        table: named(s.relation.as_ref()),
        only: s.relation.as_ref().is_some_and(|table| !table.inh),
        unique: s.unique,
        concurrently: s.concurrent,
        if_not_exists: s.if_not_exists,
        method: s.access_method.clone(),
        elements: elements(&s.index_params).map(element).collect(),
        include: elements(&s.index_including_params).map(|n| n.name.clone()).collect(),
        predicate: some_expr(s.where_clause.as_deref()),
        nulls_not_distinct: s.nulls_not_distinct,
        tablespace: some(&s.table_space),
    }
}

fn elements(nodes: &[Node]) -> impl Iterator<Item = &protobuf::IndexElem> {
    nodes.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::IndexElem(element)) => Some(&**element),
        _ => None,
    })
}

/// A column or expression of an index.
pub(super) fn element(n: &protobuf::IndexElem) -> IndexElement {
    let descending = n.ordering() == SortByDir::SortbyDesc;
    let nulls_first = match n.nulls_ordering() {
        SortByNulls::SortbyNullsFirst if !descending => Some(true),
        SortByNulls::SortbyNullsLast if descending => Some(false),
        _ => None,
    };
    IndexElement {
        key: match some(&n.name) {
            Some(name) => Expr::Column(vec![name]),
            None => filled(n.expr.as_deref()),
        },
        collation: some_qname(&n.collation),
        operator_class: some_qname(&n.opclass),
        descending,
        nulls_first,
    }
}

fn reindex(s: &protobuf::ReindexStmt) -> Reindex {
    let table = || named(s.relation.as_ref());
    let target = match s.kind() {
        ReindexObjectType::ReindexObjectIndex => ReindexTarget::Index(table()),
        ReindexObjectType::ReindexObjectTable => ReindexTarget::Table(table()),
        ReindexObjectType::ReindexObjectSchema => ReindexTarget::Schema(s.name.clone()),
        ReindexObjectType::ReindexObjectSystem
        | ReindexObjectType::ReindexObjectDatabase
        | ReindexObjectType::Undefined => ReindexTarget::Database,
    };
    Reindex { target, concurrently: option(&s.params, "concurrently") == Some(true) }
}
