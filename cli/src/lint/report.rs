//! What came of it: the document of `--output json`, of which every other format is made.

use pgbelay_analysis::{Allow, Hazard, Position, ScriptError, Server, Severity, StatementReport};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::rollback::RollbackReport;

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    /// What the migrations do, in the order in which they run.
    pub(crate) files: Vec<FileReport>,
    /// What taking them back does.
    pub(crate) rollbacks: Vec<FileReport>,
    pub(crate) summary: Summary,
}

/// What one file does.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct FileReport {
    pub(crate) path: String,
    pub(crate) statements: Vec<StatementReport>,
    /// What could not be read.
    pub(crate) faults: Vec<Fault>,
    /// The comments that allow hazards.
    pub(crate) allows: Vec<Allow>,
    /// What taking it back leaves, for the files of a directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rollback: Option<RollbackReport>,
    /// Its text, to show lines of.
    #[serde(skip)]
    pub(crate) text: String,
    /// It was named and cannot be opened, or is no directory of migrations.
    #[serde(skip)]
    pub(crate) wrong_name: bool,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where, when it is at one place.
    pub(crate) place: Option<Position>,
    /// What is wrong.
    pub(crate) message: String,
}

impl Fault {
    /// Something that is wrong with the file as such.
    pub(crate) fn whole_file(message: impl Into<String>) -> Self {
        Self { place: None, message: message.into() }
    }

    /// Bytes that are no text, behind those that are.
    pub(crate) fn not_utf8(before: &str) -> Self {
        let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let place = Position { line: number(line), column: number(column) };
        Self { place: Some(place), message: "not UTF-8; save the file as UTF-8".into() }
    }
}

impl From<&ScriptError> for Fault {
    fn from(error: &ScriptError) -> Self {
        Self { place: error.position(), message: crate::migrations::without_place(error) }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fault = serializer.serialize_struct("Fault", 3)?;
        fault.serialize_field("line", &self.place.map_or(0, |place| place.line))?;
        fault.serialize_field("column", &self.place.map_or(0, |place| place.column))?;
        fault.serialize_field("message", &self.message)?;
        fault.end()
    }
}

/// How many of what, and whether it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub(crate) files: usize,
    pub(crate) statements: usize,
    /// Hazards of `files` that no comment allows, by severity.
    pub(crate) findings: Counts,
    /// The same of `rollbacks`.
    pub(crate) rollback_findings: Counts,
    /// Hazards that a comment allows.
    pub(crate) allowed: usize,
    /// What could not be read.
    pub(crate) faults: usize,
    /// Statements that the server would refuse.
    pub(crate) refused: usize,
    /// Migrations that are not taken back, or not to what was before.
    pub(crate) not_taken_back: usize,
    /// Statements of which a fact is missing.
    pub(crate) unknown: usize,
    /// The major version that was judged for.
    pub(crate) server: u32,
    /// From where on a finding counts.
    pub(crate) fail_on: Severity,
    /// Whether something does: a finding, a fault, a statement that the server would refuse.
    pub(crate) failed: bool,
}

/// How many of each severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) high: usize,
    pub(crate) medium: usize,
    pub(crate) low: usize,
    pub(crate) info: usize,
}

impl Counts {
    fn add(&mut self, severity: Severity) {
        match severity {
            Severity::High => self.high += 1,
            Severity::Medium => self.medium += 1,
            Severity::Low => self.low += 1,
            Severity::Info => self.info += 1,
        }
    }
}

/// What counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bar {
    pub(crate) server: Server,
    /// From where on a finding counts.
    pub(crate) fail_on: Severity,
    /// Whether findings in rollback files do.
    pub(crate) rollbacks: bool,
}

impl Report {
    pub(crate) fn new(files: Vec<FileReport>, rollbacks: Vec<FileReport>, bar: Bar) -> Self {
        let summary = summary(&files, &rollbacks, bar);
        Self { files, rollbacks, summary }
    }

    /// All files, each with whether it takes something back.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&FileReport, bool)> {
        self.files.iter().map(|file| (file, false)).chain(self.rollbacks.iter().map(|file| (file, true)))
    }

    /// Whether something that was named is not there.
    pub(crate) fn has_wrong_names(&self) -> bool {
        self.all().any(|(file, _)| file.wrong_name)
    }
}

fn summary(files: &[FileReport], rollbacks: &[FileReport], bar: Bar) -> Summary {
    let (mut findings, mut rollback_findings) = (Counts::default(), Counts::default());
    let mut summary = Summary {
        files: files.len() + rollbacks.len(),
        statements: 0,
        findings,
        rollback_findings,
        allowed: 0,
        faults: 0,
        refused: 0,
        not_taken_back: 0,
        unknown: 0,
        server: bar.server.number(),
        fail_on: bar.fail_on,
        failed: false,
    };
    let groups = [(files, &mut findings, true), (rollbacks, &mut rollback_findings, bar.rollbacks)];
    for (files, counts, judged) in groups {
        for file in files {
            summary.faults += file.faults.len();
            summary.failed |= !file.faults.is_empty();
            summary.statements += file.statements.len();
            if file.rollback.as_ref().is_some_and(RollbackReport::is_finding) {
                summary.not_taken_back += 1;
                summary.failed |= bar.fail_on <= Severity::Medium;
            }
            for statement in &file.statements {
                summary.refused += usize::from(refusal(statement).is_some());
                summary.failed |= judged && refusal(statement).is_some();
                summary.unknown += usize::from(!statement.unknown.is_empty());
                for hazard in &statement.hazards {
                    if hazard.allowed.is_some() {
                        summary.allowed += 1;
                        continue;
                    }
                    counts.add(hazard.severity);
                    summary.failed |= judged && hazard.severity >= bar.fail_on;
                }
            }
        }
    }
    Summary { findings, rollback_findings, ..summary }
}

/// What the server would say instead of running it.
pub(crate) fn refusal(statement: &StatementReport) -> Option<String> {
    statement.needs_server.map_or_else(
        || statement.fails.as_ref().map(|why| format!("the server refuses it: {why}")),
        |major| Some(format!("needs PostgreSQL {major} or newer")),
    )
}

/// The hazards that no comment allows, weightiest first.
pub(crate) fn findings(statement: &StatementReport) -> impl Iterator<Item = &Hazard> {
    statement.hazards.iter().filter(|hazard| hazard.allowed.is_none())
}
