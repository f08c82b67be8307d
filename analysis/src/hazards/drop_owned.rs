//! DROP OWNED BY.

use super::words::words;
use super::{Context, Found, HazardInfo, Rule};
use crate::StatementKind;
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-owned",
        title: "DROP OWNED drops everything that the role owns in the database",
        severity: Severity::High,
        page: include_str!("../../hazards/drop-owned/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if context.kind != StatementKind::DropOwned {
        return Vec::new();
    }
    let words = words(context.text);
    let role = words.iter().skip_while(|word| word.quoted || word.text != "by").nth(1);
    let role = role.map(|word| word.text.clone()).unwrap_or_default();
    let message = format!("everything that {role} owns in this database is dropped, its privileges too");
    vec![Found::new(role, message)]
}
