//! The ledger: its name, its end, and what speaks against it.

use pgbelay_proto::wire::{DoubtView, LedgerView};

use super::Layout;
use super::text::{entry, moment, wrap};

/// What it is, and whether it is believed.
pub(crate) fn ledger(view: &LedgerView, layout: Layout) -> String {
    let width = layout.prose();
    let state = match view.state.as_str() {
        "believed" => "believed: no agent has witnessed anything else".to_owned(),
        _ => "IN DOUBT: nothing that changes a database is sent to any agent".to_owned(),
    };
    let mut text = entry("Ledger", &view.ledger, width);
    text.push_str(&entry("Last entry", &format!("{} {}", view.seq, view.hash), width));
    text.push_str(&entry("State", &state, width));
    if view.acceptances > 0 {
        let times =
            if view.acceptances == 1 { "once".to_owned() } else { format!("{} times", view.acceptances) };
        text.push_str(&entry("Accepted", &format!("{times}, in spite of what agents had witnessed"), width));
    }
    for doubt in &view.doubts {
        text.push_str(&format!("\n{}\n", wrap(&doubted(doubt), 2, width)));
    }
    for aside in &view.set_aside {
        let line = format!("{}: its word does not count: {}", aside.database, aside.reason);
        text.push_str(&format!("\n{}\n", wrap(&line, 2, width)));
    }
    if !view.doubts.is_empty() {
        let short: String = view.ledger.chars().take(8).collect();
        let next = format!(
            "Next: if this is an old copy, stop the controller and put the right ledger back. If nothing newer exists: \
             pgbelay ledger accept {short} --reason TEXT. If one agent is wrong: pgbelay ledger set-aside DATABASE \
             --reason TEXT"
        );
        text.push_str(&format!("\n{}\n", wrap(&next, 2, width)));
    }
    text
}

fn doubted(doubt: &DoubtView) -> String {
    let name = if doubt.database.is_empty() { "an agent of another environment" } else { &doubt.database };
    format!("{name}, since {}: {}", moment(&doubt.since), doubt.problem)
}

#[cfg(test)]
mod tests {
    use pgbelay_proto::wire::SetAsideView;

    use super::super::fixtures::plain;
    use super::*;

    #[test]
    fn a_doubt_says_who_what_and_what_next() {
        let doubt = DoubtView {
            database: "orders-1".into(),
            problem:
                "it was told of entry 60 (00112233aabb) of ledger 3f9c2a10, and this ledger ended at entry 51"
                    .into(),
            since: "2026-07-29T10:00:00Z".into(),
            ..DoubtView::default()
        };
        let view = LedgerView {
            ledger: "3f9c2a10-0000-0000-0000-000000000001".into(),
            seq: 52,
            hash: "ab".repeat(32),
            acceptances: 1,
            state: "in-doubt".into(),
            doubts: vec![doubt],
            set_aside: vec![SetAsideView {
                database: "users".into(),
                reason: "its disk was restored".into(),
            }],
        };
        insta::assert_snapshot!(plain(&ledger(&view, Layout { width: Some(100) })), @r"
        Ledger      3f9c2a10-0000-0000-0000-000000000001
        Last entry  52 abababababababababababababababababababababababababababababababab
        State       IN DOUBT: nothing that changes a database is sent to any agent
        Accepted    once, in spite of what agents had witnessed

        orders-1, since 2026-07-29 10:00 UTC: it was told of entry 60 (00112233aabb) of ledger 3f9c2a10,
          and this ledger ended at entry 51

        users: its word does not count: its disk was restored

        Next: if this is an old copy, stop the controller and put the right ledger back. If nothing newer
          exists: pgbelay ledger accept 3f9c2a10 --reason TEXT. If one agent is wrong: pgbelay ledger
          set-aside DATABASE --reason TEXT
        ");
    }
}
