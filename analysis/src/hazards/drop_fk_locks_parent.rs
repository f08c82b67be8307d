//! Dropping a foreign key, which locks the table that it refers to.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::ConstraintKind;
use crate::report::{LockMode, Severity};
use crate::simulate::Change;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "drop-fk-locks-parent",
        title: "dropping a foreign key locks the referenced table exclusively",
        severity: Severity::Medium,
        page: include_str!("../../hazards/drop-fk-locks-parent/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for change in context.changes() {
        let (to, key, more) = match change {
            Change::ConstraintDropped { table, constraint, implied } => {
                let ConstraintKind::Foreign { to, .. } = constraint.kind else { continue };
                if to == *table || !context.exists(*table) {
                    continue;
                }
                // From the other side: it is the referring table that nobody thinks of.
                let peer = if context.target() == Some(to) { *table } else { to };
                (peer, &constraint.name, *implied)
            }
            Change::ReferenceDropped { to, constraint } => (*to, constraint, true),
            _ => continue,
        };
        let locked = context.lock(to) == Some(LockMode::AccessExclusiveLock);
        if !locked || !context.exists(to) || context.relation(to).is_none() {
            continue;
        }
        let name = context.name(to);
        if found.iter().any(|other| other.object.as_ref() == Some(&name)) {
            continue;
        }
        let what = format!("the foreign key {key} goes: {name} is locked for it");
        if more {
            found.push(Found::new(
                name,
                format!("{what}, and reads and writes wait until the transaction ends"),
            ));
        } else if let Some((severity, how_long)) = context.without_end(Severity::Medium) {
            let message = format!("{what}, and reads and writes wait behind that, {how_long}");
            found.push(Found::new(name, message).as_grave_as(severity));
        }
    }
    found
}
