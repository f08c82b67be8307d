//! SARIF 2.1.0, for code scanning.

use std::collections::BTreeMap;

use pgbelay_analysis::{Hazard, HazardInfo, Position, Severity, StatementReport, hazards};
use pgbelay_core::digest::Digest;
use serde_json::{Value, json};

use super::{allow_problem, effects, rollback};
use crate::lint::report::{Bar, FileReport, Report, refusal};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// Rules that are no hazards.
const ERROR: &str = "sql-error";
const COMMENT: &str = "allow-comment";
/// The rule of what taking a migration back leaves.
const ROLLBACK: &str = "rollback";
/// The name of our fingerprint; another way to make it would be `/v2`.
const FINGERPRINT: &str = "pgbelayStatement/v1";
/// What of a path stays as it is in a URI, beside letters and digits.
const UNRESERVED: &[u8] = b"-._~/";

/// The whole log.
pub(crate) fn log(report: &Report, bar: Bar) -> Value {
    let results: Vec<_> =
        report.all().flat_map(|(file, back)| results(file, !back || bar.rollbacks)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "pgbelay",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rules() -> Vec<Value> {
    let text = |text: &str| json!({ "text": text });
    let hazard = |info: &HazardInfo| {
        json!({
            "id": info.id,
            "shortDescription": text(info.title),
            "help": { "text": format!("pgbelay explain {}", info.id), "markdown": info.page },
            "defaultConfiguration": { "level": level(info.severity) },
        })
    };
    let own = |id: &str, what: &str, level: &str| {
        json!({
            "id": id,
            "shortDescription": text(what),
            "defaultConfiguration": { "level": level },
        })
    };
    let mut rules: Vec<_> = hazards().iter().map(hazard).collect();
    rules.push(own(ERROR, "SQL that cannot be read, or that the server would refuse", "error"));
    rules.push(own(ROLLBACK, "a migration that is not taken back to what was before", "warning"));
    rules.push(own(COMMENT, "a comment that allows nothing", "note"));
    rules
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// What a rollback file destroys it is meant to destroy: a note, unless it counts.
fn results(file: &FileReport, judged: bool) -> Vec<Value> {
    let mut results = Vec::new();
    let mut seen = BTreeMap::new();
    let mut add = |rule: &str, level: &str, message: &str, place: Place<'_>| {
        let level = if judged { level } else { "note" };
        results.push(result(file, (rule, level, message), &place, &mut seen));
        results.len() - 1
    };
    let mut suppressed = Vec::new();
    for fault in &file.faults {
        add(ERROR, "error", &fault.message, Place { at: fault.place, ..Place::default() });
    }
    if let Some(message) = rollback::finding(file) {
        add(ROLLBACK, "warning", &message, Place::default());
    }
    for statement in &file.statements {
        if let Some(why) = refusal(statement) {
            add(ERROR, "error", &why, Place::of(file, statement, None));
        }
        let effects = effects(statement);
        let effects = if effects.is_empty() { effects } else { format!("\n{effects}") };
        for hazard in &statement.hazards {
            let message = format!("{}{effects}", hazard.message);
            let place = Place::of(file, statement, Some(hazard));
            let at = add(&hazard.id, level(hazard.severity), &message, place);
            suppressed.extend(hazard.allowed.as_ref().map(|reason| (at, reason)));
        }
    }
    for allow in &file.allows {
        if let Some(problem) = &allow.problem {
            let message = format!("{}: {}", allow.id, allow_problem(problem));
            add(COMMENT, "note", &message, Place { at: Some(allow.position), ..Place::default() });
        }
    }
    for (at, reason) in suppressed {
        results[at]["suppressions"] = json!([{ "kind": "inSource", "justification": reason }]);
    }
    results
}

/// Where a result is.
#[derive(Debug, Clone, Copy, Default)]
struct Place<'a> {
    at: Option<Position>,
    /// The statement's text.
    text: &'a str,
    /// What it is about.
    object: &'a str,
}

impl<'a> Place<'a> {
    fn of(file: &'a FileReport, statement: &StatementReport, hazard: Option<&'a Hazard>) -> Self {
        Self {
            at: Some(statement.position),
            text: file.text.get(statement.span.start..statement.span.end).unwrap_or_default(),
            object: hazard.and_then(|hazard| hazard.relation.as_deref()).unwrap_or_default(),
        }
    }
}

fn result(
    file: &FileReport,
    (rule, level, message): (&str, &str, &str),
    place: &Place<'_>,
    seen: &mut BTreeMap<Digest, u32>,
) -> Value {
    let mut physical = json!({ "artifactLocation": { "uri": uri(&file.path) } });
    if let Some(region) = region(place) {
        physical["region"] = region;
    }
    let mut result = json!({
        "ruleId": rule,
        "level": level,
        "message": { "text": message },
        "locations": [{ "physicalLocation": physical }],
        "partialFingerprints": { FINGERPRINT: fingerprint(rule, message, place, seen) },
    });
    if let Some(index) = hazards().iter().position(|hazard| hazard.id == rule) {
        result["ruleIndex"] = index.into();
    }
    result
}

fn region(place: &Place<'_>) -> Option<Value> {
    let at = place.at?;
    let mut region = json!({ "startLine": at.line, "startColumn": at.column });
    if let Some(last) = place.text.lines().next_back() {
        let more = u32::try_from(place.text.matches('\n').count()).unwrap_or(u32::MAX);
        let width = u32::try_from(last.chars().count()).unwrap_or(u32::MAX);
        let before = if more == 0 { at.column } else { 1 };
        region["endLine"] = at.line.saturating_add(more).into();
        region["endColumn"] = before.saturating_add(width).into();
    }
    Some(region)
}

/// The same wherever the statement moves in its file: made of the rule, the object, and the words of the statement;
/// of several that are equal, each has its number.
fn fingerprint(rule: &str, message: &str, place: &Place<'_>, seen: &mut BTreeMap<Digest, u32>) -> String {
    let words = place.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let about = if words.is_empty() { message } else { place.object };
    let parts = [rule.as_bytes(), about.as_bytes(), words.as_bytes()];
    let digest = Digest::of_parts(FINGERPRINT, parts);
    let number = seen.entry(digest).or_insert(0);
    *number += 1;
    format!("{}:{number}", digest.short())
}

/// A path as a reference that is relative to where the command runs.
fn uri(path: &str) -> String {
    let relative = path.strip_prefix("./").unwrap_or(path);
    let mut uri = String::from(if relative.starts_with('/') { "file://" } else { "" });
    for byte in relative.bytes() {
        if byte.is_ascii_alphanumeric() || UNRESERVED.contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}
