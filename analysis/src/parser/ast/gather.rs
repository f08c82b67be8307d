//! Everything that a statement refers to, wherever in it: one pass over a work list, since
//! operators and UNIONs nest thousands deep.

use pg_query::{Node, NodeEnum, NodeRef, protobuf};

use super::expressions::path;
use super::names::{qname, relation, some, texts};
use super::parts::parts;
use super::queries;
use crate::syntax::{QName, Query, Source, Write};

/// What was found, in the order of the text as far as the tree has it.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) sources: Vec<Source>,
    pub(super) columns: Vec<Vec<String>>,
    pub(super) calls: Vec<(QName, usize)>,
    /// Sequences that functions are called with.
    pub(super) sequences: Vec<String>,
    pub(super) writes: Vec<Write>,
    pub(super) locking: bool,
    /// WITH clauses give names.
    pub(super) names: bool,
}

impl Gathered {
    /// All that is in a query or an expression, but not what it writes.
    pub(super) fn of(node: NodeRef<'_>) -> Self {
        Walk::over(vec![node], Writes::Skip)
    }

    /// All that is in statements. Not for what is inside an expression: a write has an expression
    /// in turn.
    pub(super) fn with_writes(nodes: Vec<NodeRef<'_>>) -> Self {
        Walk::over(nodes, Writes::Note)
    }

    /// What something depends on that runs this later: what is written is read, so to say.
    pub(super) fn into_dependencies(mut self) -> Query {
        for write in &self.writes {
            self.sources.push(Source { relation: write.table.clone(), alias: None, only: false });
            self.columns.extend(write.columns.iter().map(|column| vec![column.clone()]));
        }
        let limit_zero = self.sources.is_empty();
        self.into_query(Vec::new(), limit_zero)
    }

    /// As a query with these outputs.
    pub(super) fn into_query(
        self,
        outputs: Vec<(Option<String>, crate::syntax::Expr)>,
        limit_zero: bool,
    ) -> Query {
        let Self { sources, columns, calls, sequences, locking, writes: _, names: _ } = self;
        Query { sources, outputs, columns, calls, sequences, locking, limit_zero }
    }
}

/// A name of a WITH clause, seen by what stands under it.
struct Scope<'a> {
    outer: Option<usize>,
    name: &'a str,
}

/// Whether writes are noted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writes {
    Note,
    Skip,
}

struct Walk<'a> {
    writes: Writes,
    scopes: Vec<Scope<'a>>,
    /// What is still to be looked at, last first, each with the WITH names that it sees.
    open: Vec<(NodeRef<'a>, Option<usize>)>,
    found: Gathered,
}

impl<'a> Walk<'a> {
    fn over(nodes: Vec<NodeRef<'a>>, writes: Writes) -> Gathered {
        let open = nodes.into_iter().rev().map(|node| (node, None)).collect();
        let mut walk = Self { writes, scopes: Vec::new(), open, found: Gathered::default() };
        walk.run();
        walk.found.names = !walk.scopes.is_empty();
        walk.found
    }

    fn run(&mut self) {
        let mut inside = Vec::new();
        while let Some((node, scope)) = self.open.pop() {
            self.note(node, scope);
            let mut with = Vec::new();
            let scope = match with_clause(node) {
                Some(clause) => self.enter(clause, scope, &mut with),
                None => scope,
            };
            parts(node, &mut inside);
            self.open.extend(inside.drain(..).rev().map(|part| (part, scope)));
            self.open.extend(with.into_iter().rev());
        }
    }

    /// Adds the queries of a WITH clause to `queries`; gives the scope of what it is written on.
    fn enter(
        &mut self,
        clause: &'a protobuf::WithClause,
        outer: Option<usize>,
        queries: &mut Vec<(NodeRef<'a>, Option<usize>)>,
    ) -> Option<usize> {
        let mut scope = outer;
        for part in &clause.ctes {
            let Some(NodeEnum::CommonTableExpr(part)) = &part.node else { continue };
            let seen = scope;
            self.scopes.push(Scope { outer: scope, name: &part.ctename });
            scope = Some(self.scopes.len() - 1);
            let query = part.ctequery.as_ref().and_then(|query| query.node.as_ref());
            queries.extend(query.map(|query| (query.to_ref(), seen)));
        }
        if clause.recursive {
            queries.iter_mut().for_each(|(_, seen)| *seen = scope);
        }
        scope
    }

    /// Whether a WITH clause means something else by that name.
    fn is_hidden(&self, table: &protobuf::RangeVar, mut scope: Option<usize>) -> bool {
        if !table.schemaname.is_empty() {
            return false;
        }
        while let Some(at) = scope.and_then(|at| self.scopes.get(at)) {
            if at.name == table.relname {
                return true;
            }
            scope = at.outer;
        }
        false
    }

    fn note(&mut self, node: NodeRef<'a>, scope: Option<usize>) {
        let hidden = matches!(node, NodeRef::RangeVar(n) if self.is_hidden(n, scope));
        let found = &mut self.found;
        match node {
            NodeRef::ColumnRef(n) => found.columns.push(path(n)),
            NodeRef::FuncCall(n) => {
                let name = qname(&n.funcname);
                if matches!(name.name.as_str(), "nextval" | "setval") {
                    found.sequences.extend(n.args.first().and_then(literal));
                }
                found.calls.push((name, n.args.len()));
            }
            NodeRef::JoinExpr(n) => {
                found.columns.extend(texts(&n.using_clause).into_iter().map(|name| vec![name]));
            }
            NodeRef::IndexElem(n) => found.columns.extend(some(&n.name).map(|name| vec![name])),
            NodeRef::SelectStmt(n) => found.locking |= !n.locking_clause.is_empty(),
            NodeRef::RangeVar(n) if !hidden => found.sources.push(source(n)),
            other if self.writes == Writes::Note => found.writes.extend(queries::write(other)),
            _ => {}
        }
    }
}

fn with_clause(node: NodeRef<'_>) -> Option<&protobuf::WithClause> {
    match node {
        NodeRef::SelectStmt(n) => n.with_clause.as_ref(),
        NodeRef::InsertStmt(n) => n.with_clause.as_ref(),
        NodeRef::UpdateStmt(n) => n.with_clause.as_ref(),
        NodeRef::DeleteStmt(n) => n.with_clause.as_ref(),
        NodeRef::MergeStmt(n) => n.with_clause.as_ref(),
        _ => None,
    }
}

fn source(found: &protobuf::RangeVar) -> Source {
    Source {
        relation: relation(found),
        alias: found.alias.as_ref().map(|alias| alias.aliasname.clone()),
        only: !found.inh,
    }
}

/// The nodes of a field, to be looked into.
pub(super) fn refs(nodes: &[Node]) -> impl Iterator<Item = NodeRef<'_>> {
    nodes.iter().filter_map(|node| node.node.as_ref()).map(NodeEnum::to_ref)
}

/// A text, casts aside.
fn literal(node: &Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::AConst(constant) => match &constant.val {
            Some(protobuf::a_const::Val::Sval(text)) => Some(text.sval.clone()),
            _ => None,
        },
        NodeEnum::TypeCast(cast) => literal(cast.arg.as_deref()?),
        _ => None,
    }
}
