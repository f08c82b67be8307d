//! What was found in files of SQL: for people here, for other programs in the modules below.

use std::fmt::Write as _;

use pgbelay_analysis::{Allow, AllowProblem, Hazard, Lock, Severity, StatementReport, Work, WorkKind};

use super::Layout;
use super::text::{Tone, count, paint, wrap};
use crate::lint::report::{Counts, Fault, FileReport, Report, findings, refusal};

pub(crate) mod github;
pub(crate) mod junit;
mod rollback;
pub(crate) mod sarif;
mod snippet;
#[cfg(test)]
mod tests;

/// Most locks, and pieces of work, that a line names.
const MAX_NAMED: usize = 4;

/// The tone of a severity.
pub(super) const fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::High => Tone::Bad,
        Severity::Medium => Tone::Warn,
        Severity::Low => Tone::Strong,
        Severity::Info => Tone::Plain,
    }
}

/// Everything, by file. Statements in which nothing was found are shown when `whole`.
pub(crate) fn report(report: &Report, whole: bool, layout: Layout) -> String {
    let mut writer = Writer { text: String::new(), whole, width: layout.prose() };
    for file in &report.files {
        writer.file(file);
    }
    let before = writer.text.len();
    for file in &report.rollbacks {
        writer.file(file);
    }
    if writer.text.len() > before {
        let heading = format!("{}\n\n", paint(Tone::Strong, "Taking it back"));
        writer.text.insert_str(before, &heading);
    }
    writer.text.push_str(&rollback::section(report, whole, layout.prose()));
    writer.text + &summary(report, layout.prose())
}

struct Writer {
    text: String,
    whole: bool,
    width: usize,
}

impl Writer {
    fn file(&mut self, file: &FileReport) {
        let before = self.text.len();
        let shown: Vec<_> = file.statements.iter().filter(|statement| self.shows(statement)).collect();
        for fault in file.faults.iter().filter(|fault| fault.place.is_none()) {
            self.fault(file, fault);
        }
        let mut faults = file.faults.iter().filter(|fault| fault.place.is_some()).peekable();
        for statement in shown {
            while let Some(fault) = faults.next_if(|fault| fault.place < Some(statement.position)) {
                self.fault(file, fault);
            }
            self.statement(file, statement);
        }
        faults.for_each(|fault| self.fault(file, fault));
        for allow in &file.allows {
            self.allow(file, allow);
        }
        if self.text.len() > before {
            self.text.insert_str(before, &format!("{}\n\n", paint(Tone::Strong, &file.path)));
        }
    }

    fn shows(&self, statement: &StatementReport) -> bool {
        self.whole || !statement.hazards.is_empty() || refusal(statement).is_some()
    }

    fn statement(&mut self, file: &FileReport, statement: &StatementReport) {
        for hazard in statement.hazards.iter().filter(|hazard| hazard.allowed.is_some()) {
            self.allowed(file, statement, hazard);
        }
        let mut worst = None;
        if let Some(why) = refusal(statement) {
            self.title(Tone::Bad, "error", "", &why);
            worst = Some(Tone::Bad);
        }
        for hazard in findings(statement) {
            let tone = tone(hazard.severity);
            self.title(tone, hazard.severity.as_str(), &hazard.id, &hazard.message);
            worst = worst.or(Some(tone));
        }
        if worst.is_none() && !self.whole {
            return;
        }
        if worst.is_none() {
            self.title(Tone::Faint, &kind_and_risk(statement), "", &why(statement));
        }
        let place = (statement.position.line, statement.position.column);
        self.place(file, place);
        let span = statement.span.start..statement.span.end;
        let tone = worst.unwrap_or(Tone::Faint);
        self.text.push_str(&snippet::statement(&file.text, span, statement.position, tone, self.width));
        self.notes(statement);
        self.text.push('\n');
    }

    fn title(&mut self, tone: Tone, word: &str, id: &str, message: &str) {
        let id = if id.is_empty() { String::new() } else { format!(" {}", paint(Tone::Strong, id)) };
        let text = wrap(&format!("{}{id}: {message}", paint(tone, word)), 2, self.width);
        let _ = writeln!(self.text, "{text}");
    }

    fn place(&mut self, file: &FileReport, (line, column): (u32, u32)) {
        let text = format!("  at {}:{line}:{column}", file.path);
        let _ = writeln!(self.text, "{}", paint(Tone::Faint, &text));
    }

    fn notes(&mut self, statement: &StatementReport) {
        let ids: Vec<_> = findings(statement).map(|hazard| hazard.id.as_str()).collect();
        let mut notes = vec![effects(statement)];
        if !statement.transactional {
            notes.push("cannot run in a transaction".into());
        }
        if !statement.unknown.is_empty() {
            notes.push(format!("not known: {}", statement.unknown.join("; ")));
        }
        notes.extend(
            ids.iter()
                .enumerate()
                .filter(|(at, id)| !ids[..*at].contains(id))
                .map(|(_, id)| format!("safer: pgbelay explain {id}")),
        );
        for note in notes.iter().filter(|note| !note.is_empty()) {
            let _ = writeln!(self.text, "  = {}", wrap(note, 4, self.width));
        }
    }

