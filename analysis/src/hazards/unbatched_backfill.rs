//! One statement that writes rows without a bound.

use super::rows::{rows, unbounded, writes_every_row};
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::syntax::WriteKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "unbatched-backfill",
        title: "one statement writes very many rows in one transaction",
        severity: Severity::Medium,
        page: include_str!("../../hazards/unbatched-backfill/page.md"),
    },
    check,
};

/// Smaller tables are written in a moment.
const FEW_ROWS: u64 = 10_000;
/// From here on it takes minutes, and VACUUM has to follow.
const MANY_ROWS: u64 = 1_000_000;

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for (table, counted) in unbounded(context) {
        let size = rows(context, counted);
        if size.is_some_and(|size| size < FEW_ROWS) || is_said_already(context, table) {
            continue;
        }
        let name = context.old_name(table);
        let message = match size {
            Some(size) => format!(
                "nothing bounds how many of about {size} rows are written to {name} in one transaction"
            ),
            None => format!("nothing bounds how many rows of {name} are written in one transaction"),
        };
        let many = size.is_some_and(|size| size >= MANY_ROWS);
        let finding = Found::new(name, message);
        found.push(if many { finding.as_grave_as(Severity::High) } else { finding });
    }
    found
}

/// Whether the rules about writes without WHERE speak of it.
fn is_said_already(context: &Context<'_>, table: crate::catalog::RelId) -> bool {
    let Some(dml) = context.dml() else { return false };
    dml.writes.iter().any(|write| {
        let same = context.old_table(&write.table) == Some(table);
        let all_new = write.columns.iter().all(|column| context.is_new_column(table, column));
        same && writes_every_row(context, dml, write)
            && (write.kind == WriteKind::Delete || (write.kind == WriteKind::Update && !all_new))
    })
}
