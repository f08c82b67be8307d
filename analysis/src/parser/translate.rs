//! From a statement's node to what it means.

use pg_query::{Node, NodeEnum, protobuf};
use protobuf::{TransactionStmtKind, VariableSetKind};

use super::ast::ast;
use super::{admin, alters, creates, data, drops};
use crate::StatementKind;
use crate::facts::{Facts, Meaning};
use crate::syntax::Ast;

/// What a statement means. What is not known is `other`, and not analysed.
pub(super) fn meaning(statement: Option<&Node>) -> Meaning {
    match statement.and_then(|statement| statement.node.as_ref()) {
        Some(NodeEnum::TransactionStmt(s)) => transaction(s),
        Some(NodeEnum::VariableSetStmt(s)) if sets_transaction(s) => Meaning::Control,
        Some(NodeEnum::CopyStmt(s)) if s.filename.is_empty() && !s.is_program => {
            if s.is_from {
                Meaning::CopyFromStdin
            } else {
                Meaning::CopyToStdout
            }
        }
        Some(node) => Meaning::Facts(Box::new(facts(node)), Box::new(ast(node))),
        None => Meaning::Facts(Box::new(unknown()), Box::new(Ast::Other)),
    }
}

/// What a statement that is not about the transaction means.
pub(super) fn facts(node: &NodeEnum) -> Facts {
    creates::facts(node)
        .or_else(|| alters::facts(node))
        .or_else(|| drops::facts(node))
        .or_else(|| data::facts(node))
        .or_else(|| admin::facts(node))
        .unwrap_or_else(unknown)
}

fn unknown() -> Facts {
    Facts::new(StatementKind::Other, Vec::new()).not_analysed("a statement of an unknown kind")
}

fn transaction(statement: &protobuf::TransactionStmt) -> Meaning {
    let plain = statement.options.is_empty() && !statement.chain;
    match statement.kind() {
        TransactionStmtKind::TransStmtBegin | TransactionStmtKind::TransStmtStart if plain => {
            Meaning::PlainBegin
        }
        TransactionStmtKind::TransStmtCommit if plain => Meaning::PlainCommit,
        _ => Meaning::Control,
    }
}

/// SET TRANSACTION, SET SESSION CHARACTERISTICS, and the settings behind them.
fn sets_transaction(statement: &protobuf::VariableSetStmt) -> bool {
    statement.kind() == VariableSetKind::VarSetMulti
        || ["transaction_isolation", "transaction_read_only", "transaction_deferrable"]
            .iter()
            .any(|name| statement.name.eq_ignore_ascii_case(name))
}
