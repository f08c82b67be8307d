//! Work while an earlier statement of the transaction holds its lock.

use super::{Context, Found, HazardInfo, Rule, validate_in_same_transaction};
use crate::catalog::RelId;
use crate::report::{LockMode, Severity};
use crate::syntax::{Ast, Dml, WriteKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "statement-after-access-exclusive",
        title: "more work follows while an exclusive lock is held",
        severity: Severity::Medium,
        page: include_str!("../../hazards/statement-after-access-exclusive/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if context.said.contains(RULE.info.id) || !(validate_in_same_transaction::RULE.check)(context).is_empty()
    {
        return Vec::new();
    }
    let Some(does) = does(context) else { return Vec::new() };
    // What the statement locks as strongly itself is no news.
    let held = context.transaction.held.iter().find(|(id, mode)| {
        **mode == LockMode::AccessExclusiveLock
            && context.relation(**id).is_some_and(|relation| relation.is_table())
            && context.exists(**id)
            && context.lock(**id) != Some(LockMode::AccessExclusiveLock)
    });
    let Some((held, _)) = held else { return Vec::new() };
    let name = context.name(*held);
    let message =
        format!("{does} while an earlier statement of the transaction keeps reads and writes off {name}");
    vec![Found::new(name, message)]
}

/// What the statement goes through or writes, in words.
fn does(context: &Context<'_>) -> Option<String> {
    if let Some(load) = context.loads(|_| true).first() {
        return Some(format!("{} {}", load.subject(), load.done()));
    }
    let touched = |id: RelId| context.relation(id).is_some_and(|relation| relation.is_table());
    let existing = || context.locked(LockMode::AccessShareLock).map(|(id, _)| id).find(|id| touched(*id));
    match context.ast {
        Ast::Dml(dml) if !writes_constants(dml) => {
            let does = if dml.writes.is_empty() { "read" } else { "written to" };
            let table = context.target().filter(|id| context.exists(*id)).or_else(existing)?;
            Some(format!("{} is {does}", context.name(table)))
        }
        Ast::Copy(_) => Some(format!("{} is copied", context.name(existing()?))),
        _ => None,
    }
}

/// INSERT of a few rows that stand in the statement is over at once.
fn writes_constants(dml: &Dml) -> bool {
    !dml.writes.is_empty()
        && dml.writes.iter().all(|write| write.kind == WriteKind::Insert && write.values_only)
}
