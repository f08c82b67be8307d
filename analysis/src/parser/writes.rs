//! Every write of a statement, wherever in it that is.

use std::collections::BTreeSet;

use pg_query::{Node, NodeEnum, NodeRef, protobuf};
use protobuf::{CmdType, OnConflictAction, WithClause};

use super::names::relation;
use crate::facts::{Circumstance, Facts, Write};
use crate::{Destroyed, StatementKind as Kind};

/// Adds every write of a statement, its WITH clauses included, and makes the statement of the
/// weightiest kind among them. A work list, since UNIONs nest thousands deep.
pub(super) fn gather(statement: &NodeEnum, facts: &mut Facts) {
    let mut named: BTreeSet<String> = facts.objects.iter().cloned().collect();
    let mut emptied = BTreeSet::new();
    let mut open = vec![statement.to_ref()];
    while let Some(node) = open.pop() {
        let with = parts(node, &mut open);
        open.extend(with.iter().flat_map(|with| with.ctes.iter()).filter_map(inner));
        let Some((kind, table, found)) = writes(node) else { continue };
        if weight(kind) > weight(facts.kind) {
            facts.kind = kind;
        }
        if named.insert(table.clone()) {
            facts.objects.push(table.clone());
        }
        if found.iter().any(destroys_rows) && emptied.insert(table.clone()) {
            facts.destroys.push(Destroyed::Rows(table));
        }
        facts.circumstances.extend(found);
    }
}

/// Opens what a statement is made of besides its WITH clause, which is returned.
fn parts<'a>(node: NodeRef<'a>, open: &mut Vec<NodeRef<'a>>) -> Option<&'a WithClause> {
    match node {
        NodeRef::InsertStmt(s) => {
            open.extend(s.select_stmt.as_deref().and_then(inner));
            s.with_clause.as_ref()
        }
        NodeRef::UpdateStmt(s) => s.with_clause.as_ref(),
        NodeRef::DeleteStmt(s) => s.with_clause.as_ref(),
        NodeRef::MergeStmt(s) => s.with_clause.as_ref(),
        NodeRef::SelectStmt(s) => {
            let sides = [s.larg.as_deref(), s.rarg.as_deref()];
            open.extend(sides.into_iter().flatten().map(NodeRef::SelectStmt));
            s.with_clause.as_ref()
        }
        NodeRef::CommonTableExpr(s) => {
            open.extend(s.ctequery.as_deref().and_then(inner));
            None
        }
        _ => None,
    }
}

fn inner(node: &Node) -> Option<NodeRef<'_>> {
    node.node.as_ref().map(NodeEnum::to_ref)
}

/// What a statement itself writes: its kind, the table, and each way.
fn writes(node: NodeRef<'_>) -> Option<(Kind, String, Vec<Circumstance>)> {
    let (kind, table, how, every_row) = match node {
        NodeRef::InsertStmt(s) => (Kind::Insert, &s.relation, vec![Write::Insert], false),
        NodeRef::UpdateStmt(s) => (Kind::Update, &s.relation, vec![Write::Update], s.where_clause.is_none()),
        NodeRef::DeleteStmt(s) => (Kind::Delete, &s.relation, vec![Write::Delete], s.where_clause.is_none()),
        NodeRef::MergeStmt(s) => (Kind::Merge, &s.relation, merge_actions(s), false),
        _ => return None,
    };
    let table = table.as_ref().map(relation).unwrap_or_default();
    let written = |how| Circumstance::Writes { how, table: table.clone(), every_row };
    let mut found: Vec<_> = how.into_iter().map(written).collect();
    if let NodeRef::InsertStmt(s) = node
        && s.on_conflict_clause.as_ref().is_some_and(|c| c.action() == OnConflictAction::OnconflictUpdate)
    {
        found.push(Circumstance::Upsert(table.clone()));
    }
    Some((kind, table, found))
}

fn merge_actions(statement: &protobuf::MergeStmt) -> Vec<Write> {
    let actions = statement.merge_when_clauses.iter().filter_map(|clause| match &clause.node {
        Some(NodeEnum::MergeWhenClause(clause)) => match clause.command_type() {
            CmdType::CmdInsert => Some(Write::Insert),
            CmdType::CmdUpdate => Some(Write::Update),
            CmdType::CmdDelete => Some(Write::Delete),
            _ => None,
        },
        _ => None,
    });
    actions.collect::<BTreeSet<_>>().into_iter().collect()
}

const fn weight(kind: Kind) -> u8 {
    match kind {
        Kind::Delete => 4,
        Kind::Merge => 3,
        Kind::Update => 2,
        Kind::Insert => 1,
        _ => 0,
    }
}

const fn destroys_rows(circumstance: &Circumstance) -> bool {
    matches!(circumstance, Circumstance::Writes { how: Write::Delete | Write::Truncate, .. })
}
