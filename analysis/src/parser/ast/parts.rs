//! What an expression or a query is made of, directly.

use pg_query::{Node, NodeEnum, NodeRef, protobuf};

/// Adds the parts of a node, in the order of the text as far as that matters. WITH clauses are not
/// among them: whoever follows those has to know which names they hide.
pub(super) fn parts<'a>(node: NodeRef<'a>, found: &mut Vec<NodeRef<'a>>) {
    operators(node, found);
    expressions(node, found);
    tables(node, found);
    statements(node, found);
    json(node, found);
    json_more(node, found);
}

/// Nodes that hold any number of parts in fields of several kinds.
trait Parts<'a> {
    fn give(self, found: &mut Vec<NodeRef<'a>>);
}

impl<'a> Parts<'a> for &'a Option<Box<Node>> {
    fn give(self, found: &mut Vec<NodeRef<'a>>) {
        found.extend(self.as_ref().and_then(|node| node.node.as_ref()).map(NodeEnum::to_ref));
    }
}

impl<'a> Parts<'a> for &'a Vec<Node> {
    fn give(self, found: &mut Vec<NodeRef<'a>>) {
        found.extend(self.iter().filter_map(|node| node.node.as_ref()).map(NodeEnum::to_ref));
    }
}

macro_rules! boxed_parts {
    ($($name:ident),*) => {$(
        impl<'a> Parts<'a> for &'a Option<Box<protobuf::$name>> {
            fn give(self, found: &mut Vec<NodeRef<'a>>) {
                found.extend(self.as_deref().map(NodeRef::$name));
            }
        }
    )*};
}

boxed_parts!(WindowDef, SelectStmt, InferClause, OnConflictClause);
boxed_parts!(JsonValueExpr, JsonBehavior, JsonKeyValue, JsonAggConstructor);

impl<'a> Parts<'a> for &'a Option<protobuf::ReturningClause> {
    fn give(self, found: &mut Vec<NodeRef<'a>>) {
        found.extend(self.as_ref().map(NodeRef::ReturningClause));
    }
}

impl<'a> Parts<'a> for &'a Option<protobuf::RangeVar> {
    fn give(self, found: &mut Vec<NodeRef<'a>>) {
        found.extend(self.as_ref().map(NodeRef::RangeVar));
    }
}

macro_rules! give {
    ($found:ident: $($part:expr),*) => {{ $($part.give($found);)* }};
}

fn operators<'a>(node: NodeRef<'a>, found: &mut Vec<NodeRef<'a>>) {
    match node {
        NodeRef::AExpr(n) => give!(found: &n.lexpr, &n.rexpr),
        NodeRef::BoolExpr(n) => give!(found: &n.args),
        NodeRef::NullTest(n) => give!(found: &n.arg),
        NodeRef::BooleanTest(n) => give!(found: &n.arg),
        NodeRef::TypeCast(n) => give!(found: &n.arg),
        NodeRef::CollateClause(n) => give!(found: &n.arg),
        NodeRef::SubLink(n) => give!(found: &n.testexpr, &n.subselect),
        NodeRef::List(n) => give!(found: &n.items),
        NodeRef::AArrayExpr(n) => give!(found: &n.elements),
        NodeRef::RowExpr(n) => give!(found: &n.args),
        NodeRef::AIndirection(n) => give!(found: &n.arg, &n.indirection),
        NodeRef::AIndices(n) => give!(found: &n.lidx, &n.uidx),
        _ => {}
    }
}

fn expressions<'a>(node: NodeRef<'a>, found: &mut Vec<NodeRef<'a>>) {
    match node {
        NodeRef::FuncCall(n) => give!(found: &n.args, &n.agg_order, &n.agg_filter, &n.over),
        NodeRef::CaseExpr(n) => give!(found: &n.arg, &n.args, &n.defresult),
        NodeRef::CaseWhen(n) => give!(found: &n.expr, &n.result),
        NodeRef::CoalesceExpr(n) => give!(found: &n.args),
        NodeRef::MinMaxExpr(n) => give!(found: &n.args),
        NodeRef::XmlExpr(n) => give!(found: &n.named_args, &n.args),
        NodeRef::XmlSerialize(n) => give!(found: &n.expr),
        NodeRef::GroupingFunc(n) => give!(found: &n.args),
        NodeRef::NamedArgExpr(n) => give!(found: &n.arg),
        NodeRef::ResTarget(n) => give!(found: &n.indirection, &n.val),
        // Each column of (a, b) = (…) has the same source.
        NodeRef::MultiAssignRef(n) if n.colno <= 1 => give!(found: &n.source),
        NodeRef::SortBy(n) => give!(found: &n.node),
        NodeRef::GroupingSet(n) => give!(found: &n.content),
        NodeRef::WindowDef(n) => {
            give!(found: &n.partition_clause, &n.order_clause, &n.start_offset, &n.end_offset);
        }
        _ => {}
    }
}

