//! Which rows a write reaches, as far as its condition tells.

use super::Context;
use super::words::{has_any, has_word};
use crate::catalog::RelId;
use crate::syntax::{BoolOp, Constant, Dml, Expr, Write, WriteKind};

/// Whether nothing of a write says which rows: no condition, or one that is always true.
pub(super) fn writes_every_row(context: &Context<'_>, dml: &Dml, write: &Write) -> bool {
    let every = write.every_row || write.condition.as_ref().is_some_and(is_always_true);
    let joined = dml.reads.sources.iter().any(|source| source.relation != write.table)
        || (dml.writes.len() > 1 && !dml.reads.sources.is_empty());
    let word = if write.kind == WriteKind::Delete { "using" } else { "from" };
    every && !(joined && has_word(context.text, word) && dml.writes.len() == 1)
}

fn is_always_true(condition: &Expr) -> bool {
    match condition {
        Expr::Constant(Constant::Bool(truth)) => *truth,
        Expr::Operator { name, args } => match args.as_slice() {
            [Expr::Constant(a), Expr::Constant(b)] => name == "=" && a == b && *a != Constant::Null,
            _ => false,
        },
        Expr::Bool { op: BoolOp::And, args } => args.iter().all(is_always_true),
        Expr::Bool { op: BoolOp::Or, args } => args.iter().any(is_always_true),
        Expr::Cast { arg, .. } => {
            is_always_true(arg)
                || matches!(arg.as_ref(), Expr::Constant(Constant::Text(text)) if text == "t" || text == "true")
        }
        _ => false,
    }
}

/// The existing table that a statement writes so many rows of that nothing bounds their number: each
/// with the table whose size says how many.
pub(super) fn unbounded(context: &Context<'_>) -> Vec<(RelId, RelId)> {
    let Some(dml) = context.dml() else { return Vec::new() };
    let mut found = Vec::new();
    for write in &dml.writes {
        let Some(table) = context.old_table(&write.table) else { continue };
        if !context.was(table).is_some_and(super::scope::is_table) {
            continue;
        }
        let counted = match write.kind {
            WriteKind::Insert if write.values_only || dml.reads.limit_zero => None,
            WriteKind::Insert => copied(context, dml, write),
            WriteKind::Update | WriteKind::Delete => (!is_bound(context, table, write)).then_some(table),
            WriteKind::Merge => merged(context, dml, write),
        };
        if let Some(counted) = counted {
            found.push((table, counted));
        }
    }
    found
}

/// The table that INSERT … SELECT copies without a bound.
fn copied(context: &Context<'_>, dml: &Dml, write: &Write) -> Option<RelId> {
    // The condition of the query is not in the tree: only a query without one is known to read all.
    let bound = has_any(context.text, &["limit", "between", "fetch", "returning", "where"]);
    let sources = dml.reads.sources.iter().filter(|source| source.relation != write.table);
    let read: Vec<RelId> = sources.filter_map(|source| context.old_table(&source.relation)).collect();
    (!bound).then(|| largest(context, &read)).flatten()
}

/// MERGE reads all of its source.
fn merged(context: &Context<'_>, dml: &Dml, write: &Write) -> Option<RelId> {
    let bound = has_any(context.text, &["limit", "between", "fetch", "values"]);
    let sources = dml.reads.sources.iter().filter(|source| source.relation != write.table);
    let read: Vec<RelId> = sources.filter_map(|source| context.old_table(&source.relation)).collect();
    (!bound).then(|| largest(context, &read)).flatten()
}

fn largest(context: &Context<'_>, ids: &[RelId]) -> Option<RelId> {
    ids.iter().copied().max_by_key(|id| rows(context, *id).unwrap_or(u64::MAX))
}

/// How many rows a table has, where that is known.
pub(super) fn rows(context: &Context<'_>, id: RelId) -> Option<u64> {
    context.was(id)?.size.as_ref()?.rows
}

