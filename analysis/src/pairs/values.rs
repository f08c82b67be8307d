//! Which values are gone for good.

use super::{LostValues, Sides, Way, doubts};
use crate::catalog::{Catalog, Name};
use crate::report::{Analysis, StatementReport};

impl Sides<'_> {
    /// What the script destroys stays away; what the other destroys was put there since.
    pub(super) fn values(&self) -> Vec<LostValues> {
        let mut found = lost(self.up, Way::Up);
        if let Some((down, _)) = self.down.filter(|(down, _)| doubts::stopped(down).is_none()) {
            let brought = lost(down, Way::Down).into_iter();
            found.extend(brought.filter(|loss| is_there(self.middle, &loss.object)));
        }
        found.sort();
        found.dedup();
        found
    }
}

fn lost(script: &Analysis, by: Way) -> Vec<LostValues> {
    let of = |statement: &StatementReport| -> Vec<LostValues> {
        let old = statement.destroys.iter().filter(|loss| loss.data && !is_new(statement, &loss.object));
        old.map(|loss| LostValues { object: loss.object.clone(), what: loss.what.clone(), by }).collect()
    };
    script.statements.iter().flat_map(of).collect()
}

/// Whether the script itself has made it.
fn is_new(statement: &StatementReport, object: &str) -> bool {
    let within = |relation: &str| {
        object.strip_prefix(relation).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    statement.locks.iter().any(|lock| lock.new && within(&lock.relation))
}

/// Whether a relation, or the column of it, is in a schema.
fn is_there(catalog: &Catalog, object: &str) -> bool {
    let Some((name, column)) = Name::shown(object) else { return true };
    let Some(relation) = catalog.by_name(&name).and_then(|id| catalog.get(id)) else { return false };
    column.is_empty() || relation.partial || relation.column(column).is_some()
}
