//! Work without a limit on how long it may take.

use super::{Context, Found, HazardInfo, Rule, validate_constraint, writes};
use crate::report::{LockMode, Severity};
use crate::syntax::Expr;

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
        (load.object(), format!("{} {}", load.subject(), load.done()))
    } else {
        let written = writes(context.ast).iter().find_map(|write| {
            let many = !write.values_only && !write.condition.as_ref().is_some_and(is_narrow);
            let table =
                context.named(&write.table).filter(|id| context.exists(*id) && !context.is_empty(*id))?;
            many.then(|| context.name(table))
        });
        let Some(name) = written else { return Vec::new() };
        let does = format!("{name} is written to");
        (name, does)
    };
    let table = context.locked(LockMode::AccessShareLock).find(|(id, _)| context.name(*id) == name);
    let until = match table {
        Some((_, mode)) if mode.blocks_reads() => "reads and writes wait as long as it takes",
        Some((_, mode)) if mode.blocks_writes() => "writes wait as long as it takes",
        Some(_) | None => "that may take as long as it likes",
    };
    let unlimited = match context.settings.statement_timeout {
        Some(_) => "statement_timeout is 0",
        None => "the script sets no statement_timeout, which pgbelay does and other tools do not",
    };
    let found = Found::new(name, format!("{does} and {until}: {unlimited}"));
    vec![if context.settings.statement_timeout.is_none() { found.milder() } else { found }]
}

/// Whether a condition compares a column with something: then it is not about every row.
fn is_narrow(condition: &Expr) -> bool {
    let compares = |operator: &str| matches!(operator, "=" | "= any" | "between" | "between symmetric");
    let mut found = false;
    condition.each(&mut |part| {
        if let Expr::Operator { name, args } = part {
            found |= compares(&name.to_lowercase()) && matches!(args.first(), Some(Expr::Column(_)));
        }
    });
    found
}
