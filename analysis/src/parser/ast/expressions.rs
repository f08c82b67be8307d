//! Expressions, cut to a bounded depth.

use pg_query::{Node, NodeEnum, NodeRef, protobuf};
use protobuf::{AExprKind, BoolExprType, BoolTestType, NullTestType, SqlValueFunctionOp, SubLinkType};

use super::gather::Gathered;
use super::names::{collation, qname, some_type, text};
use super::parts::parts;
use super::queries;
use crate::syntax::{BoolOp, Constant, Expr, MAX_EXPR_DEPTH, QName};

/// An expression that stands for itself.
pub(super) fn expr(node: &NodeEnum) -> Expr {
    at(node.to_ref(), 1)
}

/// The same for a field.
pub(super) fn some_expr(node: Option<&Node>) -> Option<Expr> {
    node.and_then(|node| node.node.as_ref()).map(expr)
}

/// The same for a field that the grammar always fills.
pub(super) fn filled(node: Option<&Node>) -> Expr {
    some_expr(node).unwrap_or_else(|| Expr::Other(Vec::new()))
}

/// An expression that stands at that depth of another one, from 1.
pub(super) fn at(node: NodeRef<'_>, depth: usize) -> Expr {
    if let Some(leaf) = leaf(node) {
        return leaf;
    }
    if depth >= MAX_EXPR_DEPTH {
        return deep(node);
    }
    let next = Depth(depth + 1);
    match node {
        NodeRef::FuncCall(n) => next.call(n),
        NodeRef::AExpr(n) => next.operator(n),
        NodeRef::BoolExpr(n) => Expr::Bool { op: bool_op(n.boolop()), args: next.all(&n.args) },
        NodeRef::NullTest(n) => next.null_test(n),
        NodeRef::BooleanTest(n) => {
            Expr::Operator { name: bool_test(n.booltesttype()).to_owned(), args: next.one(n.arg.as_deref()) }
        }
        NodeRef::TypeCast(n) => {
            Expr::Cast { arg: next.boxed(n.arg.as_deref()), to: some_type(n.type_name.as_ref()) }
        }
        NodeRef::CollateClause(n) => Expr::Collate {
            arg: next.boxed(n.arg.as_deref()),
            collation: collation(Some(n)).unwrap_or_else(|| QName::bare("")),
        },
        NodeRef::List(n) => Expr::List(next.all(&n.items)),
        NodeRef::AArrayExpr(n) => Expr::List(next.all(&n.elements)),
        NodeRef::RowExpr(n) => Expr::List(next.all(&n.args)),
        NodeRef::SubLink(n) => next.subquery(n),
        NodeRef::NamedArgExpr(n) => next.field(n.arg.as_deref()),
        other => next.other(other),
    }
}

/// The depth of the parts of an expression.
#[derive(Clone, Copy)]
struct Depth(usize);

impl Depth {
    fn field(self, node: Option<&Node>) -> Expr {
        match node.and_then(|node| node.node.as_ref()) {
            Some(node) => at(node.to_ref(), self.0),
            None => Expr::Other(Vec::new()),
        }
    }

    fn boxed(self, node: Option<&Node>) -> Box<Expr> {
        Box::new(self.field(node))
    }

    fn one(self, node: Option<&Node>) -> Vec<Expr> {
        node.map(|node| self.field(Some(node))).into_iter().collect()
    }

    fn all(self, nodes: &[Node]) -> Vec<Expr> {
        nodes.iter().map(|node| self.field(Some(node))).collect()
    }

    /// What FILTER, ORDER BY and OVER hold comes after the call.
    fn call(self, n: &protobuf::FuncCall) -> Expr {
        let name = qname(&n.funcname);
        if n.agg_order.is_empty() && n.agg_filter.is_none() && n.over.is_none() {
            return Expr::Call { name, args: self.all(&n.args) };
        }
        let inside = Self(self.0 + 1);
        if inside.0 > MAX_EXPR_DEPTH {
            return deep(NodeRef::FuncCall(n));
        }
        let mut all = vec![Expr::Call { name, args: inside.all(&n.args) }];
        let mut rest = Vec::new();
        parts(NodeRef::FuncCall(n), &mut rest);
        all.extend(rest.into_iter().skip(n.args.len()).map(|part| at(part, self.0)));
        Expr::Other(all)
    }

    fn operator(self, n: &protobuf::AExpr) -> Expr {
        let mut args = self.one(n.lexpr.as_deref());
        args.extend(self.one(n.rexpr.as_deref()));
        let word = || n.name.last().and_then(text).unwrap_or_default();
        let name = match n.kind() {
            AExprKind::AexprNullif => return Expr::Other(args),
            AExprKind::AexprOpAny => format!("{} any", word()),
            AExprKind::AexprOpAll => format!("{} all", word()),
            AExprKind::AexprIn if word() == "<>" => "<> all".to_owned(),
            AExprKind::AexprIn => "= any".to_owned(),
            AExprKind::AexprDistinct => "is distinct from".to_owned(),
            AExprKind::AexprNotDistinct => "is not distinct from".to_owned(),
            _ => word().to_ascii_lowercase(),
        };
        Expr::Operator { name, args }
    }

