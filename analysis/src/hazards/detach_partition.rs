//! DETACH PARTITION without CONCURRENTLY.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::{Cause, Change};
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
        let checks = context.loads(|cause| matches!(cause, Cause::Validate { .. }));
        let read = checks.first().map(|load| format!(", and {} {}", load.subject(), load.done()));
        let message = format!(
            "detaching {name} locks {above}: reads and writes wait, also those of other partitions{no_other_way}{}",
            read.unwrap_or_default()
        );
        let found = Found::new(name, message);
        Some(if checks.is_empty() { found } else { found.as_grave_as(Severity::High) })
    });
    found.collect()
}
