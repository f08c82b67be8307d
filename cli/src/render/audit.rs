//! The record: who did what.

use serde_json::Value;

use super::Layout;
use super::table::{Column, Word, number, prose, table, word};
use super::text::moment;
use crate::commands::audit::{Listed, ListedEntry, Verified};

const COLUMNS: [Column; 5] =
    [number("ENTRY"), word("TIME"), word("ACTOR"), word("KIND"), prose("ABOUT").rank(1)];

/// Fields whose value says what an event is about, in the order in which they are told.
const ABOUT: [&str; 11] = [
    "database", "rollout", "plan", "command", "job", "backup", "operator", "token", "verdict", "by", "reason",
];

/// One line for each entry.
pub(crate) fn list(listed: &Listed, layout: Layout) -> String {
    if listed.entries.is_empty() {
        return "No entry is like that.\n".into();
    }
    let rows: Vec<_> = listed.entries.iter().map(row).collect();
    table(&COLUMNS, &rows, layout)
}

fn row(entry: &ListedEntry) -> Vec<Word> {
    vec![
        entry.seq.to_string().into(),
        moment(&entry.time).into(),
        entry.actor.as_str().into(),
        entry.kind.as_str().into(),
        about(&entry.event).into(),
    ]
}

/// What it is about, in a few words; all of it is in the JSON.
fn about(event: &Value) -> String {
    let words = ABOUT.iter().filter_map(|field| {
        let value = match event.get(field)? {
            Value::String(text) => text.clone(),
            Value::Object(inner) => inner.get("id").or_else(|| inner.get("name"))?.as_str()?.to_owned(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => return None,
        };
        (!value.is_empty()).then(|| format!("{field} {value}"))
    });
    words.collect::<Vec<_>>().join(", ")
}

/// That it is sound, and how far.
pub(crate) fn verified(verified: &Verified, _: Layout) -> String {
    let Verified { first, last, hash, checkpoint } = verified;
    if *last == 0 {
        return "There is no entry.\n".into();
    }
    let has = if *checkpoint > 0 {
        format!("Entry {checkpoint} is the one of the checkpoint.\n")
    } else {
        String::new()
    };
    format!("Entries {first} to {last} are what was written. The last has the hash\n{hash}\n{has}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::plain;
    use super::*;

    #[test]
    fn entries_say_who_what_and_about_what() {
        let entry = |seq, actor: &str, event: Value| ListedEntry {
            seq,
            time: "2026-07-29T10:00:00.000Z".to_owned(),
            actor: actor.to_owned(),
            kind: event["kind"].as_str().unwrap_or_default().to_owned(),
            event,
        };
        let listed = Listed {
            entries: vec![
                entry(7, "operator/ada", json!({"kind": "plan-approved", "plan": "p1", "by": "ada"})),
                entry(
                    8,
                    "controller",
                    json!({"kind": "command-issued", "command": {"id": "c1", "database": "o"}}),
                ),
                entry(
                    9,
                    "operator/ada",
                    json!({"kind": "agent-revoked", "database": "orders-1", "reason": "stolen"}),
                ),
            ],
        };
        insta::assert_snapshot!(plain(&list(&listed, Layout { width: Some(100) })), @r"
        ENTRY  TIME                  ACTOR         KIND            ABOUT
            7  2026-07-29 10:00 UTC  operator/ada  plan-approved   plan p1, by ada
            8  2026-07-29 10:00 UTC  controller    command-issued  command c1
            9  2026-07-29 10:00 UTC  operator/ada  agent-revoked   database orders-1, reason stolen
        ");
    }
}
