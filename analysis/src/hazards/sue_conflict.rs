//! Statements that VACUUM and CREATE INDEX CONCURRENTLY keep waiting.

use super::{Context, Found, HazardInfo, Rule, alone};
use crate::report::{LockMode, Severity};
use crate::syntax::{AlterAction, Ast};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "sue-conflict",
        title: "waits for VACUUM, and VACUUM waits for it",
        severity: Severity::Info,
        page: include_str!("../../hazards/sue-conflict/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let quiet = context.said.contains(RULE.info.id) || context.effects.fails.is_some();
    if quiet || has_rule_of_its_own(context.ast) || !context.effects.jobs.is_empty() {
        return Vec::new();
    }
    let strongest = context.locked(LockMode::AccessShareLock).max_by_key(|(_, mode)| *mode);
    let Some((table, LockMode::ShareUpdateExclusiveLock)) = strongest else { return Vec::new() };
    let Some((_, how_long)) = context.without_end(Severity::Info) else { return Vec::new() };
    let (name, words) = (context.name(table), context.kind.words());
    let message = format!("{words} waits for a VACUUM or another change of {name} that runs, {how_long}");
    vec![Found::new(name, message)]
}

fn has_rule_of_its_own(ast: &Ast) -> bool {
    let own = |action: &AlterAction| {
        matches!(
            action,
            AlterAction::ValidateConstraint { .. }
                | AlterAction::AttachPartition { .. }
                | AlterAction::DetachPartition { .. }
        )
    };
    alone::concurrently(ast).is_some()
        || matches!(ast, Ast::Vacuum(vacuum) if vacuum.vacuum)
        || matches!(ast, Ast::AlterTable(alter) if alter.actions.iter().any(own))
}