/// Whether a condition bounds the number of rows: equality with a whole unique key, a range with both
/// ends or a list on an indexed column, a query with LIMIT.
fn is_bound(context: &Context<'_>, id: RelId, write: &Write) -> bool {
    let Some(condition) = &write.condition else { return false };
    let Some(table) = context.was(id) else { return false };
    let limited = has_any(context.text, &["limit", "fetch"]);
    let mut all = Vec::new();
    conjuncts(condition, &mut all);
    // Without the indexes any column may be a key.
    let indexed = |column: &str| {
        table.partial
            || column == "ctid"
            || table.indexes.iter().any(|index| index.valid && super::scope::leading(index) == Some(column))
    };
    let equal: Vec<&str> = all.iter().filter_map(|part| equal(part)).collect();
    let by_key = table.indexes.iter().any(|index| {
        index.unique
            && index.valid
            && index.predicate.is_none()
            && index.plain_columns().is_some_and(|key| key.iter().all(|column| equal.contains(column)))
    });
    let listed = all.iter().filter_map(|part| in_list(part, limited)).any(indexed);
    let above: Vec<&str> = all.iter().filter_map(|part| end(part, ">")).collect();
    let below: Vec<&str> = all.iter().filter_map(|part| end(part, "<")).collect();
    let ranged = above.iter().any(|column| below.contains(column) && indexed(column));
    by_key
        || listed
        || ranged
        || (table.partial && !equal.is_empty())
        || (limited && all.iter().any(|part| joins(part)))
}

fn conjuncts<'e>(condition: &'e Expr, found: &mut Vec<&'e Expr>) {
    match condition {
        Expr::Bool { op: BoolOp::And, args } => args.iter().for_each(|arg| conjuncts(arg, found)),
        other => found.push(other),
    }
}

fn column(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Column(path) => path.last().map(String::as_str),
        Expr::Cast { arg, .. } => column(arg),
        _ => None,
    }
}

/// Whether an expression has one value for the whole statement.
fn is_fixed(expression: &Expr) -> bool {
    !matches!(expression, Expr::Query(_)) && expression.column_paths().is_empty()
}

fn equal(part: &Expr) -> Option<&str> {
    let Expr::Operator { name, args } = part else { return None };
    match args.as_slice() {
        [a, b] if name == "=" && is_fixed(b) => column(a),
        [a, b] if name == "=" && is_fixed(a) => column(b),
        _ => None,
    }
}

fn in_list(part: &Expr, limited: bool) -> Option<&str> {
    let Expr::Operator { name, args } = part else { return None };
    match args.as_slice() {
        [of, list] if name == "= any" && (is_fixed(list) && !holds_query(list) || limited) => column(of),
        [of, Expr::Query(_)] if limited => column(of),
        _ => None,
    }
}

fn holds_query(expression: &Expr) -> bool {
    let mut found = false;
    expression.each(&mut |part| found |= matches!(part, Expr::Query(_)));
    found
}

/// The column of which a comparison is one end of a range.
fn end<'e>(part: &'e Expr, direction: &str) -> Option<&'e str> {
    let Expr::Operator { name, args } = part else { return None };
    if name == "between" {
        return args.first().and_then(column);
    }
    let other = if direction == ">" { "<" } else { ">" };
    match args.as_slice() {
        [a, b] if name.trim_end_matches('=') == direction && is_fixed(b) => column(a),
        [a, b] if name.trim_end_matches('=') == other && is_fixed(a) => column(b),
        _ => None,
    }
}

/// Two columns that are compared: with a WITH clause that has a LIMIT, that bounds them.
fn joins(part: &Expr) -> bool {
    match part {
        Expr::Operator { args, .. } => match args.as_slice() {
            [a, b] => column(a).is_some() && (column(b).is_some() || matches!(b, Expr::Query(_))),
            _ => false,
        },
        Expr::Query(_) => true,
        _ => false,
    }
}
