//! Parts of statements by themselves, as a server's catalog shows them.

use crate::facts::Meaning;
use crate::read::on_parser_stack;
use crate::simulate::is_steady;
use crate::syntax::{Ast, Bound, Expr};
use crate::{Catalog, ScriptError, parser};

/// Reads expressions, as `pg_get_expr` shows them. `None` for a text that is no expression.
///
/// # Errors
/// The parser could not run at all.
pub fn parse_expressions(texts: &[String]) -> Result<Vec<Option<Expr>>, ScriptError> {
    on_parser_stack(|| texts.iter().map(|text| parser::expression(text)).collect())
}

/// Reads bounds of partitions, as `pg_get_expr` shows them. `None` for a text that is no bound.
///
/// # Errors
/// The parser could not run at all.
pub fn parse_bounds(texts: &[String]) -> Result<Vec<Option<Bound>>, ScriptError> {
    on_parser_stack(|| texts.iter().map(|text| bound(text)).collect())
}

/// What [`crate::Function::steady_body`] is for the bodies of functions in SQL that can be replaced by what
/// they compute: not strict, no set, no settings or rights of their own.
pub fn steady_bodies(catalog: &Catalog, bodies: &[String]) -> Vec<bool> {
    bodies.iter().map(|body| is_steady(catalog, body)).collect()
}

fn bound(text: &str) -> Option<Bound> {
    let Ok(Meaning::Facts(_, ast)) = parser::parse(&format!("CREATE TABLE a PARTITION OF b {text}\n"), &[])
    else {
        return None;
    };
    let Ast::CreateTable(table) = *ast else { return None };
    table.partition_of.map(|(_, bound)| bound)
}