fn tables<'a>(node: NodeRef<'a>, found: &mut Vec<NodeRef<'a>>) {
    match node {
        NodeRef::JoinExpr(n) => give!(found: &n.larg, &n.rarg, &n.quals),
        NodeRef::RangeSubselect(n) => give!(found: &n.subquery),
        NodeRef::RangeFunction(n) => give!(found: &n.functions),
        NodeRef::RangeTableSample(n) => give!(found: &n.relation, &n.args, &n.repeatable),
        NodeRef::RangeTableFunc(n) => give!(found: &n.docexpr, &n.rowexpr, &n.namespaces, &n.columns),
        NodeRef::RangeTableFuncCol(n) => give!(found: &n.colexpr, &n.coldefexpr),
        _ => {}
    }
}

fn statements<'a>(node: NodeRef<'a>, found: &mut Vec<NodeRef<'a>>) {
    match node {
        NodeRef::SelectStmt(n) => select(n, found),
        NodeRef::InsertStmt(n) => give!(found: &n.select_stmt, &n.on_conflict_clause, &n.returning_clause),
        NodeRef::UpdateStmt(n) => {
            give!(found: &n.target_list, &n.from_clause, &n.where_clause, &n.returning_clause);
        }
        NodeRef::DeleteStmt(n) => give!(found: &n.using_clause, &n.where_clause, &n.returning_clause),
        NodeRef::MergeStmt(n) => {
            give!(found: &n.source_relation, &n.join_condition, &n.merge_when_clauses, &n.returning_clause);
        }
        NodeRef::MergeWhenClause(n) => give!(found: &n.condition, &n.target_list, &n.values),
        NodeRef::OnConflictClause(n) => give!(found: &n.infer, &n.target_list, &n.where_clause),
        NodeRef::InferClause(n) => give!(found: &n.index_elems, &n.where_clause),
        NodeRef::IndexElem(n) => give!(found: &n.expr),
        NodeRef::ReturningClause(n) => give!(found: &n.exprs),
        NodeRef::ReturnStmt(n) => give!(found: &n.returnval),
        _ => {}
    }
}

fn select<'a>(n: &'a protobuf::SelectStmt, found: &mut Vec<NodeRef<'a>>) {
    give!(found: &n.larg, &n.rarg, &n.distinct_clause, &n.target_list, &n.from_clause, &n.where_clause);
    give!(found: &n.group_clause, &n.having_clause, &n.window_clause, &n.values_lists, &n.sort_clause);
    give!(found: &n.limit_offset, &n.limit_count);
}

fn json<'a>(node: NodeRef<'a>, found: &mut Vec<NodeRef<'a>>) {
    match node {
        NodeRef::JsonFuncExpr(n) => {
            give!(found: &n.context_item, &n.pathspec, &n.passing, &n.on_empty, &n.on_error);
        }
        NodeRef::JsonArgument(n) => give!(found: &n.val),
        NodeRef::JsonValueExpr(n) => give!(found: &n.raw_expr),
        NodeRef::JsonBehavior(n) => give!(found: &n.expr),
        NodeRef::JsonParseExpr(n) => give!(found: &n.expr),
        NodeRef::JsonScalarExpr(n) => give!(found: &n.expr),
        NodeRef::JsonSerializeExpr(n) => give!(found: &n.expr),
        NodeRef::JsonIsPredicate(n) => give!(found: &n.expr),
        _ => {}
    }
}

fn json_more<'a>(node: NodeRef<'a>, found: &mut Vec<NodeRef<'a>>) {
    match node {
        NodeRef::JsonObjectConstructor(n) => give!(found: &n.exprs),
        NodeRef::JsonArrayConstructor(n) => give!(found: &n.exprs),
        NodeRef::JsonArrayQueryConstructor(n) => give!(found: &n.query),
        NodeRef::JsonAggConstructor(n) => give!(found: &n.agg_filter, &n.agg_order, &n.over),
        NodeRef::JsonObjectAgg(n) => give!(found: &n.arg, &n.constructor),
        NodeRef::JsonArrayAgg(n) => give!(found: &n.arg, &n.constructor),
        NodeRef::JsonKeyValue(n) => give!(found: &n.key, &n.value),
        NodeRef::JsonTable(n) => give!(found: &n.context_item, &n.passing, &n.columns, &n.on_error),
        NodeRef::JsonTableColumn(n) => give!(found: &n.columns, &n.on_empty, &n.on_error),
        _ => {}
    }
}
