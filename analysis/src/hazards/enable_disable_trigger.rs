//! ENABLE and DISABLE TRIGGER.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "enable-disable-trigger",
        title: "switching a trigger on or off stops writes for a moment",
        severity: Severity::Low,
        page: include_str!("../../hazards/enable-disable-trigger/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let tables = context.changes().filter_map(|change| match change {
        Change::TriggerSwitched { table, .. } => Some(*table),
        _ => None,
    });
    tables.filter_map(|table| context.queued(table, Severity::Low)).collect()
}
