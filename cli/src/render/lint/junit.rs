//! JUnit's XML: a suite for each file, a case for each statement. What is at or above the bar is a failure, what
//! cannot be read an error, what is below the bar stands in the output of its case.

use std::fmt::Write as _;

use pgbelay_analysis::{Hazard, Severity, StatementReport};

use super::{effects, rollback};
use crate::lint::report::{Bar, FileReport, Report, findings, refusal};

/// All of it.
pub(crate) fn suites(report: &Report, bar: Bar) -> String {
    let mut suites = String::new();
    let mut all = Tally::default();
    for (file, back) in report.all() {
        let tally = suite(&mut suites, file, (!back || bar.rollbacks).then_some(bar));
        all = Tally {
            tests: all.tests + tally.tests,
            failures: all.failures + tally.failures,
            errors: all.errors + tally.errors,
        };
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"pgbelay lint\"{}>\n{suites}</testsuites>\n",
        all.attributes()
    )
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    tests: usize,
    failures: usize,
    errors: usize,
}

impl Tally {
    fn attributes(self) -> String {
        format!(" tests=\"{}\" failures=\"{}\" errors=\"{}\"", self.tests, self.failures, self.errors)
    }
}

/// Without a bar nothing is a failure.
fn suite(text: &mut String, file: &FileReport, bar: Option<Bar>) -> Tally {
    let path = escape(&file.path);
    let mut cases = String::new();
    let mut tally = Tally { tests: file.statements.len() + file.faults.len(), ..Tally::default() };
    for fault in &file.faults {
        tally.errors += 1;
        let place = fault.place.map(|place| format!("{}:{}", place.line, place.column)).unwrap_or_default();
        let name = if place.is_empty() { "file".to_owned() } else { format!("{place} error") };
        let message = escape(&fault.message);
        let _ = writeln!(
            cases,
            "    <testcase classname=\"{path}\" name=\"{name}\">\n      <error type=\"sql\" message=\"{message}\"/>\n    \
             </testcase>"
        );
    }
    if let (Some(message), Some(bar)) = (rollback::finding(file), bar) {
        tally.tests += 1;
        let failed = bar.fail_on <= Severity::Medium;
        tally.failures += usize::from(failed);
        let message = escape(&message);
        let inside = if failed {
            format!("<failure type=\"rollback\" message=\"{message}\"/>")
        } else {
            format!("<system-out>{message}</system-out>")
        };
        let _ = writeln!(
            cases,
            "    <testcase classname=\"{path}\" name=\"rollback\">\n      {inside}\n    </testcase>"
        );
    }
    for statement in &file.statements {
        let (line, column) = (statement.position.line, statement.position.column);
        let _ = write!(
            cases,
            "    <testcase classname=\"{path}\" name=\"{line}:{column} {}\" file=\"{path}\" line=\"{line}\"",
            statement.kind
        );
        let inside = case(statement, bar, &mut tally);
        if inside.is_empty() {
            cases.push_str("/>\n");
        } else {
            let _ = writeln!(cases, ">\n{inside}    </testcase>");
        }
    }
    let _ = writeln!(text, "  <testsuite name=\"{path}\"{}>\n{cases}  </testsuite>", tally.attributes());
    tally
}

fn case(statement: &StatementReport, bar: Option<Bar>, tally: &mut Tally) -> String {
    let counts = |hazard: &&Hazard| bar.is_some_and(|bar| hazard.severity >= bar.fail_on);
    let (failures, rest): (Vec<_>, Vec<_>) = findings(statement).partition(counts);
    let mut text = String::new();
    if let Some(first) = failures.first() {
        tally.failures += 1;
        let lines: Vec<_> = failures.iter().copied().map(line).collect();
        let body = [lines.join("\n"), effects(statement)].join("\n");
        let (id, message) = (escape(&first.id), escape(&first.message));
        let _ = writeln!(
            text,
            "      <failure type=\"{id}\" message=\"{message}\">{}</failure>",
            escape(body.trim_end())
        );
    }
    if let Some(why) = refusal(statement)
        && bar.is_some()
    {
        tally.errors += 1;
        let _ = writeln!(text, "      <error type=\"sql\" message=\"{}\"/>", escape(&why));
    }
    if !rest.is_empty() {
        let lines: Vec<_> = rest.into_iter().map(line).collect();
        let _ = writeln!(text, "      <system-out>{}</system-out>", escape(&lines.join("\n")));
    }
    text
}

fn line(hazard: &Hazard) -> String {
    format!("{} {}: {} (pgbelay explain {})", hazard.severity.as_str(), hazard.id, hazard.message, hazard.id)
}

/// For text and attributes alike; characters that XML 1.0 cannot hold are replaced.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push_str("&#9;"),
            '\r' => escaped.push_str("&#13;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c if c < ' ' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
