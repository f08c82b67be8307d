//! DROP SEQUENCE.

use super::scope::listed;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::ObjectKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-sequence",
        title: "the sequence, its position and the defaults that use it are gone",
        severity: Severity::Medium,
        page: include_str!("../../hazards/drop-sequence/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let defaults = lost_defaults(context);
    let gone = |change: &Change| match change {
        Change::Dropped { object, implied: false, .. }
            if object.kind == ObjectKind::Sequence && context.is_old_object(object) =>
        {
            let name = object.name.clone();
            if defaults.is_empty() {
                let message =
                    format!("{name} and its position are gone; code that takes numbers from it fails");
                return Some(Found::new(name, message));
            }
            let message = format!(
                "{name} and its position are gone, and with them the default of {}",
                listed(&defaults)
            );
            Some(Found::new(name, message).as_grave_as(Severity::High))
        }
        _ => None,
    };
    context.changes().filter_map(gone).collect()
}

/// Columns of tables that stay which had a default before.
fn lost_defaults(context: &Context<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, before) in context.past.iter().filter(|(id, _)| context.is_old(**id)) {
        let Some(after) = context.after.get(*id) else { continue };
        let lost = before.columns.iter().filter(|column| {
            column.default.is_some() && after.column(&column.name).is_some_and(|now| now.default.is_none())
        });
        found.extend(lost.map(|column| format!("{}.{}", before.name, column.name)));
    }
    found
}
