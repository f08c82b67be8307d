//! DETACH PARTITION without CONCURRENTLY.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::Bound;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "detach-partition",
        title: "DETACH PARTITION locks the whole parent table",
        severity: Severity::Medium,
        page: include_str!("../../hazards/detach-partition/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context.changes().filter_map(|change| {
        let Change::PartitionDetached { parent, partition, concurrently: false } = change else { return None };
        if !context.exists(*parent) || !context.exists(*partition) {
            return None;
        }
        let (name, above) = (context.name(*partition), context.name(*parent));
        let default = context.after.dependents_of(*parent).into_iter().any(|child| {
            let partition = context.relation(child).and_then(|child| child.inheritance.partition.as_ref());
            partition.is_some_and(|p| p.parent == *parent && p.bound == Bound::Default)
        });
        let no_other_way = if default {
            " (beside a DEFAULT partition there is no other way)"
        } else if !context.server.has(14) {
            " (before PostgreSQL 14 there is no other way)"
        } else {
            ""
        };
        let message = format!(
            "detaching {name} locks {above}: reads and writes wait, also those of other partitions{no_other_way}"
        );
        Some(Found::new(name, message))
    });
    found.collect()
}
