//! Which entries somebody wants to see.

use std::collections::{BTreeSet, VecDeque};

use pgbelay_proto::wire::ReadAuditRequest;
use serde_json::Value;

use crate::ledger::Entry;

/// What an entry must be. Entries are shown to it in their order: what a command or job is about stands in the entry
/// that began it.
pub(super) struct Filter {
    asked: ReadAuditRequest,
    /// Commands, jobs and rollouts that began in an entry that was taken because of what it is about.
    followed: BTreeSet<String>,
}

impl Filter {
    pub(super) const fn new(asked: ReadAuditRequest) -> Self {
        Self { asked, followed: BTreeSet::new() }
    }

    pub(super) fn takes_all(&self) -> bool {
        let ReadAuditRequest { since_ms, until_ms, actor, kinds, database, rollout, after: _, newest: _ } =
            &self.asked;
        since_ms.is_none()
            && until_ms.is_none()
            && actor.is_empty()
            && kinds.is_empty()
            && database.is_empty()
            && rollout.is_empty()
    }

    pub(super) fn takes(&mut self, entry: &Entry) -> bool {
        // First, because it remembers what it sees.
        self.is_about(entry)
            && self.asked.since_ms.is_none_or(|since| entry.at.0 >= since)
            && self.asked.until_ms.is_none_or(|until| entry.at.0 < until)
            && (self.asked.actor.is_empty() || self.asked.actor == entry.actor)
            && (self.asked.kinds.is_empty() || self.asked.kinds.contains(&entry.kind))
    }

    /// Whether an entry is about the database and the rollout that are asked for.
    fn is_about(&mut self, entry: &Entry) -> bool {
        let (database, rollout) = (self.asked.database.as_str(), self.asked.rollout.as_str());
        if database.is_empty() && rollout.is_empty() {
            return true;
        }
        let Ok(body) = serde_json::from_str::<Value>(&entry.body) else { return false };
        let names = |key: &str, name: &str| name.is_empty() || has(&body, key, name);
        let is_about = names("database", database) && names("rollout", rollout);
        let refers = ["command", "job"]
            .iter()
            .any(|key| body.get(key).and_then(Value::as_str).is_some_and(|id| self.followed.contains(id)));
        if is_about {
            let begun = body.pointer("/command/id").or_else(|| body.get("job")).and_then(Value::as_str);
            self.followed.extend(begun.map(str::to_owned));
        }
        is_about || refers
    }
}

/// Whether a field of this name has this value, or is an object with a key of this name, however deep.
fn has(value: &Value, key: &str, name: &str) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(field, value)| {
            (field == key && value.as_str() == Some(name))
                || (key == "database" && field == "targets" && value.get(name).is_some())
                || has(value, key, name)
        }),
        Value::Array(values) => values.iter().any(|value| has(value, key, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The newest entries of many, as many as are wanted and fit.
pub(super) struct Newest {
    kept: VecDeque<Entry>,
    most: usize,
    bytes: usize,
    most_bytes: usize,
}

impl Newest {
    pub(super) const fn new(most: usize, most_bytes: usize) -> Self {
        Self { kept: VecDeque::new(), most, bytes: 0, most_bytes }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.bytes += entry.body.len();
        self.kept.push_back(entry);
        while self.kept.len() > self.most || (self.bytes > self.most_bytes && self.kept.len() > 1) {
            self.bytes -= self.kept.pop_front().map_or(0, |oldest| oldest.body.len());
        }
    }
}

impl IntoIterator for Newest {
    type Item = Entry;
    type IntoIter = std::collections::vec_deque::IntoIter<Entry>;
    fn into_iter(self) -> Self::IntoIter {
        self.kept.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use pgbelay_core::digest::Digest;
    use pgbelay_core::time::Timestamp;
    use serde_json::json;

    use super::*;

    fn entry(seq: u64, kind: &str, body: &Value) -> Entry {
        Entry {
            seq,
            event_id: uuid::Uuid::nil(),
            at: Timestamp(i64::try_from(seq).unwrap() * 1_000),
            actor: if seq.is_multiple_of(2) { "operator/ada" } else { "controller" }.to_owned(),
            kind: kind.to_owned(),
            version: 1,
            critical: true,
            body: body.to_string(),
            prev_hash: Digest::of(""),
            hash: Digest::of(""),
        }
    }

    fn story() -> Vec<Entry> {
        let bodies = [
            ("token-created", json!({"token": {"id": "t1", "database": "orders"}})),
            ("plan-created", json!({"plan": {"body": {"targets": {"orders": {}, "users": {}}}}})),
            ("rollout-started", json!({"rollout": "r1", "plan": "p"})),
            ("command-issued", json!({"command": {"id": "c1", "rollout": "r1", "database": "orders"}})),
            ("command-issued", json!({"command": {"id": "c2", "rollout": "r1", "database": "users"}})),
            ("command-finished", json!({"command": "c1", "outcome": {}})),
            ("command-finished", json!({"command": "c2", "outcome": {}})),
            ("job-started", json!({"job": "j1", "database": "orders"})),
            ("job-ended", json!({"job": "j1", "end": {}})),
            ("rollout-finished", json!({"rollout": "r1", "verdict": "succeeded"})),
        ];
        bodies.iter().zip(1..).map(|((kind, body), seq)| entry(seq, kind, body)).collect()
    }

    #[track_caller]
    fn check(asked: ReadAuditRequest, expected: &[u64]) {
        let mut filter = Filter::new(asked);
        let taken: Vec<_> = story().into_iter().filter(|one| filter.takes(one)).map(|one| one.seq).collect();
        assert_eq!(taken, expected);
    }

    #[test]
    fn what_is_about_a_database_is_followed_to_its_end() {
        let asked = |database: &str, rollout: &str| ReadAuditRequest {
            database: database.to_owned(),
            rollout: rollout.to_owned(),
            ..ReadAuditRequest::default()
        };
        check(asked("orders", ""), &[1, 2, 4, 6, 8, 9]);
        check(asked("users", ""), &[2, 5, 7]);
        check(asked("", "r1"), &[3, 4, 5, 6, 7, 10]);
        check(asked("orders", "r1"), &[4, 6]);
        check(asked("order", ""), &[]);
    }

    #[test]
    fn filters_hold_together() {
        let asked = ReadAuditRequest {
            since_ms: Some(2_000),
            until_ms: Some(7_000),
            actor: "operator/ada".to_owned(),
            ..ReadAuditRequest::default()
        };
        check(asked.clone(), &[2, 4, 6]);
        // What began before the time that is asked for is still known.
        check(
            ReadAuditRequest { since_ms: Some(5_000), database: "orders".to_owned(), ..asked.clone() },
            &[6],
        );
        let kinds = vec!["command-issued".to_owned(), "plan-created".to_owned()];
        check(ReadAuditRequest { kinds, ..asked }, &[2, 4]);
        assert!(Filter::new(ReadAuditRequest { after: 7, newest: 3, ..Default::default() }).takes_all());
    }

    #[test]
    fn the_newest_are_as_many_as_fit() {
        let newest = |most, bytes| {
            let mut newest = Newest::new(most, bytes);
            story().into_iter().for_each(|entry| newest.push(entry));
            newest.into_iter().map(|entry| entry.seq).collect::<Vec<_>>()
        };
        assert_eq!(newest(3, usize::MAX), [8, 9, 10]);
        assert_eq!(newest(3, 1), [10]);
        assert_eq!(newest(100, usize::MAX).len(), 10);
    }
}
