//! The section about what taking migrations back leaves.

use std::fmt::Write as _;

use super::super::text::{Tone, paint, wrap};
use crate::lint::report::{FileReport, Report};
use crate::lint::rollback::RollbackReport;

/// Most objects that are named for one migration, unless all are asked for.
const MAX_NAMED: usize = 6;

/// Every pair that somebody should know of; all when `whole`.
pub(super) fn section(report: &Report, whole: bool, width: usize) -> String {
    let mut text = String::new();
    for file in &report.files {
        if let Some(rollback) = file.rollback.as_ref().filter(|rollback| whole || is_shown(rollback)) {
            pair(&mut text, file, rollback, whole, width);
        }
    }
    if text.is_empty() { text } else { format!("{}\n\n{text}", paint(Tone::Strong, "Rollback")) }
}

fn is_shown(rollback: &RollbackReport) -> bool {
    rollback.is_finding() || rollback.lost_by_up().next().is_some()
}

fn pair(text: &mut String, file: &FileReport, rollback: &RollbackReport, whole: bool, width: usize) {
    let (tone, word) = if rollback.is_finding() { (Tone::Warn, "medium") } else { (Tone::Faint, "info") };
    let title =
        format!("{} {}: {}", paint(tone, word), paint(Tone::Strong, rollback.state), rollback.summary());
    let _ = writeln!(text, "{}", wrap(&title, 2, width));
    let _ = writeln!(text, "{}", paint(Tone::Faint, &format!("  at {}", file.path)));
    for note in notes(rollback, whole) {
        let _ = writeln!(text, "  = {}", wrap(&note, 4, width));
    }
    text.push('\n');
}

/// What is left, what is gone, and what is not known.
pub(super) fn notes(rollback: &RollbackReport, whole: bool) -> Vec<String> {
    let most = if whole { usize::MAX } else { MAX_NAMED };
    let mut notes = rollback.why.clone();
    notes.extend(rollback.left.iter().take(most).map(ToString::to_string));
    if let Some(more) = rollback.left.len().checked_sub(most).filter(|more| *more > 0) {
        notes.push(format!("and {more} more; --verbose names them"));
    }
    let values = |lost: &pgbelay_analysis::LostValues| format!("{} {}", lost.what, lost.object);
    let gone: Vec<_> = rollback.lost_by_up().map(values).collect();
    if !gone.is_empty() {
        notes.push(format!("gone for good: {}", gone.join(", ")));
    }
    if whole {
        let new = rollback.values.iter().filter(|lost| lost.by == pgbelay_analysis::Way::Down);
        let new: Vec<_> = new.map(values).collect();
        if !new.is_empty() {
            notes.push(format!("taking it back destroys: {}", new.join(", ")));
        }
    }
    notes
}

/// A finding in one text, for other programs.
pub(super) fn finding(file: &FileReport) -> Option<String> {
    let rollback = file.rollback.as_ref().filter(|rollback| rollback.is_finding())?;
    let mut lines = vec![rollback.summary()];
    lines.extend(notes(rollback, false));
    Some(lines.join("\n"))
}
