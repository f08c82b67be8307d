//! A strong lock without a limit on waiting for it.

use super::{
    Context, Found, HazardInfo, Rule, add_column_inline_fk, alter_constraint_deferrable, create_table_fk,
    create_trigger, drop_fk_locks_parent, drop_trigger, enable_disable_trigger, explicit_lock,
    fk_not_valid_locks, policy_change, replica_identity, row_level_security, rule_change,
};
use crate::report::{LockMode, Severity};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "require-lock-timeout",
        title: "without lock_timeout a waiting statement stops everybody behind it",
        severity: Severity::Medium,
        page: include_str!("../../hazards/require-lock-timeout/page.md"),
    },
    check,
};

/// Rules that say the same of one statement, and what it does besides.
static SAY_IT_TOO: &[Rule] = &[
    add_column_inline_fk::RULE,
    alter_constraint_deferrable::RULE,
    create_table_fk::RULE,
    create_trigger::RULE,
    drop_fk_locks_parent::RULE,
    drop_trigger::RULE,
    enable_disable_trigger::RULE,
    explicit_lock::RULE,
    fk_not_valid_locks::RULE,
    policy_change::RULE,
    replica_identity::RULE,
    row_level_security::RULE,
    rule_change::RULE,
];

fn check(context: &Context<'_>) -> Vec<Found> {
    if context.said.contains(RULE.info.id) || context.effects.fails.is_some() {
        return Vec::new();
    }
    let strongest = context.locked(LockMode::ShareLock).max_by_key(|(_, mode)| *mode);
    let Some((table, _)) = strongest else { return Vec::new() };
    let Some(found) = context.queued(table, Severity::Medium) else { return Vec::new() };
    let said = SAY_IT_TOO
        .iter()
        .any(|rule| context.said.contains(rule.info.id) || !(rule.check)(context).is_empty());
    if said { Vec::new() } else { vec![found] }
}