    /// Of a row each value is tested.
    fn null_test(self, n: &protobuf::NullTest) -> Expr {
        let negated = n.nulltesttype() == NullTestType::IsNotNull;
        match n.arg.as_ref().and_then(|arg| arg.node.as_ref()) {
            Some(NodeEnum::RowExpr(row)) => {
                let inside = Self(self.0 + 1);
                let test = |arg| Expr::IsNull { arg: Box::new(arg), negated };
                Expr::Bool { op: BoolOp::And, args: inside.all(&row.args).into_iter().map(test).collect() }
            }
            _ => Expr::IsNull { arg: self.boxed(n.arg.as_deref()), negated },
        }
    }

    fn subquery(self, n: &protobuf::SubLink) -> Expr {
        let Some(query) = n.subselect.as_ref().and_then(|query| query.node.as_ref()) else {
            return Expr::Other(Vec::new());
        };
        let named = |depth: usize| Expr::Query(Box::new(queries::at(query.to_ref(), depth)));
        let word = n.oper_name.last().and_then(text).unwrap_or("=");
        let with = |name: String| {
            let mut args = self.one(n.testexpr.as_deref());
            args.push(named(self.0 + 1));
            Expr::Operator { name, args }
        };
        match n.sub_link_type() {
            SubLinkType::ExistsSublink => with("exists".to_owned()),
            SubLinkType::AnySublink => with(format!("{word} any")),
            SubLinkType::AllSublink => with(format!("{word} all")),
            SubLinkType::ArraySublink => Expr::Other(vec![named(self.0 + 1)]),
            _ => named(self.0),
        }
    }

    fn other(self, node: NodeRef<'_>) -> Expr {
        let mut found = Vec::new();
        parts(node, &mut found);
        Expr::Other(found.into_iter().map(|part| at(part, self.0)).collect())
    }
}

fn leaf(node: NodeRef<'_>) -> Option<Expr> {
    Some(match node {
        NodeRef::ColumnRef(n) => Expr::Column(path(n)),
        NodeRef::AConst(n) => Expr::Constant(constant(n)),
        NodeRef::ParamRef(_) => Expr::Constant(Constant::Parameter),
        NodeRef::SqlvalueFunction(n) => Expr::Value(value(n.op()).to_owned()),
        // The name of a field, of a JSON key, of an XML element.
        NodeRef::String(_) | NodeRef::AStar(_) => Expr::Other(Vec::new()),
        _ => return None,
    })
}

/// All that a part refers to that is too deep to be kept.
fn deep(node: NodeRef<'_>) -> Expr {
    let found = Gathered::of(node);
    Expr::Deep { columns: found.columns, calls: found.calls }
}

/// The path of a column.
pub(super) fn path(column: &protobuf::ColumnRef) -> Vec<String> {
    let part = |node: &Node| match &node.node {
        Some(NodeEnum::AStar(_)) => Some("*".to_owned()),
        _ => text(node).map(str::to_owned),
    };
    column.fields.iter().filter_map(part).collect()
}

/// A literal.
pub(super) fn constant(constant: &protobuf::AConst) -> Constant {
    use protobuf::a_const::Val;
    match &constant.val {
        None => Constant::Null,
        Some(Val::Ival(number)) => Constant::Number(number.ival.to_string()),
        Some(Val::Fval(number)) => Constant::Number(number.fval.clone()),
        Some(Val::Boolval(truth)) => Constant::Bool(truth.boolval),
        Some(Val::Sval(text)) => Constant::Text(text.sval.clone()),
        Some(Val::Bsval(bits)) => Constant::Bits(bits.bsval.clone()),
    }
}

const fn bool_op(op: BoolExprType) -> BoolOp {
    match op {
        BoolExprType::OrExpr => BoolOp::Or,
        BoolExprType::NotExpr => BoolOp::Not,
        BoolExprType::AndExpr | BoolExprType::Undefined => BoolOp::And,
    }
}

const fn bool_test(test: BoolTestType) -> &'static str {
    match test {
        BoolTestType::IsTrue | BoolTestType::Undefined => "is true",
        BoolTestType::IsNotTrue => "is not true",
        BoolTestType::IsFalse => "is false",
        BoolTestType::IsNotFalse => "is not false",
        BoolTestType::IsUnknown => "is unknown",
        BoolTestType::IsNotUnknown => "is not unknown",
    }
}

const fn value(op: SqlValueFunctionOp) -> &'static str {
    use SqlValueFunctionOp as Op;
    match op {
        Op::SqlvalueFunctionOpUndefined => "",
        Op::SvfopCurrentDate => "current_date",
        Op::SvfopCurrentTime | Op::SvfopCurrentTimeN => "current_time",
        Op::SvfopCurrentTimestamp | Op::SvfopCurrentTimestampN => "current_timestamp",
        Op::SvfopLocaltime | Op::SvfopLocaltimeN => "localtime",
        Op::SvfopLocaltimestamp | Op::SvfopLocaltimestampN => "localtimestamp",
        Op::SvfopCurrentRole => "current_role",
        Op::SvfopCurrentUser => "current_user",
        Op::SvfopUser => "user",
        Op::SvfopSessionUser => "session_user",
        Op::SvfopCurrentCatalog => "current_catalog",
        Op::SvfopCurrentSchema => "current_schema",
    }
}
