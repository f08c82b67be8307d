//! SET and RESET, also where `set_config` does it.

use pg_query::{Node, NodeEnum, protobuf};
use protobuf::VariableSetKind as Kind;

use super::expressions::constant;
use super::names::qname;
use crate::syntax::{Ast, Constant, Setting, SettingScope};

pub(super) fn ast(node: &NodeEnum) -> Option<Ast> {
    match node {
        NodeEnum::VariableSetStmt(s) => set(s).map(Ast::Setting),
        NodeEnum::SelectStmt(s) => set_config(s).map(Ast::Setting),
        _ => None,
    }
}

fn set(s: &protobuf::VariableSetStmt) -> Option<Setting> {
    let value = match s.kind() {
        Kind::VarSetValue => s.args.iter().map(value).collect(),
        Kind::VarSetDefault | Kind::VarSetCurrent | Kind::VarReset | Kind::VarResetAll => None,
        Kind::VarSetMulti | Kind::Undefined => return None,
    };
    let name = if s.kind() == Kind::VarResetAll { "*".to_owned() } else { s.name.to_ascii_lowercase() };
    Some(Setting { name, value, scope: scope(s.is_local) })
}

const fn scope(local: bool) -> SettingScope {
    if local { SettingScope::Transaction } else { SettingScope::Session }
}

/// A constant, as `SHOW` would have it.
fn value(node: &Node) -> Option<String> {
    let Some(NodeEnum::AConst(found)) = &node.node else { return None };
    match constant(found) {
        Constant::Text(text) | Constant::Number(text) | Constant::Bits(text) => Some(text),
        Constant::Bool(truth) => Some(truth.to_string()),
        Constant::Null | Constant::Parameter => None,
    }
}

/// `SELECT set_config('name', 'value', false)` and nothing else.
fn set_config(s: &protobuf::SelectStmt) -> Option<Setting> {
    let alone = s.larg.is_none()
        && s.with_clause.is_none()
        && s.into_clause.is_none()
        && s.from_clause.is_empty()
        && s.where_clause.is_none()
        && s.having_clause.is_none()
        && s.limit_count.is_none()
        && s.limit_offset.is_none()
        && s.group_clause.is_empty();
    let [target] = s.target_list.as_slice() else { return None };
    let Some(NodeEnum::ResTarget(target)) = &target.node else { return None };
    let NodeEnum::FuncCall(call) = target.val.as_ref()?.node.as_ref()? else { return None };
    let function = qname(&call.funcname);
    let ours = function.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
    let plain = call.agg_filter.is_none() && call.over.is_none() && call.agg_order.is_empty();
    if !alone || !ours || !plain || function.name != "set_config" {
        return None;
    }
    let [name, new, local] = call.args.as_slice() else { return None };
    let name = value(name)?.to_ascii_lowercase();
    let local = match value(local)?.as_str() {
        "true" | "t" => true,
        "false" | "f" => false,
        _ => return None,
    };
    let new = match &new.node {
        Some(NodeEnum::AConst(constant)) if constant.val.is_none() => None,
        _ => Some(listed(&name, value(new)?)),
    };
    Some(Setting { name, value: new, scope: scope(local) })
}

/// The one setting whose list matters comes as one text here.
fn listed(name: &str, value: String) -> Vec<String> {
    if name != "search_path" {
        return vec![value];
    }
    value.split(',').map(|part| identifier(part.trim())).collect()
}

fn identifier(written: &str) -> String {
    match written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => written.to_ascii_lowercase(),
    }
}
