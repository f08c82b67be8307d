//! What keeps a pair from being judged.

use super::{Sides, Way};
use crate::StatementKind;
use crate::catalog::{Catalog, FactDifference, Name};
use crate::report::{Analysis, StatementReport};

/// Whether a script does nothing to the database.
pub(super) fn is_idle(script: &Analysis) -> bool {
    script.faults.is_empty() && script.statements.iter().all(only_reads)
}

fn only_reads(statement: &StatementReport) -> bool {
    matches!(
        statement.kind,
        StatementKind::Select
            | StatementKind::Set
            | StatementKind::Show
            | StatementKind::SetConstraints
            | StatementKind::Lock
            | StatementKind::Notify
            | StatementKind::Explain
    ) && statement.unknown.is_empty()
        && statement.destroys.is_empty()
        && statement.fails.is_none()
}

/// Whether all of a script can be read, and the server takes it.
pub(super) fn runs(script: &Analysis) -> bool {
    script.faults.is_empty() && script.statements.iter().all(|statement| statement.fails.is_none())
}

fn place(line: u32, way: Way) -> String {
    match way {
        Way::Up => format!("line {line}"),
        Way::Down => format!("line {line} of the rollback"),
    }
}

impl Sides<'_> {
    /// What is not known of a script, or wrong with it.
    pub(super) fn doubts(&self, script: &Analysis, way: Way) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for fault in &script.faults {
            let at = fault.position().map_or_else(String::new, |at| format!("{}: ", place(at.line, way)));
            found.push(format!("{at}it cannot be read"));
        }
        for statement in &script.statements {
            let at = place(statement.position.line, way);
            found.extend(statement.fails.iter().map(|why| format!("{at}: the server refuses it: {why}")));
            let unknown =
                statement.unknown.iter().filter(|what| !is_about_cost(what) && !self.only_computes(what));
            found.extend(unknown.map(|what| format!("{at}: {what}")));
        }
        found.dedup();
        found
    }

    /// Whether what was not looked into is a function that only computes.
    fn only_computes(&self, unknown: &str) -> bool {
        let called = unknown
            .strip_prefix("not analysed: function ")
            .or_else(|| Some(unknown.rsplit_once(", by function ")?.1));
        called.is_some_and(|name| self.middle.only_computes(name))
    }
}

/// What matters for how long a statement takes, and not for what it leaves.
fn is_about_cost(unknown: &str) -> bool {
    unknown.ends_with("it may be volatile")
        || unknown.starts_with("TimeZone of the session")
        || unknown.starts_with("which other tables there are")
        || unknown.starts_with("the tablespace of the database")
}

/// Why the server certainly does nothing of a script: it refuses a statement of what is one transaction,
/// and all before it is known.
pub(super) fn stopped(script: &Analysis) -> Option<String> {
    if !script.faults.is_empty() {
        return None;
    }
    for statement in &script.statements {
        if !statement.transactional || statement.unknown.iter().any(|what| !is_about_cost(what)) {
            return None;
        }
        if let Some(why) = &statement.fails {
            return Some(format!(
                "{}: the server refuses it: {why}",
                place(statement.position.line, Way::Down)
            ));
        }
    }
    None
}

/// Whether a difference is in a relation of which not everything is known: then it may be none.
pub(super) fn is_partly_known(difference: &FactDifference, before: &Catalog, after: &Catalog) -> bool {
    let (_, name) = difference.object();
    let Some((name, _)) = Name::shown(name) else { return false };
    [before, after].into_iter().any(|catalog| {
        let found = catalog.by_name(&name).and_then(|id| catalog.get(id));
        found.is_some_and(|relation| relation.partial)
    })
}
