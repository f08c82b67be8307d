//! Comments that allow a hazard: `-- pgbelay: allow ID reason`.
//!
//! Above a statement one counts for that statement; before everything else in the file, with an empty
//! line behind it, for the whole file.

use crate::hazards;
use crate::position::Cursor;
use crate::read::Comment;
use crate::report::{Allow, AllowProblem, StatementReport};

/// Marks what comments allow, and says what came of each comment.
pub(super) fn apply(sql: &str, comments: &[Comment], statements: &mut [StatementReport]) -> Vec<Allow> {
    let mut found = Vec::new();
    let mut cursor = Cursor::new(sql);
    for comment in comments {
        let Some(text) = sql.get(comment.start..comment.end) else { continue };
        let Some((id, reason)) = directive(text) else { continue };
        let position = cursor.advance_to(comment.start);
        let mut allow = Allow { position, id, reason, problem: None };
        allow.problem = match problem(&allow) {
            Some(problem) => Some(problem),
            None => (!mark(sql, *comment, &allow, statements)).then_some(AllowProblem::Unused),
        };
        found.push(allow);
    }
    found
}

/// The hazard and the reason of a comment.
fn directive(comment: &str) -> Option<(String, String)> {
    let text = match comment.strip_prefix("--") {
        Some(line) => line.trim(),
        None => comment.strip_prefix("/*")?.strip_suffix("*/")?.trim(),
    };
    let rest = text.strip_prefix("pgbelay:")?.trim_start().strip_prefix("allow")?;
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let mut words = rest.split_whitespace();
    let id = words.next().unwrap_or_default().to_owned();
    Some((id, words.collect::<Vec<_>>().join(" ")))
}

fn problem(allow: &Allow) -> Option<AllowProblem> {
    if hazards::hazard(&allow.id).is_none() {
        let nearest = hazards::nearest_hazard(&allow.id).map(str::to_owned);
        return Some(AllowProblem::UnknownId { nearest });
    }
    allow.reason.is_empty().then_some(AllowProblem::NoReason)
}

/// Marks the findings that a comment is about; whether there were any.
fn mark(sql: &str, comment: Comment, allow: &Allow, statements: &mut [StatementReport]) -> bool {
    let first = statements.iter().position(|statement| statement.span.end > comment.start);
    let whole_file = first == Some(0)
        && statements.first().is_some_and(|statement| {
            comment.end < statement.span.start
                && sql.get(comment.end..statement.span.start).is_some_and(has_empty_line)
        });
    let reached = match first {
        Some(_) if whole_file => statements,
        Some(at) => statements.get_mut(at..=at).unwrap_or_default(),
        None => return false,
    };
    let mut used = false;
    for hazard in reached.iter_mut().flat_map(|statement| statement.hazards.iter_mut()) {
        if hazard.id == allow.id {
            hazard.allowed = Some(allow.reason.clone());
            used = true;
        }
    }
    used
}

fn has_empty_line(between: &str) -> bool {
    between.lines().skip(1).any(|line| line.trim().is_empty())
}
