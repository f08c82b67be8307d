//! Work without a limit on how long it may take.

use super::{Context, Found, HazardInfo, Rule, validate_constraint, writes};
use crate::report::{LockMode, Severity};
use crate::syntax::WriteKind;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "require-statement-timeout",
        title: "without statement_timeout a slow statement holds its lock without end",
        severity: Severity::Low,
        page: include_str!("../../hazards/require-statement-timeout/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    let nothing = !context.inside || context.has_statement_timeout();
    if nothing || context.said.contains(RULE.info.id) || context.effects.fails.is_some() {
        return Vec::new();
    }
    if !(validate_constraint::RULE.check)(context).is_empty() {
        return Vec::new();
    }
    let (name, does) = if let Some(load) = context.loads(|_| true).first() {
        (load.object(), load.done())
    } else {
        let written = writes(context.ast).iter().find_map(|write| {
            let many = write.kind != WriteKind::Insert || !write.values_only;
            let table =
                context.named(&write.table).filter(|id| context.exists(*id) && !context.is_empty(*id))?;
            many.then(|| context.name(table))
        });
        let Some(name) = written else { return Vec::new() };
        (name, "is written to")
    };
    let table = context.locked(LockMode::AccessShareLock).find(|(id, _)| context.name(*id) == name);
    let until = match table {
        Some((_, mode)) if mode.blocks_reads() => "reads and writes wait as long as it takes",
        Some((_, mode)) if mode.blocks_writes() => "writes wait as long as it takes",
        Some(_) | None => "it may take as long as it likes",
    };
    vec![Found::new(name.clone(), format!("{name} {does} and {until}: the script sets no statement_timeout"))]
}
