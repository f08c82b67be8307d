//! DROP VIEW.

use super::scope::listed;
use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::Relation;
use crate::report::Severity;
use crate::simulate::{Change, ObjectRef};
use crate::syntax::ObjectKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-view",
        title: "queries on the view fail",
        severity: Severity::Medium,
        page: include_str!("../../hazards/drop-view/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    context
        .changes()
        .filter_map(|change| match change {
            Change::Dropped { object, implied: false, .. }
                if object.kind == ObjectKind::View && context.is_old_object(object) =>
            {
                dropped(context, object)
            }
            _ => None,
        })
        .collect()
}

fn dropped(context: &Context<'_>, view: &ObjectRef) -> Option<Found> {
    let before = view.relation.and_then(|id| context.was(id));
    let name = &view.name;
    if before.is_some_and(|before| context.has_later_view(name, &before.columns)) {
        let lost = parts(before?);
        let message = format!("{name} is made again without {}", listed(&lost));
        return (!lost.is_empty()).then(|| Found::new(name.clone(), message));
    }
    let along: Vec<String> = context
        .changes()
        .filter_map(|change| match change {
            Change::Dropped { object, implied: true, .. } => Some(object.name.clone()),
            _ => None,
        })
        .collect();
    let also =
        if along.is_empty() { String::new() } else { format!(", and with it goes {}", listed(&along)) };
    Some(Found::new(name.clone(), format!("queries on {name} fail{also}")))
}

/// What CREATE VIEW does not bring back.
fn parts(view: &Relation) -> Vec<String> {
    let triggers = view.triggers.iter().map(|trigger| format!("trigger {}", trigger.name));
    triggers.chain(view.rules.iter().map(|rule| format!("rule {}", rule.name))).collect()
}
