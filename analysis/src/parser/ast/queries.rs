//! Queries, and the writes in them.

use pg_query::{Node, NodeEnum, NodeRef, protobuf};
use protobuf::OnConflictAction;

use super::expressions::{at as expr_at, constant, some_expr};
use super::gather::Gathered;
use super::names::{named, some};
use crate::syntax::{Constant, Expr, MAX_EXPR_DEPTH, Query, Source, Write, WriteKind};

/// A query that stands for itself.
pub(super) fn query(node: &NodeEnum) -> Query {
    at(node.to_ref(), 1)
}

/// The same for a field.
pub(super) fn field(node: Option<&Node>) -> Query {
    node.and_then(|node| node.node.as_ref()).map(query).unwrap_or_default()
}

/// A query inside an expression of that depth.
pub(super) fn at(node: NodeRef<'_>, depth: usize) -> Query {
    read(node, Gathered::of(node), depth)
}

/// A statement's reads, of which everything is known but its outputs.
pub(super) fn read(node: NodeRef<'_>, found: Gathered, depth: usize) -> Query {
    let NodeRef::SelectStmt(select) = node else {
        let reads_nothing = matches!(node, NodeRef::InsertStmt(_)) && found.sources.is_empty();
        return found.into_query(Vec::new(), reads_nothing);
    };
    let limit_zero = found.sources.is_empty() || is_zero(select.limit_count.as_deref());
    let mut outputs = if depth > MAX_EXPR_DEPTH { Vec::new() } else { outputs(select, depth) };
    if found.names {
        outputs.iter_mut().for_each(|(_, output)| restrict(output, &found.sources));
    }
    found.into_query(outputs, limit_zero)
}

/// The first SELECT of a UNION.
pub(super) fn first(mut select: &protobuf::SelectStmt) -> &protobuf::SelectStmt {
    while let Some(left) = &select.larg {
        select = left;
    }
    select
}

fn outputs(select: &protobuf::SelectStmt, depth: usize) -> Vec<(Option<String>, Expr)> {
    let select = first(select);
    let targets = select.target_list.iter().filter_map(|target| match &target.node {
        Some(NodeEnum::ResTarget(target)) => {
            let value = target.val.as_ref().and_then(|value| value.node.as_ref())?;
            Some((some(&target.name), expr_at(value.to_ref(), depth)))
        }
        _ => None,
    });
    let values = select.values_lists.first().and_then(|row| match &row.node {
        Some(NodeEnum::List(row)) => Some(row.items.iter()),
        _ => None,
    });
    let values = values.into_iter().flatten().enumerate().filter_map(|(index, value)| {
        let value = expr_at(value.node.as_ref()?.to_ref(), depth);
        Some((Some(format!("column{}", index + 1)), value))
    });
    targets.chain(values).collect()
}

/// Takes the names of an outer WITH clause from the sources of subqueries.
pub(super) fn restrict(expr: &mut Expr, known: &[Source]) {
    expr.each_mut(&mut |part| {
        if let Expr::Query(query) = part {
            query.sources.retain(|source| known.iter().any(|known| known.relation == source.relation));
            query.outputs.iter_mut().for_each(|(_, output)| restrict(output, known));
        }
    });
}

fn is_zero(limit: Option<&Node>) -> bool {
    match limit.and_then(|limit| limit.node.as_ref()) {
        Some(NodeEnum::AConst(number)) => constant(number) == Constant::Number("0".to_owned()),
        _ => false,
    }
}

/// What a statement itself writes, its WITH clause not looked into.
pub(super) fn write(node: NodeRef<'_>) -> Option<Write> {
    match node {
        NodeRef::InsertStmt(n) => Some(insert(n)),
        NodeRef::UpdateStmt(n) => Some(update(n)),
        NodeRef::DeleteStmt(n) => Some(delete(n)),
        NodeRef::MergeStmt(n) => Some(merge(n)),
        _ => None,
    }
}

fn insert(n: &protobuf::InsertStmt) -> Write {
    let mut write = to(n.relation.as_ref(), WriteKind::Insert);
    write.columns = targets(&n.cols);
    write.repeated = repeated(&n.cols);
    write.values_only = values_only(n.select_stmt.as_deref());
    if let Some(conflict) = &n.on_conflict_clause {
        write.upsert = conflict.action() == OnConflictAction::OnconflictUpdate;
        add(&mut write.columns, targets(&conflict.target_list));
        write.repeated = write.repeated.or_else(|| repeated(&conflict.target_list));
    }
    write
}

fn update(n: &protobuf::UpdateStmt) -> Write {
    let mut write = to(n.relation.as_ref(), WriteKind::Update);
    write.columns = targets(&n.target_list);
    write.repeated = repeated(&n.target_list);
    write.condition = some_expr(n.where_clause.as_deref());
    write.every_row = n.where_clause.is_none();
    write
}

fn delete(n: &protobuf::DeleteStmt) -> Write {
    let mut write = to(n.relation.as_ref(), WriteKind::Delete);
    write.condition = some_expr(n.where_clause.as_deref());
    write.every_row = n.where_clause.is_none();
    write
}

fn merge(n: &protobuf::MergeStmt) -> Write {
    let mut write = to(n.relation.as_ref(), WriteKind::Merge);
    for clause in &n.merge_when_clauses {
        if let Some(NodeEnum::MergeWhenClause(clause)) = &clause.node {
            add(&mut write.columns, targets(&clause.target_list));
            write.repeated = write.repeated.take().or_else(|| repeated(&clause.target_list));
        }
    }
    write.condition = some_expr(n.join_condition.as_deref());
    write
}

fn to(table: Option<&protobuf::RangeVar>, kind: WriteKind) -> Write {
    Write {
        table: named(table),
        kind,
        every_row: false,
        columns: Vec::new(),
        condition: None,
        values_only: false,
        upsert: false,
        repeated: None,
    }
}

/// The columns that a list of assignments names.
fn targets(nodes: &[Node]) -> Vec<String> {
    let names = nodes.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::ResTarget(target)) => some(&target.name),
        _ => None,
    });
    names.collect()
}

/// A column that is named twice as a whole; elements and fields of one may be.
fn repeated(nodes: &[Node]) -> Option<String> {
    let mut seen = std::collections::BTreeSet::new();
    nodes.iter().find_map(|node| match &node.node {
        Some(NodeEnum::ResTarget(target)) if target.indirection.is_empty() => {
            (!seen.insert(&target.name)).then(|| target.name.clone())
        }
        _ => None,
    })
}

fn add(columns: &mut Vec<String>, more: Vec<String>) {
    for column in more {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
}

/// Whether an INSERT has its rows from its own text: DEFAULT VALUES, VALUES, or one row that is
/// selected from nothing, by nothing that could make it many.
fn values_only(select: Option<&Node>) -> bool {
    let Some(node) = select.and_then(|select| select.node.as_ref()) else { return true };
    let NodeEnum::SelectStmt(select) = node else { return false };
    let found = Gathered::of(node.to_ref());
    let one_row = select.larg.is_none() && select.from_clause.is_empty() && found.calls.is_empty();
    found.sources.is_empty() && (one_row || !select.values_lists.is_empty())
}
