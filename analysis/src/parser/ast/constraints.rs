//! Constraints of tables, columns and domains.

use pg_query::{Node, NodeEnum, protobuf};
use protobuf::ConstrType;

use super::expressions::{filled, some_expr};
use super::indexes::element;
use super::names::{named, some, texts};
use crate::syntax::{
    ColumnConstraint, FkAction, ForeignKey, GeneratedKind, IdentityKind, IndexElement, NewConstraint,
    NewConstraintKind as Kind,
};

/// A constraint that is written for a table or domain.
pub(super) fn table_constraint(n: &protobuf::Constraint) -> Option<NewConstraint> {
    constraint(n, None)
}

/// What is written behind a column's type. DEFERRABLE and its like come as nodes of their own,
/// after the constraint that they are about.
pub(super) fn column_constraints(column: &str, nodes: &[Node]) -> Vec<ColumnConstraint> {
    let mut found = Vec::new();
    for node in nodes {
        let Some(NodeEnum::Constraint(n)) = &node.node else { continue };
        match one(column, n) {
            Some(constraint) => found.push(constraint),
            None => amend(found.last_mut(), n.contype()),
        }
    }
    found
}

fn one(column: &str, n: &protobuf::Constraint) -> Option<ColumnConstraint> {
    Some(match n.contype() {
        ConstrType::ConstrNull => ColumnConstraint::Null,
        ConstrType::ConstrNotnull => {
            ColumnConstraint::NotNull { name: some(&n.conname), no_inherit: n.is_no_inherit }
        }
        ConstrType::ConstrDefault => ColumnConstraint::Default(filled(n.raw_expr.as_deref())),
        ConstrType::ConstrIdentity => ColumnConstraint::Identity(identity(n)),
        ConstrType::ConstrGenerated => ColumnConstraint::Generated {
            expression: filled(n.raw_expr.as_deref()),
            kind: if n.generated_kind == "s" { GeneratedKind::Stored } else { GeneratedKind::Virtual },
        },
        _ => ColumnConstraint::Constraint(constraint(n, Some(column))?),
    })
}

/// GENERATED ALWAYS or BY DEFAULT.
pub(super) fn identity(n: &protobuf::Constraint) -> IdentityKind {
    if n.generated_when == "d" { IdentityKind::ByDefault } else { IdentityKind::Always }
}

fn amend(last: Option<&mut ColumnConstraint>, attribute: ConstrType) {
    let Some(ColumnConstraint::Constraint(last)) = last else { return };
    match attribute {
        ConstrType::ConstrAttrDeferrable => last.deferrable = true,
        ConstrType::ConstrAttrNotDeferrable => last.deferrable = false,
        ConstrType::ConstrAttrDeferred => (last.deferrable, last.initially_deferred) = (true, true),
        ConstrType::ConstrAttrImmediate => last.initially_deferred = false,
        ConstrType::ConstrAttrEnforced => last.not_enforced = false,
        ConstrType::ConstrAttrNotEnforced => last.not_enforced = true,
        _ => {}
    }
}

/// `column` is there when it is written for that column.
fn constraint(n: &protobuf::Constraint, column: Option<&str>) -> Option<NewConstraint> {
    let columns = |nodes: &[Node]| match column {
        Some(column) => vec![column.to_owned()],
        None => texts(nodes),
    };
    let primary = n.contype() == ConstrType::ConstrPrimary;
    let kind = match n.contype() {
        ConstrType::ConstrCheck => Kind::Check(filled(n.raw_expr.as_deref())),
        ConstrType::ConstrNotnull => Kind::NotNull(columns(&n.keys).into_iter().next()?),
        ConstrType::ConstrPrimary | ConstrType::ConstrUnique if !n.indexname.is_empty() => {
            Kind::UsingIndex { index: n.indexname.clone(), primary }
        }
        ConstrType::ConstrPrimary => {
            Kind::PrimaryKey { columns: columns(&n.keys), include: texts(&n.including) }
        }
        ConstrType::ConstrUnique => Kind::Unique {
            columns: columns(&n.keys),
            include: texts(&n.including),
            nulls_not_distinct: n.nulls_not_distinct,
        },
        ConstrType::ConstrForeign => Kind::ForeignKey(foreign_key(n, columns(&n.fk_attrs))),
        ConstrType::ConstrExclusion => Kind::Exclude {
            method: some(&n.access_method),
            elements: n.exclusions.iter().filter_map(excluded).collect(),
            predicate: some_expr(n.where_clause.as_deref()),
        },
        _ => return None,
    };
    // Only these two can be anything else; the grammar leaves the field empty for the others.
    let enforceable = matches!(kind, Kind::Check(_) | Kind::ForeignKey(_));
    Some(NewConstraint {
        name: some(&n.conname),
        kind,
        not_valid: n.skip_validation,
        not_enforced: enforceable && !n.is_enforced,
        no_inherit: n.is_no_inherit,
        deferrable: n.deferrable,
        initially_deferred: n.initdeferred,
    })
}

fn foreign_key(n: &protobuf::Constraint, columns: Vec<String>) -> ForeignKey {
    ForeignKey {
        columns,
        to: named(n.pktable.as_ref()),
        to_columns: texts(&n.pk_attrs),
        on_delete: action(&n.fk_del_action),
        on_update: action(&n.fk_upd_action),
    }
}

fn action(letter: &str) -> FkAction {
    match letter {
        "r" => FkAction::Restrict,
        "c" => FkAction::Cascade,
        "n" => FkAction::SetNull,
        "d" => FkAction::SetDefault,
        _ => FkAction::NoAction,
    }
}

/// `element WITH operator`.
fn excluded(node: &Node) -> Option<(IndexElement, String)> {
    let Some(NodeEnum::List(pair)) = &node.node else { return None };
    let [first, second] = pair.items.as_slice() else { return None };
    let Some(NodeEnum::IndexElem(first)) = &first.node else { return None };
    let Some(NodeEnum::List(operator)) = &second.node else { return None };
    Some((element(first), texts(&operator.items).join(".")))
}
