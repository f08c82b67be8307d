//! SET without LOCAL in a transaction.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "session-setting",
        title: "a SET without LOCAL outlives the migration's transaction",
        severity: Severity::Low,
        page: include_str!("../../hazards/session-setting/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Some(name) = context.session_setting() else { return Vec::new() };
    if !context.inside || context.leaves_transactions() {
        return Vec::new();
    }
    let what = if name == "*" { "every setting" } else { name };
    let message = format!("{what} stays changed for whatever the session runs after this migration");
    vec![Found::of_all(message)]
}
