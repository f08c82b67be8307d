//! Names out of nodes: qualified as they were written, quoted where SQL needs quotes.

use pg_query::{Node, NodeEnum, protobuf};
use protobuf::ObjectType;

/// The longest of PostgreSQL's reserved words has 17 letters; what is longer needs no look-up.
const LONGEST_KEYWORD: usize = 17;

/// An identifier as SQL has to spell it.
pub(super) fn ident(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if plain && !is_keyword(name) { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Whether it is a word that can't stand for a name everywhere.
fn is_keyword(name: &str) -> bool {
    if name.len() > LONGEST_KEYWORD || name.bytes().any(|b| b.is_ascii_digit()) {
        return false;
    }
    super::tokens(name).is_ok_and(|tokens| {
        tokens.iter().any(|token| {
            !matches!(
                token.keyword_kind(),
                protobuf::KeywordKind::NoKeyword | protobuf::KeywordKind::UnreservedKeyword
            )
        })
    })
}

/// A table, view, index or sequence.
pub(super) fn relation(relation: &protobuf::RangeVar) -> String {
    [&relation.catalogname, &relation.schemaname, &relation.relname]
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(|part| ident(part))
        .collect::<Vec<_>>()
        .join(".")
}

/// The same, for nodes that may have none.
pub(super) fn relations(found: Option<&protobuf::RangeVar>) -> Vec<String> {
    found.map(relation).into_iter().collect()
}

/// An identifier, unless it is empty.
pub(super) fn idents(name: &str) -> Vec<String> {
    if name.is_empty() { Vec::new() } else { vec![ident(name)] }
}

/// The parts of a qualified name.
pub(super) fn dotted(parts: &[Node]) -> String {
    parts.iter().filter_map(node).collect::<Vec<_>>().join(".")
}

/// Each of several nodes.
pub(super) fn all(nodes: &[Node]) -> Vec<String> {
    nodes.iter().filter_map(node).collect()
}

/// What a node names, if it is of a kind that names something.
pub(super) fn node(node: &Node) -> Option<String> {
    match node.node.as_ref()? {
        NodeEnum::String(s) => Some(ident(&s.sval)),
        NodeEnum::List(list) if list.items.iter().all(is_type) => Some(all(&list.items).join(" AS ")),
        NodeEnum::List(list) => Some(dotted(&list.items)),
        NodeEnum::TypeName(name) => Some(type_name(name)),
        NodeEnum::ObjectWithArgs(object) => Some(dotted(&object.objname)),
        NodeEnum::RangeVar(found) => Some(relation(found)),
        NodeEnum::RoleSpec(role) => Some(self::role(role)),
        NodeEnum::AccessPriv(privilege) => Some(ident(&privilege.priv_name)),
        NodeEnum::VacuumRelation(found) => found.relation.as_ref().map(relation),
        NodeEnum::FunctionParameter(parameter) => parameter.arg_type.as_ref().map(type_name),
        _ => None,
    }
}

fn is_type(node: &Node) -> bool {
    matches!(node.node, Some(NodeEnum::TypeName(_)))
}

/// A type, without the schema that the grammar adds to its own.
pub(super) fn type_name(name: &protobuf::TypeName) -> String {
    let parts = all(&name.names);
    let own = parts.len() > 1 && parts[0] == "pg_catalog";
    parts[usize::from(own)..].join(".")
}

/// A role, or the word that stands for one.
pub(super) fn role(role: &protobuf::RoleSpec) -> String {
    match role.roletype() {
        protobuf::RoleSpecType::RolespecCurrentRole => "CURRENT_ROLE".to_owned(),
        protobuf::RoleSpecType::RolespecCurrentUser => "CURRENT_USER".to_owned(),
        protobuf::RoleSpecType::RolespecSessionUser => "SESSION_USER".to_owned(),
        protobuf::RoleSpecType::RolespecPublic => "PUBLIC".to_owned(),
        protobuf::RoleSpecType::RolespecCstring | protobuf::RoleSpecType::Undefined => ident(&role.rolename),
    }
}

/// What a node of that kind names. What belongs to a table comes apart: its name, then the table.
pub(super) fn object(kind: ObjectType, found: Option<&Node>) -> Vec<String> {
    let on_table = matches!(
        kind,
        ObjectType::ObjectTrigger
            | ObjectType::ObjectRule
            | ObjectType::ObjectPolicy
            | ObjectType::ObjectTabconstraint
    );
    let Some(found) = found else { return Vec::new() };
    match &found.node {
        Some(NodeEnum::List(list)) if on_table => match list.items.split_last() {
            Some((last, table)) => vec![node(last).unwrap_or_default(), dotted(table)],
            None => Vec::new(),
        },
        _ => node(found).into_iter().collect(),
    }
}

/// Whether an option is there and not switched off, as in `(ANALYZE)` or `(concurrently off)`.
pub(super) fn option(options: &[Node], name: &str) -> Option<bool> {
    options.iter().rev().find_map(|option| match &option.node {
        Some(NodeEnum::DefElem(option)) if option.defname.eq_ignore_ascii_case(name) => {
            Some(!is_off(option.arg.as_deref()))
        }
        _ => None,
    })
}

/// Whether code in that language can do whatever the server's own account can. By custom, its name ends in u.
pub(super) fn is_untrusted(language: &str) -> bool {
    ["c", "internal"].contains(&language) || language.ends_with('u')
}

fn is_off(value: Option<&Node>) -> bool {
    match value.and_then(|value| value.node.as_ref()) {
        Some(NodeEnum::String(s)) => {
            ["false", "off", "no", "0", "f", "n"].iter().any(|off| s.sval.eq_ignore_ascii_case(off))
        }
        Some(NodeEnum::Integer(number)) => number.ival == 0,
        Some(NodeEnum::Boolean(boolean)) => !boolean.boolval,
        _ => false,
    }
}
