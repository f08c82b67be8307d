//! CREATE, DROP, ALTER RULE, and switching one.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::ObjectKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "rule-change",
        title: "creating, dropping or switching a rule locks the table exclusively",
        severity: Severity::Medium,
        page: include_str!("../../hazards/rule-change/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let tables = context.changes().filter_map(|change| match change {
        Change::RuleChanged { table, rule } if rule != "_RETURN" => Some(*table),
        Change::Renamed { object, .. } if object.kind == ObjectKind::Rule => object.relation,
        _ => None,
    });
    tables.filter_map(|table| context.queued(table, Severity::Medium)).collect()
}
