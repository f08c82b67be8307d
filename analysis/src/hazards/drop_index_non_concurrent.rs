//! DROP INDEX without CONCURRENTLY.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::{Ast, ObjectKind};

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-index-non-concurrent",
        title: "DROP INDEX waits for, and then blocks, everybody on the table",
        severity: Severity::Medium,
        page: include_str!("../../hazards/drop-index-non-concurrent/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    if !matches!(context.ast, Ast::Drop(drop) if drop.kind == ObjectKind::Index && !drop.concurrently) {
        return Vec::new();
    }
    let found = context.changes().filter_map(|change| match change {
        Change::IndexDropped { table, index, implied: false, .. } => {
            let made_here = context.transaction.indexes.contains(&(*table, index.name.clone()));
            if !context.exists(*table) || context.is_partitioned(*table) || made_here {
                return None;
            }
            let (name, index) = (context.name(*table), &index.name);
            let message = format!(
                "dropping {index} waits for everybody who uses {name}; reads and writes wait behind it"
            );
            Some(Found::new(name, message))
        }
        Change::Dropped { object, implied: false, .. } if object.kind == ObjectKind::Index => {
            let index = &object.name;
            let message = format!(
                "dropping {index} waits for everybody who uses its table; reads and writes wait behind it"
            );
            Some(Found::new(index.clone(), message))
        }
        _ => None,
    });
    found.collect()
}
