//! ALTER EXTENSION.

use super::words::words;
use super::{Context, Found, HazardInfo, Rule};
use crate::StatementKind;
use crate::report::Severity;
use crate::syntax::ObjectKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "extension-update",
        title: "another version of an extension may change types and functions in use",
        severity: Severity::Medium,
        page: include_str!("../../hazards/extension-update/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if !matches!(context.kind, StatementKind::AlterExtension | StatementKind::AlterOther) {
        return Vec::new();
    }
    let words = words(context.text);
    let mut told = words.iter().skip_while(|word| word.text != "extension").skip(1);
    let (Some(name), Some(does)) = (told.next(), told.next()) else { return Vec::new() };
    let installed = context.after.extensions.contains(&name.text) || !context.after.is_whole();
    let about = words.iter().take(2).map(|word| word.text.as_str()).eq(["alter", "extension"])
        && ["update", "add", "drop", "set"].contains(&does.text.as_str());
    if !about || !installed || context.is_made(ObjectKind::Extension, &name.text) {
        return Vec::new();
    }
    let message = match does.text.as_str() {
        "update" => format!("another version of {} may change types and functions in use", name.text),
        _ => format!("what belongs to {} changes, or where it is found", name.text),
    };
    vec![Found::new(name.text.clone(), message)]
}