    fn allowed(&mut self, file: &FileReport, statement: &StatementReport, hazard: &Hazard) {
        let reason = hazard.allowed.as_deref().unwrap_or_default();
        let place = format!("{}:{}:{}", file.path, statement.position.line, statement.position.column);
        let text = format!("allowed {}: {reason}\nat {place}", hazard.id);
        self.faint(&text);
        self.text.push('\n');
    }

    /// Line by line, because a colour that goes over a break would take in the indent.
    fn faint(&mut self, text: &str) {
        for line in wrap(text, 2, self.width).lines() {
            let _ = writeln!(self.text, "{}", paint(Tone::Faint, line));
        }
    }

    fn fault(&mut self, file: &FileReport, fault: &Fault) {
        self.title(Tone::Bad, "error", "", &fault.message);
        if let Some(place) = fault.place {
            self.place(file, (place.line, place.column));
            self.text.push_str(&snippet::fault(&file.text, place, self.width));
        }
        self.text.push('\n');
    }

    fn allow(&mut self, file: &FileReport, allow: &Allow) {
        let Some(problem) = &allow.problem else { return };
        self.title(Tone::Warn, "comment", &allow.id, &allow_problem(problem));
        self.place(file, (allow.position.line, allow.position.column));
        self.text.push('\n');
    }
}

fn kind_and_risk(statement: &StatementReport) -> String {
    format!("{}, {} risk", statement.kind, statement.risk)
}

/// The reasons without what is not known, which has a line of its own.
fn why(statement: &StatementReport) -> String {
    let known =
        statement.reasons.iter().map(String::as_str).filter(|reason| !reason.starts_with("unknown: "));
    known.collect::<Vec<_>>().join("; ")
}

/// What is wrong with a comment that allows something.
pub(super) fn allow_problem(problem: &AllowProblem) -> String {
    match problem {
        AllowProblem::NoReason => {
            "allows nothing, because it gives no reason; add one behind the name".into()
        }
        AllowProblem::UnknownId { nearest: Some(near) } => {
            format!("there is no such hazard; is {near} meant?")
        }
        AllowProblem::UnknownId { nearest: None } => {
            "there is no such hazard; pgbelay explain lists them all".into()
        }
        AllowProblem::Unused => "allows what was not found; take the comment away".into(),
    }
}

/// What is locked and what work is done, in a line.
pub(super) fn effects(statement: &StatementReport) -> String {
    let locks: Vec<_> =
        statement.locks.iter().filter(|lock| !lock.new && lock.mode.blocks_writes()).collect();
    let work: Vec<_> = statement.work.iter().filter(|work| !work.new).collect();
    let mut parts = named(&locks, |lock| lock_words(lock));
    parts.extend(named(&work, |work| work_words(work)));
    parts.join(" · ")
}

fn named<T>(things: &[T], words: impl Fn(&T) -> String) -> Vec<String> {
    let mut named: Vec<_> = things.iter().take(MAX_NAMED).map(words).collect();
    if things.len() > MAX_NAMED {
        named.push(format!("and {} more", things.len() - MAX_NAMED));
    }
    named
}

fn lock_words(lock: &Lock) -> String {
    let who = if lock.mode.blocks_reads() { "reads and writes wait" } else { "writes wait" };
    format!("locks {} {} ({who})", lock.relation, lock.mode)
}

fn work_words(work: &Work) -> String {
    let what = match work.kind {
        WorkKind::Rewrite => "rewrites",
        WorkKind::Index => "builds an index on",
        WorkKind::Scan => "reads all of",
    };
    format!("{what} {}", work.relation)
}

fn summary(report: &Report, width: usize) -> String {
    let summary = &report.summary;
    let mut found = severities(&summary.findings, "");
    found.extend(severities(&summary.rollback_findings, " in rollback files"));
    let more = [
        (summary.faults, "that cannot be read"),
        (summary.refused, "that the server would refuse"),
        (summary.not_taken_back, "not taken back"),
        (summary.allowed, "allowed"),
    ];
    found.extend(more.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
    let what = format!("{}, {}", count(summary.files, "file"), count(summary.statements, "statement"));
    let tone = match (summary.failed, found.is_empty()) {
        (true, _) => Tone::Bad,
        (false, true) => Tone::Good,
        (false, false) => Tone::Warn,
    };
    let found = if found.is_empty() { "nothing found".to_owned() } else { found.join(", ") };
    let first: Vec<_> = found.split(' ').map(|word| paint(tone, word)).collect();
    let mut text = format!("{}\n", wrap(&format!("{what}: {}", first.join(" ")), 2, width));
    if summary.unknown > 0 {
        let remark = format!(
            "{} could not be judged fully; --verbose says what is missing, --catalog FILE supplies it",
            count(summary.unknown, "statement")
        );
        for line in wrap(&remark, 2, width).lines() {
            let _ = writeln!(text, "{}", paint(Tone::Faint, line));
        }
    }
    text
}

fn severities(counts: &Counts, where_: &str) -> Vec<String> {
    let all = [(counts.high, "high"), (counts.medium, "medium"), (counts.low, "low"), (counts.info, "info")];
    all.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}{where_}")).collect()
}
