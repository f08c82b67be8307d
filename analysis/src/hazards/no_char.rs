//! Columns of type char(n).

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "no-char",
        title: "char(n) pads with blanks and compares without them",
        severity: Severity::Low,
        page: include_str!("../../hazards/no-char/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let types = context.new_types().into_iter();
    types
        .filter(|(_, data_type)| context.is_own_type(data_type, &["bpchar"]))
        .map(|(name, _)| {
            Found::new(name.clone(), format!("{name} is padded with blanks and compared without them"))
        })
        .collect()
}
