//! The risk of a statement: the base of its kind, raised by hazards, and lowered by what is known.

use crate::report::{Hazard, Severity, StatementReport};
use crate::{Risk, Statement};

/// Puts risk and reasons into a report.
pub(super) fn judge(report: &mut StatementReport, statement: &Statement, refine: bool) {
    let mut findings: Vec<(Risk, String)> = Vec::new();
    let counted = report.hazards.iter().filter(|hazard| hazard.allowed.is_none());
    findings.extend(counted.map(|hazard| (hazard.severity.risk(), reason(hazard))));
    for hazard in report.hazards.iter().filter(|hazard| hazard.allowed.is_some()) {
        let why = hazard.allowed.as_deref().unwrap_or_default();
        findings.push((Risk::Low, format!("{} is allowed: {why}", hazard.id)));
    }
    for what in &report.unknown {
        findings.push((Risk::Medium, format!("unknown: {what}")));
    }
    if let Some(fails) = &report.fails {
        findings.push((Risk::High, format!("the server would refuse it: {fails}")));
    }
    if refine && is_explained(report, statement) {
        if findings.is_empty() {
            findings.push((Risk::Low, what_is_known(report, statement)));
        }
    } else {
        findings.extend(statement.reasons.iter().map(|reason| (statement.risk, reason.clone())));
    }
    findings.sort_by_key(|(risk, _)| std::cmp::Reverse(*risk));
    report.risk = findings.first().map_or(statement.risk, |(risk, _)| *risk);
    let mut reasons: Vec<String> = Vec::new();
    for (_, reason) in findings {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    report.reasons = reasons;
}

fn reason(hazard: &Hazard) -> String {
    format!("{}: {}", hazard.id, hazard.message)
}

/// Whether all that the statement does was found out, so that its kind says nothing more. What writes
/// rows, destroys data or is not analysed keeps the base of its kind.
fn is_explained(report: &StatementReport, statement: &Statement) -> bool {
    let destroys = report.destroys.iter().any(|loss| loss.data);
    let rows = super::is_about_rows(report.kind);
    let allowed_high =
        report.hazards.iter().any(|hazard| hazard.allowed.is_none() && hazard.severity == Severity::High);
    statement.not_analysed.is_none() && (!destroys || allowed_high) && !rows && report.unknown.is_empty()
}

/// Why the risk is lower than that of the kind.
fn what_is_known(report: &StatementReport, statement: &Statement) -> String {
    let words = statement.kind.words();
    let others = report.locks.iter().any(|lock| !lock.new);
    if report.work.iter().all(|work| work.new) && !others {
        return format!("{words} touches nothing that was there before");
    }
    if report.work.is_empty() {
        return format!("{words} changes the catalogue only");
    }
    format!("{words} has no hazard that is known")
}
