//! Workflow commands of GitHub Actions: an annotation for each finding. The summary stands below them as plain text.

use std::fmt::Write as _;

use pgbelay_analysis::{Position, Severity};

use super::{allow_problem, effects, rollback};
use crate::lint::report::{Bar, FileReport, Report, findings, refusal};

/// All of it.
pub(crate) fn commands(report: &Report, bar: Bar) -> String {
    let mut text = String::new();
    for (file, back) in report.all() {
        for annotation in annotations(file, !back || bar.rollbacks) {
            annotation.write(&file.path, &mut text);
        }
    }
    text.push_str(&super::super::harmless(&super::summary(report, usize::MAX), false));
    text
}

struct Annotation {
    level: &'static str,
    place: Option<Position>,
    title: String,
    message: String,
}

fn annotations(file: &FileReport, judged: bool) -> Vec<Annotation> {
    let mut all = Vec::new();
    let mut add = |level, place, title: String, message| {
        all.push(Annotation { level, place, title, message });
    };
    let unless_back = |level| if judged { level } else { "notice" };
    for fault in &file.faults {
        add("error", fault.place, "SQL".into(), fault.message.clone());
    }
    if let Some(message) = rollback::finding(file) {
        add("warning", None, "rollback".into(), message);
    }
    for statement in &file.statements {
        let place = Some(statement.position);
        if let Some(why) = refusal(statement) {
            add(unless_back("error"), place, "SQL".into(), why);
        }
        for hazard in findings(statement) {
            let safer = format!("safer: pgbelay explain {}", hazard.id);
            let lines = [hazard.message.clone(), effects(statement), safer];
            let lines: Vec<_> = lines.into_iter().filter(|line| !line.is_empty()).collect();
            add(unless_back(level(hazard.severity)), place, hazard.id.clone(), lines.join("\n"));
        }
    }
    for allow in &file.allows {
        if let Some(problem) = &allow.problem {
            add("notice", Some(allow.position), format!("allow {}", allow.id), allow_problem(problem));
        }
    }
    all
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "notice",
    }
}

impl Annotation {
    fn write(&self, path: &str, text: &mut String) {
        let place = self.place.map(|at| format!(",line={},col={}", at.line, at.column)).unwrap_or_default();
        let (path, title, message) = (property(path), property(&self.title), data(&self.message));
        let _ = writeln!(text, "::{} file={path}{place},title={title}::{message}", self.level);
    }
}

/// What stands behind `::` ends with the line.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands in a property also ends with a comma or a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
