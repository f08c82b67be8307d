//! ALTER TYPE … ADD VALUE.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::Name;
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "enum-add-value",
        title: "code that runs now meets a value that it does not know, and the value can never be removed",
        severity: Severity::Info,
        page: include_str!("../../hazards/enum-add-value/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let Ast::AlterEnum(alter) = context.ast else { return Vec::new() };
    let full: Name = match context.after.type_definition(&alter.name).found() {
        Some((name, _)) => name,
        None => context.after.new_name(&alter.name),
    };
    let used = context.after.users_of_type(&full).iter().any(|id| context.is_old(*id));
    let added = |change: &Change| match change {
        Change::EnumValueAdded { name, label } if used && !context.is_made(ObjectKind::Type, name) => {
            let message =
                format!("code that runs now meets '{label}' in {name}, and the value can never be removed");
            Some(Found::new(name.clone(), message))
        }
        _ => None,
    };
    context.changes().filter_map(added).collect()
}
