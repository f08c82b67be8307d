//! IF NOT EXISTS where something else has the name.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "create-if-not-exists-mismatch",
        title: "IF NOT EXISTS keeps an object of the same name with another definition",
        severity: Severity::Medium,
        page: include_str!("../../hazards/create-if-not-exists-mismatch/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let other = |change: &Change| match change {
        Change::NothingToDo { object, differs } if *differs || context.has_other_kind(object) => {
            let name = object.name.clone();
            let message = format!("{name} is there with another definition, and stays as it is");
            Some(Found::new(name, message))
        }
        _ => None,
    };
    context.changes().filter_map(other).collect()
}
