//! Names and types, as they will be stored: unquoted, already folded.

use pg_query::{Node, NodeEnum, protobuf};

use crate::syntax::{QName, TypeName};

/// A text that the parser leaves empty when it is not written.
pub(super) fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The text of a node that is one.
pub(super) fn text(node: &Node) -> Option<&str> {
    match node.node.as_ref()? {
        NodeEnum::String(string) => Some(&string.sval),
        _ => None,
    }
}

/// The texts among nodes.
pub(super) fn texts(nodes: &[Node]) -> Vec<String> {
    nodes.iter().filter_map(text).map(str::to_owned).collect()
}

/// The qualified name that nodes make up.
pub(super) fn qname(parts: &[Node]) -> QName {
    QName::from_parts(&texts(parts))
}

/// The same, if there is one.
pub(super) fn some_qname(parts: &[Node]) -> Option<QName> {
    (!parts.is_empty()).then(|| qname(parts))
}

/// The name of a table, view, index or sequence.
pub(super) fn relation(relation: &protobuf::RangeVar) -> QName {
    QName { schema: some(&relation.schemaname), name: relation.relname.clone() }
}

/// The same for fields that the grammar always fills.
pub(super) fn named(found: Option<&protobuf::RangeVar>) -> QName {
    found.map_or_else(|| QName::bare(""), relation)
}

/// The relations among nodes, each with whether ONLY was written.
pub(super) fn relations(nodes: &[Node]) -> impl Iterator<Item = &protobuf::RangeVar> {
    nodes.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::RangeVar(found)) => Some(found),
        _ => None,
    })
}

/// Whether a new relation is temporary, by its own words or by its schema.
pub(super) fn is_temporary(relation: Option<&protobuf::RangeVar>) -> bool {
    relation.is_some_and(|found| found.relpersistence == "t" || found.schemaname == "pg_temp")
}

/// Whether a new relation is unlogged.
pub(super) fn is_unlogged(relation: Option<&protobuf::RangeVar>) -> bool {
    relation.is_some_and(|found| found.relpersistence == "u")
}

/// A type.
pub(super) fn type_name(name: &protobuf::TypeName) -> TypeName {
    TypeName {
        name: qname(&name.names),
        modifiers: name.typmods.iter().filter_map(integer).collect(),
        array: !name.array_bounds.is_empty(),
        set_of: name.setof,
        percent_type: name.pct_type,
    }
}

/// A type for fields that the grammar always fills.
pub(super) fn some_type(name: Option<&protobuf::TypeName>) -> TypeName {
    name.map_or_else(|| TypeName::plain(None, ""), type_name)
}

/// The types among nodes.
pub(super) fn types(nodes: &[Node]) -> Vec<TypeName> {
    let found = nodes.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::TypeName(name)) => Some(type_name(name)),
        _ => None,
    });
    found.collect()
}

/// A whole number, as a constant.
pub(super) fn integer(node: &Node) -> Option<i32> {
    match node.node.as_ref()? {
        NodeEnum::AConst(constant) => match constant.val.as_ref()? {
            protobuf::a_const::Val::Ival(number) => Some(number.ival),
            _ => None,
        },
        NodeEnum::Integer(number) => Some(number.ival),
        _ => None,
    }
}

/// The collation of a COLLATE clause.
pub(super) fn collation(clause: Option<&protobuf::CollateClause>) -> Option<QName> {
    clause.and_then(|clause| some_qname(&clause.collname))
}

/// The last option of that name.
pub(super) fn option<'a>(options: &'a [Node], name: &str) -> Option<&'a protobuf::DefElem> {
    options.iter().rev().find_map(|option| match &option.node {
        Some(NodeEnum::DefElem(option)) if option.defname.eq_ignore_ascii_case(name) => Some(&**option),
        _ => None,
    })
}

/// The value of the option of that name, if it has one.
pub(super) fn option_value<'a>(options: &'a [Node], name: &str) -> Option<&'a NodeEnum> {
    option(options, name)?.arg.as_ref()?.node.as_ref()
}

/// The text that the option of that name has for a value.
pub(super) fn option_text<'a>(options: &'a [Node], name: &str) -> Option<&'a str> {
    match option_value(options, name)? {
        NodeEnum::String(text) => Some(&text.sval),
        _ => None,
    }
}

/// The names of options, lower case.
pub(super) fn option_names(options: &[Node]) -> Vec<String> {
    let names = options.iter().filter_map(|option| match &option.node {
        Some(NodeEnum::DefElem(option)) if option.defnamespace.is_empty() => {
            Some(option.defname.to_ascii_lowercase())
        }
        Some(NodeEnum::DefElem(option)) => {
            Some(format!("{}.{}", option.defnamespace, option.defname).to_ascii_lowercase())
        }
        _ => None,
    });
    names.collect()
}
