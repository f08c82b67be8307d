//! DROP TRIGGER and ALTER TRIGGER … RENAME.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-trigger",
        title: "dropping or renaming a trigger locks the table exclusively",
        severity: Severity::Medium,
        page: include_str!("../../hazards/drop-trigger/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let drops = matches!(context.ast, Ast::Drop(drop) if drop.kind == ObjectKind::Trigger);
    let renames = matches!(context.ast, Ast::Rename(rename) if rename.kind == ObjectKind::Trigger);
    if !drops && !renames {
        return Vec::new();
    }
    let tables = context.changes().filter_map(|change| match change {
        Change::TriggerDropped { table, .. } => Some(*table),
        Change::Renamed { object, .. } if object.kind == ObjectKind::Trigger => object.relation,
        _ => None,
    });
    tables.filter_map(|table| context.queued(table, Severity::Medium)).collect()
}
