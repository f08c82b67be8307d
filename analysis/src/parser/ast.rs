//! From the parser's nodes to the statements of [`crate::syntax`].
//!
//! Everything is found by kind of statement, one file each. What no file knows is [`Ast::Other`].
//! Expressions are cut in [`expressions`], so nothing that leaves here is deep; what reads all of a
//! statement works off a list ([`gather`]), so nothing here needs a deep stack either.

mod alter;
mod constraints;
mod data;
mod definitions;
mod expressions;
mod gather;
mod grants;
mod indexes;
mod names;
mod objects;
mod parts;
mod queries;
mod routines;
mod settings;
mod standalone;
mod tables;

#[cfg(test)]
mod tests;

use pg_query::{Node, NodeEnum};

pub(crate) use standalone::expression;

use crate::syntax::Ast;

/// What a statement says.
pub(super) fn ast(node: &NodeEnum) -> Ast {
    tables::ast(node)
        .or_else(|| alter::ast(node))
        .or_else(|| indexes::ast(node))
        .or_else(|| definitions::ast(node))
        .or_else(|| objects::ast(node))
        .or_else(|| routines::ast(node))
        .or_else(|| grants::ast(node))
        .or_else(|| settings::ast(node))
        .or_else(|| data::ast(node))
        .unwrap_or(Ast::Other)
}

/// The same for a statement inside another one.
fn inner(node: Option<&Node>) -> Ast {
    node.and_then(|node| node.node.as_ref()).map_or(Ast::Other, ast)
}
