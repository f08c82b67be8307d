//! DISABLE TRIGGER, ENABLE REPLICA TRIGGER, session_replication_role.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::{ConstraintKind, RelId};
use crate::report::Severity;
use crate::syntax::{AlterAction, Ast, TriggerState};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "disable-trigger",
        title: "a disabled trigger stops doing its work, and ALL switches off foreign keys",
        severity: Severity::High,
        page: include_str!("../../hazards/disable-trigger/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if let Ast::Setting(setting) = context.ast
        && setting.name == "session_replication_role"
        && setting
            .value
            .as_deref()
            .is_some_and(|value| value.iter().any(|v| v.eq_ignore_ascii_case("replica")))
    {
        let message = "no trigger and no foreign key works in this session from here on".to_owned();
        return vec![Found::of_all(message)];
    }
    let Ast::AlterTable(alter) = context.ast else { return Vec::new() };
    let Some(id) = context.old_table(&alter.relation) else { return Vec::new() };
    alter.actions.iter().filter_map(|action| switched(context, id, action)).collect()
}

fn switched(context: &Context<'_>, id: RelId, action: &AlterAction) -> Option<Found> {
    let AlterAction::Trigger { state, which, all } = action else { return None };
    if !matches!(state, TriggerState::Disabled | TriggerState::Replica) {
        return None;
    }
    let table = context.was(id)?;
    let name = table.name.to_string();
    let message = match which {
        Some(which) => {
            let known = table.partial || table.triggers.iter().any(|trigger| trigger.name == *which);
            known.then(|| format!("the trigger {which} of {name} stops doing its work"))?
        }
        None if *all && has_foreign_keys(context, id) => {
            format!("foreign keys of {name} are not checked, and its triggers stop doing their work")
        }
        None => (table.partial || !table.triggers.is_empty())
            .then(|| format!("the triggers of {name} stop doing their work"))?,
    };
    Some(Found::new(name, message))
}

/// Of the table, or to it.
fn has_foreign_keys(context: &Context<'_>, id: RelId) -> bool {
    let own = context.was(id).is_some_and(|table| {
        table.constraints.iter().any(|constraint| matches!(constraint.kind, ConstraintKind::Foreign { .. }))
    });
    own || context.after.dependents_of(id).into_iter().filter_map(|other| context.relation(other)).any(
        |other| {
            other
                .constraints
                .iter()
                .any(|constraint| matches!(constraint.kind, ConstraintKind::Foreign { to, .. } if to == id))
        },
    )
}
