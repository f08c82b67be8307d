//! SQL that is put together when it runs.

use super::{Context, Found, HazardInfo, Rule};
use crate::catalog::Volatility;
use crate::report::Severity;
use crate::syntax::Ast;

pub(super) const RULE: Rule = Rule {
    info: HazardInfo {
        id: "opaque-dynamic-sql",
        title: "SQL that is put together at run time cannot be judged",
        severity: Severity::Medium,
        page: include_str!("../../hazards/opaque-dynamic-sql/page.md"),
    },
    check,
};

fn check(context: &Context<'_>) -> Vec<Found> {
    match context.ast {
        Ast::Do(block) => {
            let unread = context.effects.unknown.iter().find(|what| what.starts_with("not analysed:"));
            let Some(what) = unread else { return Vec::new() };
            let what = what.trim_start_matches("not analysed:").trim_start();
            let language = &block.language;
            vec![Found::of_all(format!("what this {language} block runs is known only when it runs: {what}"))]
        }
        Ast::Call { name } => {
            let name = name.to_string();
            vec![Found::new(name.clone(), format!("what the procedure {name} runs is not known here"))]
        }
        Ast::Dml(dml) if dml.writes.is_empty() => {
            let volatile = dml.reads.calls.iter().find(|(name, _)| {
                let functions = context.after.function_named(name).unwrap_or_default();
                functions.iter().any(|function| function.volatility == Volatility::Volatile)
            });
            let found = volatile.map(|(name, _)| {
                let name = name.to_string();
                Found::new(name.clone(), format!("what the volatile function {name} runs is not known here"))
            });
            found.into_iter().collect()
        }
        _ => Vec::new(),
    }
}
