//! DROP DATABASE.

use super::words::words;
use super::{Context, Found, HazardInfo, Rule};
use crate::StatementKind;
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-database",
        title: "the database and all that is in it is gone",
        severity: Severity::High,
        page: include_str!("../../hazards/drop-database/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if context.kind != StatementKind::DropDatabase {
        return Vec::new();
    }
    let words = words(context.text);
    let mut rest = words.iter().skip_while(|word| word.quoted || word.text != "database").skip(1).peekable();
    if rest.peek().is_some_and(|word| !word.quoted && word.text == "if") {
        rest.nth(1);
    }
    let name = rest.next().map(|word| word.text.clone()).unwrap_or_default();
    vec![Found::new(name.clone(), format!("database {name} and everything in it is gone"))]
}
