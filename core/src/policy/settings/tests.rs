//! The list of settings, the types and the documentation say the same.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;
use crate::policy::{EnvironmentPolicy, Policy, ReplicationLag};
use crate::time::Span;

const PAGE: &str = include_str!("../../../../docs/policy.md");

#[test]
fn every_key_of_the_document_is_listed_and_nothing_else_is() {
    let known: BTreeSet<String> = keys::all().into_iter().collect();
    let listed: BTreeSet<String> = SETTINGS.iter().map(|setting| setting.path.to_owned()).collect();
    assert!(known.len() > 60, "the keys were not found: {known:?}");
    assert_eq!(listed, known, "a key of the policy and SETTINGS in core/src/policy/settings.rs differ");
    assert_eq!(SETTINGS.len(), listed.len(), "a key stands twice");
}

/// The rows of the table: the path, its default, and what is stricter.
fn documented() -> BTreeMap<&'static str, String> {
    let rows = PAGE.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let path = cells.next()?.strip_suffix('`')?;
        Some((path, format!("{} | {}", cells.next()?, cells.next()?)))
    });
    rows.collect()
}

/// What is stricter, as the table says it.
fn stricter(tighter: Tighter) -> String {
    let words = match tighter {
        Tighter::More => "larger",
        Tighter::MoreOrNone => "larger, or none",
        Tighter::Less | Tighter::LessOfTwo => "smaller",
        Tighter::On => "`true`",
        Tighter::Off => "`false`",
        Tighter::Present => "when given",
        Tighter::Absent => "when left out",
        Tighter::Entries => "more entries",
        Tighter::EntriesOrNone => "more entries, or none",
        Tighter::Openings => "fewer, but for none",
        Tighter::Words(words) => {
            return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" < ");
        }
        Tighter::WordsOrNone(words) => return format!("{}, or none", stricter(Tighter::Words(words))),
        Tighter::Unclear => "",
    };
    words.to_owned()
}

/// What counts where a key is left out, as the table says it; `None`: it cannot be left out.
fn default(path: &str) -> Option<String> {
    let name = "production".parse().unwrap();
    let lag = ReplicationLag {
        max: Span::seconds(1),
        ..serde_json::from_value(serde_json::json!({ "max": "1s" })).unwrap()
    };
    let mut environment = EnvironmentPolicy::with_defaults(name);
    if path.contains("replication_lag.") {
        environment.replication_lag = Some(lag);
    }
    let policy = Policy { environments: vec![environment], ..Policy::initial(&[]) };
    let mut written = policy.written_out();
    // What stands in lists is left out there.
    let within = path.strip_prefix("environments[].");
    if within.is_some_and(|path| path.contains("[].")) {
        return match path.rsplit_once("[].")? {
            (_, "name" | "query") => None,
            (_, "expect") => Some("`true`".to_owned()),
            (_, "timeout") => Some("`30s`".to_owned()),
            (_, "days") => Some("`daily`".to_owned()),
            (_, "zone") => Some("`UTC`".to_owned()),
            (_, "pause" | "allow_empty") => Some("`false`".to_owned()),
            _ => Some("none".to_owned()),
        };
    }
    if matches!(path, "environments" | "environments[].name" | "environments[].replication_lag.max") {
        return None;
    }
    match path {
        "environments[].requires" => return Some("the environment before".to_owned()),
        "environments[].approvals.count" => return Some("`1`".to_owned()),
        path if path.contains(".requires.") || path.contains(".approvals.") => {
            return Some("none".to_owned());
        }
        _ => {}
    }
    let (mut value, path) = match within {
        Some(path) => (written["environments"][0].take(), path),
        None => (written, path),
    };
    for key in path.split('.') {
        value = value.get_mut(key).map(Value::take).unwrap_or_default();
    }
    Some(match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => format!("`{text}`"),
        Value::Array(list) if list.is_empty() => "none".to_owned(),
        Value::Object(map) if map.is_empty() => "none".to_owned(),
        Value::Object(_) if path == "backup" => "`required`".to_owned(),
        Value::Object(_) => "see below it".to_owned(),
        value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_)) => format!("`{value}`"),
    })
}

#[test]
fn every_key_is_documented_with_its_default() {
    let documented = documented();
    let row = |setting: &Setting| {
        let default = default(setting.path).unwrap_or_else(|| "must be given".to_owned());
        let expected = format!("{default} | {}", stricter(setting.tighter));
        let found = documented.get(setting.path).map_or("no row", String::as_str);
        (found != expected).then(|| format!("`{}`: {found}; it must be: {expected}", setting.path))
    };
    let wrong: Vec<_> = SETTINGS.iter().filter_map(row).collect();
    assert!(wrong.is_empty(), "docs/policy.md:\n{}", wrong.join("\n"));
    let unknown = documented.keys().find(|path| !SETTINGS.iter().any(|setting| setting.path == **path));
    assert_eq!(unknown, None, "docs/policy.md has a key that the policy does not have");
}
