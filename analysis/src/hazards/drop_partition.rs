//! DROP TABLE of a partition.

use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-partition",
        title: "dropping a partition locks the whole parent table",
        severity: Severity::Medium,
        page: include_str!("../../hazards/drop-partition/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let found = context.changes().filter_map(|change| {
        let Change::PartitionDropped { parent, partition } = change else { return None };
        if context.relation(*parent).is_none() || !context.exists(*parent) || !context.exists(*partition) {
            return None;
        }
        let (name, parent) = (context.name(*partition), context.name(*parent));
        let message =
            format!("dropping {name} locks {parent}: reads and writes wait, also those of other partitions");
        Some(Found::new(name, message))
    });
    found.collect()
}
