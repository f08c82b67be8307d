//! ALTER TYPE … RENAME VALUE.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::ObjectKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "rename-enum-value",
        title: "code that runs now still writes the old enum value",
        severity: Severity::High,
        page: include_str!("../../hazards/rename-enum-value/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let renamed = |change: &Change| match change {
        Change::EnumValueRenamed { name, label } if !context.is_made(ObjectKind::Type, name) => {
            let message = format!("code that runs now still writes '{label}' of {name}, which is refused");
            Some(Found::new(name.clone(), message))
        }
        _ => None,
    };
    context.changes().filter_map(renamed).collect()
}
