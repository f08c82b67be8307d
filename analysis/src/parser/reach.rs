//! What a statement reaches: guarded statements and calls of guarded functions, wherever they stand in the tree.
//!
//! The tree is followed by its own serialisation ([`walk`]), so that no node can be forgotten. Bodies in SQL are parsed
//! like the statement itself. Bodies in other languages, which are texts to PostgreSQL too, are searched for names;
//! what they put together when they run is not seen.

mod bodies;
mod functions;
mod judge;
mod walk;

#[cfg(test)]
mod tests;

use super::{Fault, parse_fault, translate, tree};
use crate::facts::Facts;
use crate::guarded::{FunctionName, Reached};
use crate::rules;
use crate::split::Token;
use crate::{Risk, StatementKind};

/// Bodies in bodies that are looked into.
const MAX_NESTING: usize = 8;

/// What one statement is and reaches.
pub(crate) struct Found {
    pub(crate) kind: StatementKind,
    pub(crate) risk: Risk,
    pub(crate) objects: Vec<String>,
    /// Each with its byte in the text.
    pub(crate) reaches: Vec<(usize, Reached)>,
}

/// Looks through one statement. Nothing, for transaction control. `tokens` as in [`super::parse`].
pub(crate) fn statement(
    text: &str,
    tokens: &[Token],
    functions: &[FunctionName],
) -> Result<Option<Found>, Fault> {
    let tree = tree(text).map_err(|refusal| parse_fault(text, tokens, &refusal))?;
    let Some(node) = tree.stmts.first().and_then(|one| one.stmt.as_ref()?.node.as_ref()) else {
        return Ok(None);
    };
    if matches!(node, pg_query::NodeEnum::TransactionStmt(_)) {
        return Ok(None);
    }
    let (kind, risk, objects) = weighed(translate::facts(node));
    let mut search = Search::new(functions);
    search.over(&tree, Place { base: 0, text });
    Ok(Some(Found { kind, risk, objects, reaches: search.found }))
}

fn weighed(facts: Facts) -> (StatementKind, Risk, Vec<String>) {
    let (risk, _) = rules::judge(&facts);
    (facts.kind, risk, facts.objects)
}

/// A text that is searched, and where it starts in the text of the whole statement.
#[derive(Clone, Copy)]
struct Place<'a> {
    base: usize,
    text: &'a str,
}

/// All that was found so far.
struct Search<'a> {
    functions: &'a [FunctionName],
    found: Vec<(usize, Reached)>,
    depth: usize,
}

impl<'a> Search<'a> {
    const fn new(functions: &'a [FunctionName]) -> Self {
        Self { functions, found: Vec::new(), depth: 0 }
    }

    fn over(&mut self, tree: &pg_query::protobuf::ParseResult, place: Place<'_>) {
        walk::walk(tree, |thing, fields| self.judge(thing, fields, place));
    }

    fn add(&mut self, at: usize, reached: Reached) {
        if self.found.iter().all(|(_, known)| *known != reached) {
            self.found.push((at, reached));
        }
    }
}
