//! Expressions by themselves, as a server's catalog shows them.
//!
//! This needs a deep stack: [`crate::read::on_parser_stack`].

use pg_query::{NodeEnum, protobuf};

use super::expressions;
use crate::parser::tree;
use crate::syntax::Expr;

/// An expression, as `pg_get_expr` shows it.
pub(crate) fn expression(text: &str) -> Option<Expr> {
    // A comment at the end must not swallow the parenthesis.
    with_only_output(&format!("SELECT ({text}\n)"), |value| Some(expressions::expr(value)))
}

/// What a SELECT of one value and nothing else selects.
fn with_only_output<T>(text: &str, give: impl FnOnce(&NodeEnum) -> Option<T>) -> Option<T> {
    let tree = tree(text).ok()?;
    let [one] = tree.stmts.as_slice() else { return None };
    let NodeEnum::SelectStmt(select) = one.stmt.as_ref()?.node.as_ref()? else { return None };
    let [target] = select.target_list.as_slice() else { return None };
    let Some(NodeEnum::ResTarget(target)) = &target.node else { return None };
    if !is_bare(select) || !target.name.is_empty() {
        return None;
    }
    give(target.val.as_ref()?.node.as_ref()?)
}

fn is_bare(select: &protobuf::SelectStmt) -> bool {
    select.larg.is_none()
        && select.from_clause.is_empty()
        && select.where_clause.is_none()
        && select.into_clause.is_none()
        && select.group_clause.is_empty()
        && select.having_clause.is_none()
        && select.sort_clause.is_empty()
        && select.limit_count.is_none()
        && select.limit_offset.is_none()
        && select.locking_clause.is_empty()
}
