//! What a statement reaches: guarded statements and calls of guarded functions, wherever they stand in the tree.
//!
//! The tree is followed by its own serialisation ([`walk`]), so that no node can be forgotten. Bodies in SQL are parsed
//! like the statement itself. Bodies in other languages, which are texts to PostgreSQL too, are searched for names;
//! what they put together when they run is not seen.

mod beside;
mod bodies;
mod functions;
mod judge;
mod walk;

#[cfg(test)]
mod tests;

use pg_query::NodeEnum;

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
    if matches!(node, NodeEnum::TransactionStmt(_)) {
        return Ok(None);
    }
    let (kind, risk, objects) = weighed(translate::facts(node));
    let mut search = Search::new(functions);
    let writes = search.over(&tree, Place { base: 0, text });
    also_runs(node, kind, writes).for_each(|(at, runs)| search.add(at, runs));
    Ok(Some(Found { kind, risk, objects, reaches: search.found }))
}

fn weighed(facts: Facts) -> (StatementKind, Risk, Vec<String>) {
    let (risk, _) = rules::judge(&facts);
    (facts.kind, risk, facts.objects)
}

/// Writes inside a statement that runs them: beside its own in a WITH clause, in PREPARE, in COPY.
fn also_runs(
    node: &NodeEnum,
    own: StatementKind,
    writes: Vec<Written>,
) -> impl Iterator<Item = (usize, Reached)> {
    let runs = matches!(
        node,
        NodeEnum::SelectStmt(_)
            | NodeEnum::InsertStmt(_)
            | NodeEnum::UpdateStmt(_)
            | NodeEnum::DeleteStmt(_)
            | NodeEnum::MergeStmt(_)
            | NodeEnum::CreateTableAsStmt(_)
            | NodeEnum::PrepareStmt(_)
            | NodeEnum::CopyStmt(_)
    );
    writes.into_iter().filter(move |written| runs && written.kind != own).map(
        |Written { at, kind, table }| {
            (at, Reached::Runs { kind, risk: kind.base_risk(), objects: vec![table] })
        },
    )
}

/// A write in a tree.
struct Written {
    at: usize,
    kind: StatementKind,
    table: String,
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
    writes: Vec<Written>,
    depth: usize,
}

impl<'a> Search<'a> {
    const fn new(functions: &'a [FunctionName]) -> Self {
        Self { functions, found: Vec::new(), writes: Vec::new(), depth: 0 }
    }

    /// Searches a tree; the writes that are in it.
    fn over(&mut self, tree: &pg_query::protobuf::ParseResult, place: Place<'_>) -> Vec<Written> {
        let before = std::mem::take(&mut self.writes);
        walk::walk(tree, |thing, fields| self.judge(thing, fields, place));
        std::mem::replace(&mut self.writes, before)
    }

    fn add(&mut self, at: usize, reached: Reached) {
        if self.found.iter().all(|(_, known)| *known != reached) {
            self.found.push((at, reached));
        }
    }
}
