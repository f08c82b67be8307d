//! DROP TABLE.

use super::scope::listed;
use super::{Context, Found, HazardInfo, Rule};
use crate::report::Severity;
use crate::simulate::Change;
use crate::syntax::ObjectKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-table",
        title: "the table and its rows are gone",
        severity: Severity::High,
        page: include_str!("../../hazards/drop-table/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let dropped = |change: &Change| match change {
        Change::Dropped { object, implied: false, .. } if object.kind == ObjectKind::Table => {
            object.relation.filter(|id| context.is_old(*id)).map(|_| object.name.clone())
        }
        _ => None,
    };
    let named: Vec<String> = context.changes().filter_map(dropped).collect();
    let along = along(context, &named);
    named
        .iter()
        .map(|name| {
            let end = match along.as_slice() {
                [] => "code that still uses it fails".to_owned(),
                more => format!("{} with it", go(more)),
            };
            Found::new(name.clone(), format!("{name} and its rows are gone; {end}"))
        })
        .collect()
}

fn go(names: &[String]) -> String {
    let verb = if names.len() == 1 { "goes" } else { "go" };
    format!("{} {verb}", listed(names))
}

/// What goes though it was not named: views, partitions, foreign keys of others.
fn along(context: &Context<'_>, named: &[String]) -> Vec<String> {
    let mut found: Vec<String> = context
        .changes()
        .filter_map(|change| match change {
            Change::Dropped { object, implied: true, .. } if object.kind != ObjectKind::Sequence => {
                Some(object.name.clone())
            }
            Change::ConstraintDropped { table, constraint, .. } => {
                let table = context.old_name(*table);
                (!named.contains(&table)).then(|| format!("constraint {table}.{}", constraint.name))
            }
            _ => None,
        })
        .collect();
    found.sort();
    found.dedup();
    found
}
