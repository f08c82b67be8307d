//! Statements that cannot run in a transaction, as their text tells.

use super::Context;
use crate::syntax::{AlterAction, Ast, ObjectKind};

/// The words of a statement with CONCURRENTLY that is refused in a transaction.
pub(super) fn concurrently(ast: &Ast) -> Option<&'static str> {
    let detaches =
        |action: &AlterAction| matches!(action, AlterAction::DetachPartition { concurrently: true, .. });
    if matches!(ast, Ast::CreateIndex(create) if create.concurrently) {
        return Some("CREATE INDEX CONCURRENTLY");
    }
    if matches!(ast, Ast::Drop(drop) if drop.concurrently && drop.kind == ObjectKind::Index) {
        return Some("DROP INDEX CONCURRENTLY");
    }
    if matches!(ast, Ast::Reindex(reindex) if reindex.concurrently) {
        return Some("REINDEX CONCURRENTLY");
    }
    matches!(ast, Ast::AlterTable(alter) if alter.actions.iter().any(detaches))
        .then_some("DETACH PARTITION CONCURRENTLY")
}

/// Whether a statement is known to be refused in a transaction.
pub(super) fn runs_alone(ast: &Ast) -> bool {
    concurrently(ast).is_some() || matches!(ast, Ast::Vacuum(vacuum) if vacuum.vacuum)
}

/// Whether the script has other statements that a transaction would hold together. Settings do not
/// count, nor what is in a transaction with nothing.
pub(super) fn has_company(context: &Context<'_>) -> bool {
    let others = context.before.iter().chain(context.rest);
    others.into_iter().any(|ast| !runs_alone(ast) && !matches!(ast, Ast::Setting(_) | Ast::Other))
}
