//! What is asked of a database after a run, and what happens when something failed.

use std::fmt;

use pgbelay_analysis::{StatementKind, Transactional};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};

use super::{EnvironmentPolicy, PolicyError};
use crate::time::Span;

/// Most queries of an environment: each is asked of every database.
pub const MAX_QUERIES: usize = 20;

/// Longest time that a query may take.
const LONGEST_TIMEOUT: Span = Span::hours(1);

/// A query whose answer says whether a database is well. It is run in a transaction that can only read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// What people call it.
    pub name: String,
    /// One `SELECT` that gives one row of one column.
    pub query: String,
    /// What it must give, cast to text: `true`, `0`, `ok`.
    #[serde(default = "yes", deserialize_with = "text")]
    pub expect: String,
    /// Longest time that it may take.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

fn yes() -> String {
    "true".to_owned()
}

const fn timeout() -> Span {
    Span::seconds(30)
}

/// What is done when more databases have failed than policy allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The rollout pauses, and a person decides.
    #[default]
    Halt,
    /// What it did on the databases of the wave in which it failed is rolled back.
    RollbackWave,
    /// All that it did is rolled back.
    RollbackAll,
}

impl OnFailure {
    /// Whether it is what policy says unless it says otherwise.
    #[must_use]
    pub fn is_halt(&self) -> bool {
        *self == Self::Halt
    }
}

/// Whether migrations are tried on a copy of a database before they are run on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rehearsal {
    /// They are not.
    #[default]
    Off,
    /// On a copy of its schema.
    Schema,
    /// On a copy with all rows.
    Data,
}

impl Rehearsal {
    /// Whether it is what policy says unless it says otherwise.
    #[must_use]
    pub fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

/// Any single value, as PostgreSQL casts it to text.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text, a number, true or false")
        }
        fn visit_bool<E: Error>(self, value: bool) -> Result<String, E> {
            Ok(value.to_string())
        }
        fn visit_i64<E: Error>(self, value: i64) -> Result<String, E> {
            Ok(value.to_string())
        }
        fn visit_u64<E: Error>(self, value: u64) -> Result<String, E> {
            Ok(value.to_string())
        }
        fn visit_str<E: Error>(self, value: &str) -> Result<String, E> {
            Ok(value.to_owned())
        }
    }
    deserializer.deserialize_any(Text)
}

/// Why a text is no query that can be asked.
fn unaskable(query: &str) -> Option<String> {
    let script = match pgbelay_analysis::read(query) {
        Ok(script) => script,
        Err(error) => return Some(error.to_string()),
    };
    match script.statements.as_slice() {
        [one] if one.kind == StatementKind::Select && one.transactional == Transactional::Inside => None,
        [one] => Some(format!("it is not a SELECT but {}", one.kind.as_str())),
        all => Some(format!("it is {} statements", all.len())),
    }
}

impl EnvironmentPolicy {
    /// What is wrong with the queries.
    pub(super) fn mistakes_of_queries(&self) -> Vec<PolicyError> {
        let wrong = |key, entry, range: &str| PolicyError::OutOfRange {
            environment: self.name.clone(),
            key,
            entry,
            range: range.to_owned(),
        };
        let mut found = Vec::new();
        if self.verify.len() > MAX_QUERIES {
            found.push(wrong("verify", None, &format!("at most {MAX_QUERIES} queries")));
        }
        for (at, query) in self.verify.iter().enumerate() {
            if query.name.trim().is_empty() || query.name.contains(['\n', '\r']) {
                found.push(wrong("verify.name", Some(at), "one line of text"));
            }
            if self.verify[..at].iter().any(|before| before.name == query.name) {
                found.push(wrong("verify.name", Some(at), "another one for each query"));
            }
            if query.timeout.0 <= 0 || query.timeout > LONGEST_TIMEOUT {
                found.push(wrong(
                    "verify.timeout",
                    Some(at),
                    &format!("more than zero and at most {LONGEST_TIMEOUT}"),
                ));
            }
            found.extend(unaskable(&query.query).map(|why| PolicyError::BadQuery {
                environment: self.name.clone(),
                query: query.name.clone(),
                at,
                why,
            }));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn staging(verify: &Value) -> Result<EnvironmentPolicy, serde_json::Error> {
        serde_json::from_value(json!({ "name": "staging", "verify": verify }))
    }

    #[test]
    fn an_answer_is_text_however_it_is_written() {
        for (written, expected) in [
            (json!({}), "true"),
            (json!({ "expect": true }), "true"),
            (json!({ "expect": false }), "false"),
            (json!({ "expect": 0 }), "0"),
            (json!({ "expect": -3 }), "-3"),
            (json!({ "expect": "ok" }), "ok"),
        ] {
            let mut query = json!({ "name": "orphans", "query": "SELECT count(*) FROM t" });
            for (key, value) in written.as_object().into_iter().flatten() {
                query[key] = value.clone();
            }
            let read = staging(&json!([query])).unwrap();
            assert_eq!(read.verify[0].expect, expected);
            assert_eq!(read.mistakes_of_queries(), []);
            assert_eq!(
                serde_json::from_value::<EnvironmentPolicy>(serde_json::to_value(&read).unwrap()).unwrap(),
                read
            );
        }
        assert!(staging(&json!([{ "name": "a", "query": "SELECT 1", "expect": null }])).is_err());
    }

    #[test]
    fn what_cannot_be_asked_is_a_mistake() {
        let said = |queries: Value| -> Vec<String> {
            staging(&queries).unwrap().mistakes_of_queries().iter().map(ToString::to_string).collect()
        };
        for (query, expected) in [
            ("DELETE FROM t", "staging: verify: a cannot be asked: it is not a SELECT but delete"),
            ("SELECT 1; SELECT 2", "staging: verify: a cannot be asked: it is 2 statements"),
            ("SELEC 1", "staging: verify: a cannot be asked: "),
            ("", "staging: verify: a cannot be asked: "),
        ] {
            let said = said(json!([{ "name": "a", "query": query }]));
            assert!(said.len() == 1 && said[0].starts_with(expected), "{said:?}");
        }
        let one = json!({ "name": "a", "query": "SELECT 1" });
        assert_eq!(
            said(json!([one, one])),
            ["staging: verify.name must be another one for each query (number 2)"]
        );
        assert_eq!(
            said(json!([{ "name": " ", "query": "SELECT 1" }])),
            ["staging: verify.name must be one line of text (number 1)"]
        );
        assert_eq!(
            said(json!([{ "name": "a", "query": "SELECT 1", "timeout": "2h" }])),
            ["staging: verify.timeout must be more than zero and at most 1h (number 1)"]
        );
        let many: Vec<_> = (0..21).map(|n| json!({ "name": n.to_string(), "query": "SELECT 1" })).collect();
        assert_eq!(said(json!(many)), ["staging: verify must be at most 20 queries"]);
    }
}
