//! Statements that read and write rows, also where they hide: in WITH, EXPLAIN ANALYZE, COPY,
//! PREPARE and CREATE TABLE AS.
//!
//! A statement is of the kind of the weightiest thing that it does: a SELECT over a DELETE in WITH
//! is a `delete`.

use std::collections::BTreeSet;

use pg_query::{Node, NodeEnum, NodeRef, protobuf};
use protobuf::{DropBehavior, ObjectType};

use super::names::{self, ident, relation, relations};
use super::translate;
use super::writes::gather;
use crate::facts::{Circumstance, Facts, Write};
use crate::{Destroyed, StatementKind as Kind};

/// Functions that only compute or look up: calling them makes a SELECT no riskier. Not complete,
/// and need not be: a SELECT that calls another one is medium, with the name of the function.
const HARMLESS: &str = "
    abs age array_agg array_length array_to_string avg bool_and bool_or btrim ceil
    char_length clock_timestamp col_description concat concat_ws count current_database
    current_schema current_schemas current_setting date_part date_trunc dense_rank extract
    first_value floor format format_type gen_random_uuid generate_series
    has_column_privilege has_schema_privilege has_table_privilege initcap json_agg
    json_build_object jsonb_agg jsonb_build_object lag last_value lead left length lower
    lpad ltrim make_date max md5 min mod now obj_description pg_get_constraintdef
    pg_get_expr pg_get_functiondef pg_get_indexdef pg_get_viewdef pg_indexes_size
    pg_relation_size pg_size_pretty pg_table_size pg_total_relation_size pg_typeof position
    quote_ident quote_literal rank regexp_replace replace right round row_number row_to_json
    rpad rtrim split_part string_agg substr substring sum timezone to_char to_date to_json
    to_jsonb to_number to_regclass to_timestamp trim trunc txid_current unnest upper version
";

pub(super) fn facts(node: &NodeEnum) -> Option<Facts> {
    Some(match node {
        NodeEnum::InsertStmt(s) => written(Kind::Insert, s.relation.as_ref(), node),
        NodeEnum::UpdateStmt(s) => written(Kind::Update, s.relation.as_ref(), node),
        NodeEnum::DeleteStmt(s) => written(Kind::Delete, s.relation.as_ref(), node),
        NodeEnum::MergeStmt(s) => written(Kind::Merge, s.relation.as_ref(), node),
        NodeEnum::SelectStmt(s) => select(s, node),
        NodeEnum::TruncateStmt(s) => truncate(s),
        NodeEnum::ExplainStmt(s) => {
            let inner = around(Kind::Explain, s.query.as_deref());
            match names::option(&s.options, "analyze") {
                Some(true) => inner,
                _ => Facts::new(Kind::Explain, inner.objects),
            }
        }
        // Nothing runs yet, but the EXECUTE that runs it later does not show what it is.
        NodeEnum::PrepareStmt(s) => around(Kind::Prepare, s.query.as_deref()),
        NodeEnum::DeclareCursorStmt(s) => around(Kind::Cursor, s.query.as_deref()),
        NodeEnum::FetchStmt(s) => Facts::new(Kind::Cursor, names::idents(&s.portalname)),
        NodeEnum::ClosePortalStmt(s) => Facts::new(Kind::Cursor, names::idents(&s.portalname)),
        NodeEnum::CopyStmt(s) => copy(s),
        NodeEnum::ExecuteStmt(s) => {
            let name = ident(&s.name);
            let what = format!("EXECUTE of {name}");
            Facts::new(Kind::Execute, vec![name]).not_analysed(&what)
        }
        _ => return None,
    })
}

fn written(kind: Kind, table: Option<&protobuf::RangeVar>, node: &NodeEnum) -> Facts {
    let mut facts = Facts::new(kind, relations(table));
    gather(node, &mut facts);
    facts
}

fn select(statement: &protobuf::SelectStmt, node: &NodeEnum) -> Facts {
    let (read, unknown) = reads(node);
    let mut facts = match into(statement) {
        Some(table) => Facts::new(Kind::CreateTableAs, vec![table]),
        None => Facts::new(Kind::Select, read),
    };
    gather(node, &mut facts);
    match unknown.as_slice() {
        [] => facts,
        [one] => facts.not_analysed(&format!("function {one}")),
        [one, others @ ..] => facts.not_analysed(&format!("function {one} and {} more", others.len())),
    }
}

/// The table that SELECT INTO creates. Of a UNION, the first SELECT says it.
fn into(mut statement: &protobuf::SelectStmt) -> Option<String> {
    while let Some(left) = &statement.larg {
        statement = left;
    }
    statement.into_clause.as_ref()?.rel.as_ref().map(relation)
}

/// The tables that a query reads and the functions it calls that are not known to be harmless.
fn reads(node: &NodeEnum) -> (Vec<String>, Vec<String>) {
    let (mut tables, mut calls, mut named_here) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (found, ..) in node.nodes() {
        match found {
            NodeRef::CommonTableExpr(with) => {
                named_here.insert(ident(&with.ctename));
            }
            NodeRef::RangeVar(table) => {
                tables.insert(relation(table));
            }
            NodeRef::FuncCall(call) => {
                let name = names::dotted(&call.funcname);
                let bare = name.strip_prefix("pg_catalog.").unwrap_or(&name);
                if !HARMLESS.split_whitespace().any(|harmless| harmless == bare.trim_matches('"')) {
                    calls.insert(name);
                }
            }
            _ => {}
        }
    }
    (tables.difference(&named_here).cloned().collect(), calls.into_iter().collect())
}

fn truncate(statement: &protobuf::TruncateStmt) -> Facts {
    let mut facts = Facts::new(Kind::Truncate, names::all(&statement.relations));
    for table in facts.objects.clone() {
        facts.destroys.push(Destroyed::Rows(table.clone()));
        facts.circumstances.push(Circumstance::Writes { how: Write::Truncate, table, every_row: true });
    }
    facts.with_if(statement.behavior() == DropBehavior::DropCascade, Circumstance::Cascade)
}

/// A statement around another one that it runs.
fn around(outer: Kind, query: Option<&Node>) -> Facts {
    let Some(node) = query.and_then(|query| query.node.as_ref()) else {
        return Facts::new(outer, Vec::new());
    };
    let mut facts = translate::facts(node);
    if matches!(facts.kind, Kind::Select | Kind::Execute | Kind::Other) {
        facts.kind = outer;
    }
    facts
}

fn copy(statement: &protobuf::CopyStmt) -> Facts {
    let kind = if statement.is_from { Kind::CopyFrom } else { Kind::CopyTo };
    let mut facts = around(kind, statement.query.as_deref());
    facts.objects.extend(relations(statement.relation.as_ref()));
    facts.with_if(statement.is_program, Circumstance::Program)
}

/// CREATE TABLE AS and CREATE MATERIALIZED VIEW.
pub(super) fn create_as(statement: &protobuf::CreateTableAsStmt) -> Facts {
    let kind = match statement.objtype() {
        ObjectType::ObjectMatview => Kind::CreateMaterializedView,
        _ => Kind::CreateTableAs,
    };
    let into = statement.into.as_ref().and_then(|into| into.rel.as_ref());
    let mut facts = Facts::new(kind, relations(into));
    match statement.query.as_ref().and_then(|query| query.node.as_ref()) {
        Some(NodeEnum::ExecuteStmt(s)) => facts.not_analysed(&format!("EXECUTE of {}", ident(&s.name))),
        Some(query) => {
            gather(query, &mut facts);
            facts
        }
        None => facts,
    }
}
