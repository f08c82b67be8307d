//! Statements about rows, and maintenance.

use pg_query::{Node, NodeEnum, protobuf};
use protobuf::{DropBehavior, ObjectType};

use super::gather::Gathered;
use super::names::{is_temporary, is_unlogged, named, relation, relations, texts};
use super::queries;
use crate::parser::names::option;
use crate::syntax::{Ast, Copy, CreateTableAs, Dml, LockTable, QName, Query, Truncate, Vacuum, WriteKind};

pub(super) fn ast(node: &NodeEnum) -> Option<Ast> {
    match node {
        NodeEnum::SelectStmt(s) => match &queries::first(s).into_clause {
            Some(into) => Some(Ast::CreateTableAs(created(into, queries::query(node)))),
            None => Some(Ast::Dml(dml(node))),
        },
        NodeEnum::InsertStmt(_)
        | NodeEnum::UpdateStmt(_)
        | NodeEnum::DeleteStmt(_)
        | NodeEnum::MergeStmt(_) => Some(Ast::Dml(dml(node))),
        NodeEnum::CreateTableAsStmt(s) => created_as(s),
        NodeEnum::RefreshMatViewStmt(s) => Some(Ast::Refresh {
            view: named(s.relation.as_ref()),
            concurrently: s.concurrent,
            with_data: !s.skip_data,
        }),
        _ => maintenance(node).or_else(|| around(node)),
    }
}

fn dml(node: &NodeEnum) -> Dml {
    let mut found = Gathered::with_writes(vec![node.to_ref()]);
    let mut writes = std::mem::take(&mut found.writes);
    if found.names {
        let conditions = writes.iter_mut().filter_map(|write| write.condition.as_mut());
        conditions.for_each(|condition| queries::restrict(condition, &found.sources));
    }
    let for_update = found.locking;
    let mut reads = queries::read(node.to_ref(), found, 1);
    // Anything but an INSERT reads what it writes.
    reads.limit_zero &= writes.iter().all(|write| write.kind == WriteKind::Insert);
    Dml { writes, reads, for_update }
}

fn created_as(s: &protobuf::CreateTableAsStmt) -> Option<Ast> {
    let created = created(s.into.as_deref()?, query(s.query.as_deref()));
    Some(Ast::CreateTableAs(CreateTableAs {
        materialized_view: s.objtype() == ObjectType::ObjectMatview,
        if_not_exists: s.if_not_exists,
        ..created
    }))
}

fn created(into: &protobuf::IntoClause, query: Query) -> CreateTableAs {
    CreateTableAs {
        name: named(into.rel.as_ref()),
        materialized_view: false,
        temporary: is_temporary(into.rel.as_ref()),
        unlogged: is_unlogged(into.rel.as_ref()),
        if_not_exists: false,
        columns: texts(&into.col_names),
        query,
        with_data: !into.skip_data,
    }
}

/// A query that may be the EXECUTE of one, of which nothing is known.
fn query(node: Option<&Node>) -> Query {
    match node.and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::ExecuteStmt(_)) | None => Query::default(),
        Some(query) => queries::query(query),
    }
}

fn maintenance(node: &NodeEnum) -> Option<Ast> {
    Some(match node {
        NodeEnum::TruncateStmt(s) => Ast::Truncate(Truncate {
            tables: with_only(&s.relations),
            cascade: s.behavior() == DropBehavior::DropCascade,
            restart_identity: s.restart_seqs,
        }),
        NodeEnum::LockStmt(s) => {
            Ast::LockTable(LockTable { tables: with_only(&s.relations), mode: s.mode, nowait: s.nowait })
        }
        NodeEnum::VacuumStmt(s) => Ast::Vacuum(Vacuum {
            vacuum: s.is_vacuumcmd,
            full: option(&s.options, "full") == Some(true),
            analyze: !s.is_vacuumcmd || option(&s.options, "analyze") == Some(true),
            tables: s.rels.iter().filter_map(vacuumed).collect(),
        }),
        NodeEnum::CopyStmt(s) => Ast::Copy(Copy {
            table: s.relation.as_ref().map(relation),
            from: s.is_from,
            query: s.query.as_ref().map(|query| queries::field(Some(query))),
        }),
        _ => return None,
    })
}

fn with_only(nodes: &[Node]) -> Vec<(QName, bool)> {
    relations(nodes).map(|table| (relation(table), !table.inh)).collect()
}

fn vacuumed(node: &Node) -> Option<QName> {
    match &node.node {
        Some(NodeEnum::VacuumRelation(found)) => found.relation.as_ref().map(relation),
        _ => None,
    }
}

/// Statements around other ones.
fn around(node: &NodeEnum) -> Option<Ast> {
    Some(match node {
        NodeEnum::ExplainStmt(s) => Ast::Explain {
            analyze: option(&s.options, "analyze") == Some(true),
            inner: Box::new(super::inner(s.query.as_deref())),
        },
        NodeEnum::PrepareStmt(s) => Ast::Prepare { inner: Box::new(super::inner(s.query.as_deref())) },
        NodeEnum::DeclareCursorStmt(s) => super::inner(s.query.as_deref()),
        NodeEnum::ExecuteStmt(_) => Ast::Execute,
        _ => return None,
    })
}
