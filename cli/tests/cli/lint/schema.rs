//! The part of JSON Schema (draft 4) that SARIF's schema uses. Anything else in it is an error, so that nothing is
//! passed unlooked.
//!
//! The schema is `sarif-2.1.0-rtm.5.json` of the npm package `@microsoft/jest-sarif` 1.0.0-beta.0 (MIT).

use serde_json::Value;

const SCHEMA: &str = include_str!("sarif-2.1.0.json");

/// What is wrong with a log.
pub(crate) fn mistakes(log: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut check = Check { schema: &schema, mistakes: Vec::new() };
    check.value(&schema, log, "");
    check.mistakes
}

struct Check<'a> {
    schema: &'a Value,
    mistakes: Vec<String>,
}

impl Check<'_> {
    fn value(&mut self, rule: &Value, value: &Value, at: &str) {
        for (keyword, with) in rule.as_object().into_iter().flatten() {
            let holds = match keyword.as_str() {
                "additionalProperties" => self.others(with, rule, value, at),
                keyword => self.holds(keyword, with, value, at),
            };
            if !holds {
                self.mistakes.push(format!("{at}: {keyword} {with} does not hold for {value}"));
            }
        }
    }

    fn holds(&mut self, keyword: &str, with: &Value, value: &Value, at: &str) -> bool {
        let items = value.as_array();
        let fields = value.as_object();
        match keyword {
            "$schema" | "title" | "id" | "description" | "default" | "definitions" | "format" => true,
            "type" => is(with.as_str().unwrap(), value),
            "enum" => with.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= with.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= with.as_f64().unwrap()),
            "minItems" => items.is_none_or(|items| items.len() as u64 >= with.as_u64().unwrap()),
            "uniqueItems" => {
                items.is_none_or(|items| (1..items.len()).all(|at| !items[..at].contains(&items[at])))
            }
            "required" => fields.is_none_or(|fields| {
                with.as_array().unwrap().iter().all(|name| fields.contains_key(name.as_str().unwrap()))
            }),
            "$ref" => {
                let target = self.schema.pointer(with.as_str().unwrap().trim_start_matches('#')).unwrap();
                self.value(target, value, at);
                true
            }
            "items" => {
                for (number, item) in items.into_iter().flatten().enumerate() {
                    self.value(with, item, &format!("{at}/{number}"));
                }
                true
            }
            "properties" => {
                for (name, field) in fields.into_iter().flatten() {
                    if let Some(rule) = with.get(name) {
                        self.value(rule, field, &format!("{at}/{name}"));
                    }
                }
                true
            }
            "anyOf" => self.matching(with, value) > 0,
            "oneOf" => self.matching(with, value) == 1,
            "pattern" => panic!("{at}: a text with a pattern, which is not looked into: {value}"),
            unknown => panic!("{unknown} is not known here"),
        }
    }

    fn others(&mut self, with: &Value, rule: &Value, value: &Value, at: &str) -> bool {
        let known = rule.get("properties");
        let other = |name: &str| known.is_none_or(|known| known.get(name).is_none());
        for (name, field) in value.as_object().into_iter().flatten().filter(|(name, _)| other(name)) {
            match with.as_bool() {
                Some(true) => {}
                Some(false) => self.mistakes.push(format!("{at}: {name} is not allowed")),
                None => self.value(with, field, &format!("{at}/{name}")),
            }
        }
        true
    }

    fn matching(&self, rules: &Value, value: &Value) -> usize {
        let fits = |rule: &&Value| {
            let mut check = Check { schema: self.schema, mistakes: Vec::new() };
            check.value(rule, value, "");
            check.mistakes.is_empty()
        };
        rules.as_array().unwrap().iter().filter(fits).count()
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("{other} is not known here"),
    }
}

#[test]
fn what_does_not_fit_is_found() {
    let check = |log: Value, expected: &str| {
        let found = mistakes(&log).join("\n");
        assert!(found.contains(expected), "{found}");
    };
    check(serde_json::json!({ "version": "2.1.0" }), "required");
    check(serde_json::json!({ "version": "3", "runs": [] }), "enum");
    check(
        serde_json::json!({ "version": "2.1.0", "runs": [{ "tool": { "driver": {} }, "x": 1 }] }),
        "x is not allowed",
    );
}
