//! ALTER COLUMN TYPE that changes what is stored.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::{Cause, Change};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "alter-column-type-rewrite",
        title: "the type change rewrites the table and all its indexes",
        severity: Severity::High,
        page: include_str!("../../hazards/alter-column-type-rewrite/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for load in context.loads(|cause| matches!(cause, Cause::TypeChange { .. })) {
        let Cause::TypeChange { column, .. } = load.cause else { continue };
        match doubt(context, column) {
            Some(doubt) => {
                let certain = load.found();
                let message = format!("{}, {doubt}", certain.message);
                found.push(Found { message, ..certain }.milder());
            }
            None => found.push(load.found()),
        }
    }
    found
}

/// What is not known and might make the change free.
fn doubt(context: &Context<'_>, column: &str) -> Option<&'static str> {
    context.changes().find_map(|change| match change {
        Change::TypeChanged { column: of, from: None, .. } if of == column => {
            Some("unless its present type is stored in the same way")
        }
        Change::TypeChanged { column: of, from: Some(from), to, using: false, .. } if of == column => {
            let zones = matches!(
                (from.own_name(), to.own_name()),
                (Some("timestamp"), Some("timestamptz")) | (Some("timestamptz"), Some("timestamp"))
            );
            (zones && context.settings.time_zone.is_none()).then_some("unless the session's TimeZone is UTC")
        }
        _ => None,
    })
}
