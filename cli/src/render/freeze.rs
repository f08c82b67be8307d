//! What is frozen.

use pgbelay_proto::wire::{FreezeView, FreezesView};

use super::Layout;
use super::text::{moment, wrap};

/// A line for each freeze, and what lifts it.
pub(crate) fn all(view: &FreezesView, layout: Layout) -> String {
    if view.freezes.is_empty() {
        return "Nothing is frozen.\n".to_owned();
    }
    view.freezes.iter().map(|freeze| format!("{}\n", wrap(&line(freeze), 2, layout.prose()))).collect()
}

/// One freeze on one line.
pub(super) fn line(freeze: &FreezeView) -> String {
    let place = if freeze.environment.is_empty() { "everything" } else { &freeze.environment };
    let who = if freeze.by.is_empty() {
        String::new()
    } else {
        format!(", by {} at {}", freeze.by, moment(&freeze.since))
    };
    format!("{place} is frozen: {}{who} ({})", freeze.reason, freeze.rule)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::plain;
    use super::*;

    #[test]
    fn freezes_say_who_and_what_lifts_them() {
        let freeze = |environment: &str, by: &str, rule: &str| FreezeView {
            environment: environment.into(),
            reason: "incident 4711".into(),
            by: by.into(),
            since: if by.is_empty() { String::new() } else { "2026-07-29T10:00:00Z".into() },
            rule: rule.into(),
        };
        let freezes = vec![
            freeze("", "root", "pgbelay unfreeze"),
            freeze("staging", "", "policy v3, environments.staging.freeze"),
        ];
        insta::assert_snapshot!(plain(&all(&FreezesView { freezes }, Layout { width: Some(120) })), @r"
        everything is frozen: incident 4711, by root at 2026-07-29 10:00 UTC (pgbelay unfreeze)
        staging is frozen: incident 4711 (policy v3, environments.staging.freeze)
        ");
        insta::assert_snapshot!(all(&FreezesView::default(), Layout { width: None }), @"Nothing is frozen.");
    }
}
